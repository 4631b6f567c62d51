"""Tiny fake copies of the datasets in their true folder layouts; images follow their labels, so nets can learn."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.data import bracol, cityscapes, deepglobe, hrf, isprs, landcoverai, loveda, urur

SIZE = (64, 64)
TRAIN, VAL, TEST = ("119", "266", "855"), ("2774", "16453"), ("606",)  # of DeepGlobe's lists
DEEPGLOBE_FOLDERS = {
    "official": ("land-train", "land-train"),
    "bare": (".", "."),
    "GLNet": ("crossvali/Sat", "crossvali/Label"),
    "ISDNet": ("img_dir/val", "rgb2id/val"),
}
INRIA_FOLDERS = {
    "official": ("train/images", "train/gt"),
    "FCtL": ("crossvali/Sat", "crossvali/Label"),
    "ISDNet": ("imgs/val", "labels/val"),
}


def fake_label(image_id: str, size: tuple[int, int], classes: int) -> np.ndarray:
    """A map of blocks, [H, W], that differs from id to id and holds every class where the size allows."""
    rows, columns = np.indices(size)
    block = max(2, size[0] // 8)
    return ((rows // block * 3 + columns // block + zlib.crc32(image_id.encode())) % classes).astype(np.uint8)


def fake_image(image_id: str, label: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Dull palette colours with noise, [H, W, 3]."""
    noise = np.random.default_rng(zlib.crc32(image_id.encode())).normal(0, 8, (*label.shape, 3))
    colours = np.asarray(palette, np.float64)[label] * 0.5 + 60
    return np.clip(colours + noise, 0, 255).astype(np.uint8)


def write_deepglobe(root: Path, ids: Sequence[str], size: tuple[int, int] = SIZE, layout: str = "official") -> Path:
    """Colour masks; index masks in the layouts of GLNet's and ISDNet's code. Returns the root."""
    images, labels = (_folder(root, name) for name in DEEPGLOBE_FOLDERS[layout])
    palette = deepglobe.PALETTE
    for image_id in ids:
        label = fake_label(image_id, size, len(palette))
        mask = label if layout in ("GLNet", "ISDNet") else np.asarray(palette, np.uint8)[label]
        Image.fromarray(fake_image(image_id, label, palette)).save(images / f"{image_id}_sat.jpg", quality=95)
        Image.fromarray(mask).save(labels / f"{image_id}_mask.png")
    return root


def write_inria(root: Path, ids: Sequence[str], size: tuple[int, int] = SIZE, layout: str = "official") -> Path:
    """Masks of 0 and 255; of 0 and 1 in the layouts of FCtL's and ISDNet's code. Returns the root."""
    images, labels = (_folder(root, name) for name in INRIA_FOLDERS[layout])
    image_end, label_end, high = (".tif", ".tif", 255) if layout == "official" else ("_sat.tif", "_mask.png", 1)
    for image_id in ids:
        label = fake_label(image_id, size, 2)
        Image.fromarray(fake_image(image_id, label, ((0, 0, 0), (255, 255, 255)))).save(
            images / f"{image_id}{image_end}"
        )
        Image.fromarray(label * np.uint8(high)).save(labels / f"{image_id}{label_end}")
    return root


def write_cityscapes(
    root: Path, ids: Sequence[str], size: tuple[int, int] = SIZE, split: str = "train", kind: str = "labelIds"
) -> Path:
    """Masks of ``kind`` "labelIds" (all 34 of them) or "labelTrainIds". Returns the root."""
    for image_id in ids:
        city = image_id.split("_")[0]
        label_ids = fake_label(image_id, size, 34)
        train_ids = cityscapes.TRAIN_IDS[label_ids]
        colours = [(index * 7, 255 - index * 7, index * 37 % 256) for index in range(34)]
        image = fake_image(image_id, label_ids, colours)
        stem = _folder(root, f"leftImg8bit/{split}/{city}") / image_id
        Image.fromarray(image).save(f"{stem}_leftImg8bit.png")
        stem = _folder(root, f"gtFine/{split}/{city}") / image_id
        Image.fromarray(label_ids if kind == "labelIds" else train_ids).save(f"{stem}_gtFine_{kind}.png")
    return root


