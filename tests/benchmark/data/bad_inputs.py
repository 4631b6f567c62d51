"""The table of bad inputs: by command, the kind, the file, how it is written, and a part of the line that is said."""

import tarfile

import numpy as np
import torch
from PIL import Image

from benchmark import registry
from tests.benchmark.data import odd
from tests.benchmark.data.odd import COLOURS, LABEL, PIXELS, SIZE, cut, encoded, pages, raw, saved, tiff
from tests.results.records import record

MASK_FILE, IMAGE_FILE, CARD_FILE = "data/masks/p0.png", "data/images/p0.png", "data/dataset.toml"
GREY, WIDE, HTML = PIXELS[..., 0], PIXELS.astype(np.uint16) * 4, raw("<html>quota exceeded</html>")  # WIDE: 10 bits
SAT, MASK = ("land-train/119_sat.jpg", encoded(kind="JPEG")), ("land-train/119_mask.png", encoded(COLOURS[LABEL] * 0))
NET = registry.build(registry.card("constant"), 7).state_dict()
FLOATS = {"counts": torch.ones(7)}
RECORD = record("cost", "stdc").model_dump_json()
SCORES = record("accuracy", "stdc").model_dump_json()
MIXED = np.full((*SIZE, 4), 255, np.uint8)
MIXED[..., :3] = COLOURS[LABEL]
CLEAR = MIXED.copy()
CLEAR[:9, :, 3] = 0
BLURRED = np.asarray(Image.fromarray(COLOURS[LABEL]).resize((80, 96)).resize((40, 48), 1))
NAN = PIXELS.astype(np.float32) / 255
NAN[3, 3] = np.nan
VAST = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "compress": "zstd"}
DEEP = "[" * 10_000
OPTIONS = {
    "predict stdc good.png --weights w --out out": "--scale=nan --scale=0 --scale=-1 --scale=x --tile=0 --tile=-5 "
    "--tile=1.5 --memory-budget=-1 --memory-budget=0 --memory-budget=nan --memory-budget=inf --blend=magic --colour",
    "run table1 --systems stdc": "--ratio=0 --ratio=2 --ratio=nan --ratio=half --crop=abc --crop=0x0 --crop=8x8 "
    "--seeds=0 --seeds=-1 --learning-rate=0 --learning-rate=-1 --learning-rate=nan --learning-rate=inf --batch=0 "
    "--iterations=0 --iterations=-3 --devices=0 --holdout=-1 --threads=0 --recipe=none --format=doc --tables=table1",
    "data synth --out out": "--size=5x5 --train=-1 --test=few --seed=-1",
    "measure stdc": "--size=32 --profile=none --timing=none",
    "report": "--records=nowhere",
    "": "perdict",
}
BAD = {
    "predict": [  # images
        ("jpeg, cut short", "a.jpg", cut("JPEG"), "a.jpg: cannot be read: image file is truncated"),
        ("png, cut short", "a.png", cut("PNG"), "a.png: cannot be read"),
        ("tiff, cut short", "a.tif", cut("TIFF", compression="tiff_lzw"), "a.tif: cannot be read"),
        ("tiff, cut in the header", "a.tif", cut("TIFF", 0.001), "a.tif: cannot be read"),
        ("webp, cut short", "a.webp", cut("WEBP"), "a.webp: "),
        ("jpeg 2000, cut short", "a.jp2", cut("JPEG2000"), "a.jp2: cannot be read"),
        ("png with a broken byte", "a.png", odd.edited(encoded(), b"IDAT", 900, b"\0\0\0"), "a.png: cannot be read"),
        ("no bytes", "a.png", raw(""), "a.png: "),
        ("no bytes, tiff", "a.tif", raw(""), "a.tif: "),
        ("text", "a.png", raw("no image"), "a.png: "),
        ("web page", "a.jpg", HTML, "a.jpg: "),
        ("pointer of git lfs", "a.tif", raw("version https://git-lfs.github.com/spec/v1\n"), "a.tif: "),
        ("svg", "a.png", raw("<svg xmlns='http://www.w3.org/2000/svg'/>"), "a.png: "),
        ("gdal's xml", "a.tif", raw(odd.vrt("data/images/p1.png")), "a.tif: not an image"),
        ("missing", "a.png", odd.nothing, "a.png: no such file"),
        ("missing tiff", "a.tif", odd.nothing, "a.tif: no such file"),
        ("folder named as an image", "a.png", odd.folder, "a.png: no image in this folder"),
        ("folder within a folder", "plain/a.png", odd.folder, "plain/a.png: no image in this folder"),
        ("dangling link", "a.png", odd.link, "a.png: no such file"),
        ("dangling link, tiff", "a.tif", odd.link, "a.tif: no such file"),
        ("pipe", "a.png", odd.pipe, "a.png: cannot be read: is not a plain"),
        ("pipe, tiff", "a.tif", odd.pipe, "a.tif: cannot be read: is not a plain"),
        ("16-bit grey", "a.png", saved(WIDE[..., 0]), "a.png: has mode 'I;16'"),
        ("16-bit colours", "a.png", odd.through_opencv(WIDE), "a.png: has samples of 16 bits"),
        ("10 bits in a 16-bit tiff", "a.tif", tiff(WIDE), "a.tif: has 3 bands of uint16"),
        ("12-bit jpeg 2000", "a.jp2", odd.deep_jpeg_2000(), "a.jp2: has samples of 12 bits"),
        ("float tiff with NaN", "a.tif", tiff(NAN), "a.tif: has 3 bands of float32"),
        ("signed tiff", "a.tif", tiff(PIXELS.astype(np.int16)), "a.tif: has 3 bands of int16"),
        ("complex tiff", "a.tif", tiff(NAN.astype(np.complex64)), "a.tif: has 3 bands of complex64"),
        ("two bands", "a.tif", tiff(PIXELS[..., :2]), "a.tif: has 2 bands of uint8"),
        ("grey", "a.jpg", saved(GREY, "JPEG"), "a.jpg: has mode 'L'"),
        ("1 bit", "a.png", saved(mode="1"), "a.png: has mode '1'"),
        ("palette", "a.png", saved(mode="P"), "a.png: has mode 'P'"),
        ("palette tiff", "a.tif", saved(mode="P", kind="TIFF"), "a.tif: has 1 band of uint8"),
        ("transparent", "a.png", saved(CLEAR), "a.png: has mode 'RGBA'"),
        ("grey and transparent", "a.png", saved(mode="LA"), "a.png: has mode 'LA'"),
        ("cmyk jpeg", "a.jpg", saved(mode="CMYK", kind="JPEG"), "a.jpg: has mode 'CMYK'"),
        ("cmyk tiff", "a.tif", saved(mode="CMYK", kind="TIFF"), "a.tif: has the colours of CMYK"),
        ("lab tiff", "a.tif", saved(mode="LAB", kind="TIFF"), "a.tif: has the colours of CIELAB"),
        ("pages", "a.tif", pages("TIFF"), "a.tif: holds 3 pictures"),
        ("animation, png", "a.png", pages("PNG"), "a.png: holds 3 pictures"),
        ("animation, webp", "a.webp", pages("WEBP", lossless=True), "a.webp: holds 3 pictures"),
        ("png of no width", "a.png", odd.png_of(0, 9), "a.png: "),
        ("tiff of no height", "a.tif", odd.tiff_of(9, 0), "a.tif: cannot be read"),
        ("png that claims 4e18 pixels", "a.png", odd.png_of(2**31 - 1, 2**31 - 1), "a.png: "),
        ("tiff that claims 4e18 pixels", "a.tif", odd.tiff_of(2**31 - 1, 2**31 - 1), "a.tif: "),
        ("tiff of a vast, empty tile", "a.tif", tiff(PIXELS, **VAST), "a.tif: claims 4096x4096 pixels at once"),
        ("jpeg 2000 of false size", "a.jp2", odd.large_jpeg_2000(), "a.jp2: claims 8000x8000 pixels at once"),
        ("tiff that claims 1e12 pixels", "a.tif", odd.tiff_of(10**6, 10**6), "a.tif: 1000000x1000000 pixels need"),
        ("name with a line break", "a\nb.png", raw("no image"), "a?b.png: "),
        ("name that is no text", "a\udcff.png", raw("no image"), ".png: "),
    ],
    "truth": [  # labels of one image
        ("labels of another size", "t.png", saved(LABEL[1:]), "t.png: 47x40 pixels, the image has 48x40"),
        ("label out of range", "t.png", saved(LABEL + 9), "t.png: label holds"),
        ("labels in three channels", "t.png", saved(np.dstack([LABEL] * 3)), "t.png: has mode 'RGB'"),
        ("labels of 16 bits", "t.png", saved(LABEL.astype(np.uint16)), "t.png: has mode 'I;16'"),
        ("labels of 16 bits, tiff", "t.tif", tiff(LABEL.astype(np.uint16)[..., None]), "t.tif: has 1 band of uint16"),
        ("labels in two bands", "t.tif", tiff(np.dstack([LABEL] * 2)), "t.tif: has 2 bands"),
        ("labels as floats", "t.tif", tiff(LABEL.astype(np.float32)[..., None]), "t.tif: has 1 band of float32"),
        ("labels, cut short", "t.png", odd.shortened(saved(LABEL)), "t.png: "),
        ("labels as jpeg", "t.jpg", saved(LABEL * 100, "JPEG"), "t.jpg: label holds"),
        ("labels missing", "t.png", odd.nothing, "t.png: no such file"),
        ("labels on pages", "t.tif", pages("TIFF", first=LABEL), "t.tif: holds 3 pictures"),
    ],
    "verify": [  # the files of a dataset, where the status is 1; and its card
        ("mask of indices in RGB", MASK_FILE, saved(np.dstack([LABEL] * 3)), "p0.png: "),
        ("mask of blurred colours", MASK_FILE, saved(BLURRED), "p0.png: "),
        ("mask as jpeg", MASK_FILE, saved(COLOURS[LABEL], "JPEG"), "p0.png: "),
        ("mask of other colours", MASK_FILE, saved(COLOURS[LABEL] // 2), "p0.png: "),
        ("mask with another palette", MASK_FILE, saved(odd.coloured((0, 2, 1))), "p0.png: its palette"),
        ("mask of another size", MASK_FILE, saved(LABEL[1:]), "p0.png: mask is 47x40"),
        ("mask value out of range", MASK_FILE, saved(LABEL + 1), "p0.png: value 3"),
        ("mask of 16 bits", MASK_FILE, saved(LABEL.astype(np.uint16)), "p0.png: has mode 'I;16'"),
        ("mask as floats", MASK_FILE, saved(LABEL.astype(np.float32), "TIFF"), "p0.png: has mode 'F'"),
        ("mask partly transparent", MASK_FILE, saved(CLEAR), "p0.png: "),
        ("mask on pages", MASK_FILE, pages("TIFF", first=LABEL), "p0.png: holds 3 pictures"),
        ("mask, cut short", MASK_FILE, odd.shortened(saved(LABEL)), "p0.png: "),
        ("mask that is a folder", MASK_FILE, odd.folder, "p0.png: "),
        ("mask that is a pipe", MASK_FILE, odd.pipe, "p0.png: cannot be read: is not a plain"),
        ("mask missing", MASK_FILE, odd.nothing, "p0.png: no mask for it"),
        ("image missing", IMAGE_FILE, odd.nothing, "p0.png: no image for it"),
        ("image turned, unclear", IMAGE_FILE, odd.turned(3), "p0.png: has EXIF orientation 3"),
        ("image, a broken tiff", IMAGE_FILE, odd.broken_tiff(), "p0.png: cannot be read"),
        (
            "image, a tiff without all strips",
            IMAGE_FILE,
            odd.tiff_of(40, 4800, 48),
            "p0.png: lacks parts of its 4800x40",
        ),
        ("image of 16 bits", IMAGE_FILE, odd.through_opencv(WIDE), "p0.png: has samples of 16 bits"),
        ("image in grey", IMAGE_FILE, saved(GREY), "p0.png: has mode 'L'"),
        *(
            (
                f"card without {key}",
                CARD_FILE,
                odd.card(**{key: None}),
                f"dataset.toml: {key}: Field required",
            )
            for key in ("title", "classes", "images", "masks", "image_size", "split")
        ),
        *(
            (f"card: {key} = {value}"[:60], CARD_FILE, odd.card(**{key: value}), said)
            for key, value, said in (
                ("title", '""', "title: "),
                ("title", "3", "title: "),
                ("classes", '["a"]', "classes: "),
                ("classes", '["a", "a", "b"]', "classes: "),
                ("classes", '["a", "", "b"]', "classes"),
                ("palette", "[[0, 0, 0]]", "palette: 3 different"),
                ("palette", "[[0, 0, 0], [0, 0, 0], [1, 1, 1]]", "palette: 3 different"),
                ("palette", "[[0, 0, 0], [0, 256, 0], [1, 1, 1]]", "palette"),
                ("palette", "[[0, 0, 0], [0, -1, 0], [1, 1, 1]]", "palette"),
                ("values", "[0, 1]", "values: 3 different"),
                ("values", "[0, 1, 256]", "values, ignore: numbers from 0 to 255"),
                ("ignore", "[1]", "none of them in both"),
                ("images", "[]", "images: "),
                ("images", '[""]', "images"),
                ("images", '["images/p0.png"]', "with a * for the image's id"),
                ("images", '["../data/images/*.png"]', "patterns within the folder"),
                ("images", '["images/**.png"]', "images"),
                ("images", '["*/p0.png"]', "images"),
                ("images", '["pictures/*.png"]', "'pictures/*.png'"),
                ("masks", '["labels/*.png"]', "p0.png: no mask for it ('labels/p0.png')"),
                ("image_size", "[0, 40]", "image_size"),
                ("image_size", '"48x40"', "image_size"),
                ("split", '{by = "chance"}', "split.by"),
                ("split", '{by = "fraction", fraction = 0}', "split.fraction"),
                ("split", '{by = "fraction", fraction = nan}', "split.fraction"),
                ("split", '{by = "fold", folds = 2, fold = 2}', "folds count from 0"),
                ("split", '{by = "fold", folds = 9, fold = 8}', "no image for val and test"),
                ("split", '{by = "fraction", fraction = 0.99}', "split"),
                ("split", '{by = "list", train = ["p0"]}', "needs train, and val or test"),
                ("split", '{by = "list", train = ["p0", "p1"], test = ["p1"]}', "p1"),
                ("split", '{by = "list", train = ["p0", "p0"], test = ["p1"]}', "p0"),
                ("split", '{by = "folder", train = ["images"], test = ["images"]}', "images"),
                ("colour", "3", "colour: Extra inputs"),
            )
        ),
        ("card that is no toml", CARD_FILE, raw("title = "), "dataset.toml: is not TOML"),
        ("card that is no text", CARD_FILE, raw(b"\xff\xfe\0"), "dataset.toml: is not TOML"),
        ("card that is empty", CARD_FILE, raw(""), "dataset.toml: title: Field required"),
        ("card of endless nesting", CARD_FILE, raw(f"title = {DEEP}"), "dataset.toml: is not TOML"),
        ("card missing", CARD_FILE, odd.nothing, "dataset.toml: No such file"),
        ("card that is a pipe", CARD_FILE, odd.pipe, "dataset.toml: is not a plain file"),
    ],
    "run": [
        ("two images of one id", CARD_FILE, odd.card(images='["images/*.png", "*/*.png"]'), "p0"),
        ("listed ids that are not there", CARD_FILE, odd.card(split=odd.listed("p0", "p9")), "'test'"),
        ("pair without a partner", MASK_FILE, odd.nothing, "p0.png: no mask for it"),
    ],
    "init": [
        ("folder missing", "x", odd.nothing, "plain: no such folder"),
        ("folder empty", "plain", odd.folder, "plain: 0 images and 0 masks"),
        ("file in place of a folder", "plain", raw(""), "plain: no such folder"),
        ("no masks", "plain", odd.pairs(masks=None), "but no pair"),
        ("masks of one value", "plain", odd.pairs(masks=saved(LABEL * 0)), "one value everywhere"),
        ("masks saved as jpeg", "plain", odd.pairs(masks=saved(PIXELS)), "too many colours"),
        ("masks of 16 bits", "plain", odd.pairs(masks=saved(LABEL.astype(np.uint16))), "has mode 'I;16'"),
        ("masks of indices in RGB", "plain", odd.pairs(masks=saved(np.dstack([LABEL] * 3))), "three equal channels"),
        ("a broken image", "plain", odd.pairs(images=raw("no image")), "a.png: "),
        ("a broken mask", "plain", odd.pairs(masks=odd.shortened(saved(LABEL))), "a.png: "),
        ("a mask that is a pipe", "plain", odd.pairs(masks=odd.pipe), "a.png: cannot be read: is not a plain"),
    ],
    "prepare": [
        ("zip, encrypted", "a.zip", odd.patched(odd.zipped(SAT), (b"PK\3\4", 6, 1), (b"PK\1\2", 8, 1)), "is encrypted"),
        ("zip that leaves the folder", "a.zip", odd.zipped(("../../evil", b"x")), "no DeepGlobe images here"),
        ("zip with an absolute path", "a.zip", odd.zipped(("/evil", b"x")), "no DeepGlobe images here"),
        ("zip with a link", "a.zip", odd.zipped(("land-train", b""), SAT, link="/etc"), "a.zip: "),
        ("zip, a bomb", "a.zip", odd.patched(odd.zipped(SAT), (b"PK\1\2", 27, 0x7F)), "no archive of images"),
        ("zip, cut short", "a.zip", odd.shortened(odd.zipped(SAT, MASK)), "a.zip: cannot be unpacked"),
        (
            "zip with a broken byte",
            "a.zip",
            odd.patched(odd.zipped(SAT), (SAT[0].encode(), 80, 0xFF)),
            "a.zip: cannot be unp",
        ),
        ("zip, packed in an unknown way", "a.zip", odd.patched(odd.zipped(SAT), (b"PK\1\2", 10, 99)), "cannot be unp"),
        ("zip without members", "a.zip", odd.zipped(), "no DeepGlobe images here"),
        ("text named as a zip", "a.zip", raw("no archive"), "a.zip: cannot be unpacked"),
        ("archive of no known kind", "a.rar", raw(b"Rar!\x1a\7\0"), "known archives: "),
        ("tar, cut short", "a.tar.gz", odd.shortened(odd.tarred(SAT, MASK, mode="w:gz")), "a.tar.gz: cannot be unp"),
        ("tar that leaves the folder", "a.tar", odd.tarred(("../../evil", b"x")), "a.tar: cannot be unpacked"),
        (
            "tar with a link",
            "a.tar",
            odd.tarred(("x", b""), kind=tarfile.SYMTYPE, target="/etc"),
            "a.tar: cannot be unp",
        ),
        ("tar with a device", "a.tar", odd.tarred(("x", b""), kind=tarfile.CHRTYPE), "a.tar: cannot be unpacked"),
        ("tar with an endless name", "a.tar", odd.tarred(("x" * 300, b"x")), "a.tar: cannot be unpacked"),
        ("archive missing", "a.zip", odd.nothing, "a.zip: no such file or folder"),
        ("archive that is a pipe", "a.zip", odd.pipe, "a.zip: cannot be read: is not a plain"),
    ],
    "weights": [
        ("weights missing", "w", odd.nothing, "w: no such weights file"),
        ("weights that are a folder", "w", odd.folder, "w: cannot be read"),
        ("weights that are a pipe", "w", odd.pipe, "w: is not a plain file"),
        ("weights, empty", "w", raw(""), "w: truncated"),
        ("weights as text", "w", raw("no weights"), "w: truncated"),
        ("weights as a web page", "w", HTML, "w: an HTML page"),
        ("weights of NaN", "w", odd.torch_file({**FLOATS, "b": torch.tensor([torch.nan])}), "w: 'b' holds NaN"),
        ("weights of infinity", "w", odd.torch_file({"b": torch.tensor([torch.inf])}), "w: 'b' holds NaN or inf"),
        ("weights, quantised", "w", odd.torch_file(odd.quantised()), "w: 'b' is quantised"),
        ("weights with code", "w", odd.torch_file({**NET, "x": odd.Harmful("evil")}), "w: not loaded"),
        ("weights of another net", "w", odd.torch_file({"body": torch.ones(3)}), "w: lacks 'counts'"),
        ("weights of other classes", "w", odd.torch_file({"counts": torch.ones(5)}), "w: 'counts' has shape (5,)"),
        ("weights without tensors", "w", odd.torch_file({"epoch": 3}), "w: entry 'epoch' is not a tensor"),
        ("weights, sparse", "w", odd.torch_file({"counts": torch.ones(7).to_sparse()}), "w: 'counts' is sparse"),
        ("weights without values", "w", odd.torch_file({"counts": torch.ones(7, device="meta")}), "w: 'counts' "),
        ("weights, complex", "w", odd.torch_file({"counts": torch.ones(7) * 1j}), "w: 'counts' is complex"),
        ("safetensors, cut short", "w", odd.shortened(odd.safetensors(NET), 0.9), "w: truncated or damaged"),
        ("safetensors with an endless header", "w", raw(b"\xff" * 6 + b"\0\0{"), "w: truncated or damaged"),
        ("safetensors with a ratio of text", "w", odd.safetensors(NET, ratio="half"), "w: says that the ratio is"),
        ("safetensors with a ratio of NaN", "w", odd.safetensors(NET, ratio="nan"), "w: says that the ratio is"),
        ("safetensors of another system", "w", odd.safetensors(NET, system="unet"), "w: weights of system 'unet'"),
    ],
    "convert": [
        ("checkpoint missing", "c.pth", odd.nothing, "c.pth: no such weights file"),
        ("checkpoint as text", "c.pth", raw("no checkpoint"), "c.pth: truncated"),
    ],
    "validate": [  # records, where the status is 1
        ("record, empty", "r.json", raw(""), "is empty"),
        ("record as a web page", "r.json", HTML, "is not a record"),
        ("record, cut short", "r.json", raw(RECORD[:900]), "is not a record"),
        ("record that is a list", "r.json", raw("[1, 2]"), "is not a record"),
        ("record of endless nesting", "r.json", raw(DEEP), "is not a record"),
        ("record of bytes", "r.json", raw(bytes(range(256))), "is not a record"),
        ("record with NaN", "r.json", odd.replaced(RECORD, '"median_ms":200.0', '"median_ms":NaN'), "median_ms"),
        ("record with zero", "r.json", odd.replaced(RECORD, '"median_ms":200.0', '"median_ms":0'), "median_ms"),
        ("record of text", "r.json", odd.replaced(RECORD, '"median_ms":200.0', '"median_ms":"fast"'), "median_ms"),
        ("record of another kind", "r.json", odd.replaced(RECORD, '{"kind":"cost"', '{"kind":"speed"'), "kind"),
        ("record of the future", "r.json", odd.replaced(RECORD, '"schema_version":2', '"schema_version":99'), "99"),
        ("record, empty confusion", "r.json", odd.replaced(SCORES, "[[5,1],[2,1099511627776]]", "[]"), "confusion"),
        (
            "record, endless digits",
            "r.json",
            odd.replaced(RECORD, '"median_ms":200.0', f'"median_ms":{"9" * 5000}'),
            "is not a record",
        ),
        ("record that is a folder", "r.json", odd.folder, "no record to check"),
        ("record that is a pipe", "r.json", odd.pipe, "is not a plain file"),
        ("record missing", "r.json", odd.nothing, "cannot be read"),
    ],
    "options": [  # the words in place of the file
        (option, [*words.split(), option], None, option.lstrip("-").partition("=")[0])
        for words, options in OPTIONS.items()
        for option in options.split()
    ],
}