def write_hrf(root: Path, ids: Sequence[str], split: str = "training", layout: str = "released") -> Path:
    """Masks of 0 to 3; images of ids that end in "dr" are named .JPG, as released. Returns the root."""
    names = (
        (f"{split}/images", f"{split}/1st_manual") if layout == "released" else (f"images/{split}", f"labels/{split}")
    )
    images, labels = (_folder(root, name) for name in names)
    for image_id in ids:
        label = fake_label(image_id, SIZE, 4)
        image = fake_image(image_id, label, (*hrf.HRF.info.palette, (200, 200, 200)))
        Image.fromarray(image).save(images / f"{image_id}.{'JPG' if image_id.endswith('dr') else 'jpg'}", quality=95)
        end = "_AVmanual.png" if layout == "released" else ".png"
        Image.fromarray(label).save(labels / f"{image_id}{end}")
    return root


def write_bracol(root: Path, ids: Sequence[str], split: str = "train", layout: str = "released") -> Path:
    """Colour masks as released, or masks of 0 to 2. Returns the root."""
    released = layout == "released"
    images, labels = (
        _folder(root, f"images/{split}"),
        _folder(root, f"{'annotations' if released else 'labels'}/{split}"),
    )
    for image_id in ids:
        label = fake_label(image_id, SIZE, 3)
        image = fake_image(image_id, label, bracol.BRACOL.info.palette)
        Image.fromarray(image).save(images / f"{image_id}.jpg", quality=95)
        mask = np.array([(0, 0, 0), (0, 176, 0), (255, 0, 0)], np.uint8)[label] if released else label
        Image.fromarray(mask).save(labels / (f"{image_id}_mask.png" if released else f"{image_id}.png"))
    return root


def write_loveda(root: Path, ids: Sequence[str], split: str = "Train", scene: str = "Urban") -> Path:
    """Masks of 0 to 7. Returns the root."""
    images, labels = (_folder(root, f"{split}/{scene}/{kind}_png") for kind in ("images", "masks"))
    for image_id in ids:
        label = fake_label(image_id, SIZE, 8)
        _save(fake_image(image_id, label, ((0, 0, 0), *loveda.LoveDA.info.palette)), images / f"{image_id}.png")
        _save(label, labels / f"{image_id}.png")
    return root


def write_potsdam(root: Path, ids: Sequence[str], layout: str = "official") -> Path:
    """Colour masks, which lie in the root as unpacked. Returns the root."""
    labels = _folder(root, {"official": ".", "labels in a folder": "5_Labels_all"}[layout])
    images = _folder(root, "2_Ortho_RGB")
    for image_id in ids:
        _write_colours(image_id, isprs.PALETTE, images / f"{image_id}_RGB.tif", labels / f"{image_id}_label.tif")
    return root


def write_vaihingen(root: Path, ids: Sequence[str], layout: str = "official") -> Path:
    """Colour masks, which lie in the root as unpacked. Returns the root."""
    folders = {"official": ".", "labels in a folder": "gts", "training labels alone": "gts_for_participants"}
    images, labels = _folder(root, "top"), _folder(root, folders[layout])
    for image_id in ids:
        _write_colours(image_id, isprs.PALETTE, images / f"{image_id}.tif", labels / f"{image_id}.tif")
    return root


def write_urur(root: Path, ids: Sequence[str], split: str = "train") -> Path:
    """Colour masks. Returns the root."""
    images, labels = (_folder(root, f"{split}/{kind}") for kind in ("image", "label"))
    for image_id in ids:
        _write_colours(image_id, urur.URUR.info.palette, images / f"{image_id}.png", labels / f"{image_id}.png")
    return root


def write_landcoverai(root: Path, ids: Mapping[str, Sequence[str]]) -> Path:
    """Tiles as ``split.py`` cuts them, and the list of each split. Returns the root."""
    folder = _folder(root, "output")
    for split in ("train", "val", "test"):
        names = ids.get(split, ())
        (root / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="ascii")
        for name in names:
            label = fake_label(name, SIZE, 5)
            _save(fake_image(name, label, landcoverai.LandCoverAI.info.palette), folder / f"{name}.jpg")
            _save(np.repeat(label[..., None], 3, axis=2), folder / f"{name}_m.png")
    return root


def _write_colours(image_id: str, palette: Sequence[tuple[int, int, int]], image: Path, mask: Path) -> None:
    """An image and its mask in the palette's colours."""
    label = fake_label(image_id, SIZE, len(palette))
    _save(fake_image(image_id, label, palette), image)
    _save(np.asarray(palette, np.uint8)[label], mask)


def _save(pixels: np.ndarray, file: Path) -> None:
    Image.fromarray(pixels).save(file)


def _folder(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
