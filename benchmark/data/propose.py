"""Looks at a folder of images and masks and proposes its ``dataset.toml``."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.card_file import FILE, MOST_CLASSES, DatasetCard
from benchmark.data.opening import BadFileError, header_size, load
from benchmark.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".jp2", ".bmp")
MASK_WORDS = (  # of folders, or at the end of a stem; where an image has two masks, the earlier word wins
    *("labels", "label", "annotations", "annotation", "gt", "groundtruth", "seg", "manual1", "masks", "mask"),
)
IMAGE_WORDS = {"sat", "image", "img", "rgb"}  # at the end of a stem, they are no part of the id
SPLITS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
SEEN = 40  # masks whose pixels are counted
MOST_COLOURS = 64  # a mask with more was compressed with loss, or is a photograph
BACKGROUND, INSIDE = 0, 255  # the values of a mask of one class


@dataclass
class Found:
    """The images and masks of a folder, by id."""

    root: Path
    images: dict[str, Path] = field(default_factory=dict)
    masks: dict[str, Path] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)  # what the user should know

    @property
    def pairs(self) -> list[str]:
        """Ids that have both."""
        return sorted(self.images.keys() & self.masks.keys())


def propose(root: Path) -> tuple[DatasetCard, list[str]]:
    """A card for a folder, and what was found, a line each.

    Raises:
        UserError: there are no pairs, two images have one id, or the masks hold no classes.
    """
    found = _search(root)
    if not found.pairs:
        raise UserError(
            f"{root}: {len(found.images)} images and {len(found.masks)} masks, but no pair: masks lie in a folder such "
            "as 'masks' or 'labels', or end in '_mask', and share the rest of the name with their image"
        )
    _report_files(found)
    return DatasetCard.model_validate({**_classes(found), **_places(found), "title": root.resolve().name}), found.lines


def _search(root: Path) -> Found:
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    found, ranks, left_out = Found(root), dict[Path, int](), list[Path]()
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        if file.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in relative.parts):
            continue
        image_id, last = _id(file)
        words = {last, *(part.lower() for part in relative.parts[:-1])}
        ranks[file] = next((rank for rank, word in enumerate(MASK_WORDS) if word in words), -1)
        files = found.images if ranks[file] < 0 else found.masks
        other = files.get(image_id)
        if other and ranks[other] == ranks[file]:
            kind = "masks" if files is found.masks else "images"
            raise UserError(f"{root}: two {kind} are called '{image_id}': {other.relative_to(root)}, {relative}")
        if other:
            left_out.append(max(file, other, key=ranks.__getitem__))
        if not other or ranks[file] < ranks[other]:
            files[image_id] = file
    if left_out:
        found.lines.append(
            f"left out, for their images have other masks: {len(left_out)} like {left_out[0].relative_to(root)}"
        )
    return found


def _id(file: Path) -> tuple[str, str]:
    """The stem without a last word such as "_mask" or "_sat", and that word."""
    start, _, last = re.sub(r"[-. ]", "_", file.stem).rpartition("_")
    if start and last.lower() in IMAGE_WORDS.union(MASK_WORDS):
        return file.stem[: len(start)], last.lower()
    return file.stem, ""


def _report_files(found: Found) -> None:
    sizes = Counter(header_size(found.images[image_id]) for image_id in found.pairs)
    shown = ", ".join(f"{height}x{width} ({count})" for (height, width), count in sizes.most_common(3))
    more = f" and {len(sizes) - 3} others" if len(sizes) > 3 else ""
    kinds = Counter(found.images[image_id].suffix.lower() for image_id in found.pairs)
    found.lines.append(f"{len(found.pairs)} pairs ({', '.join(f'{n} {kind}' for kind, n in kinds.items())})")
    found.lines.append(f"sizes: {shown}{more}")
    for name, ids in (
        ("images without a mask", found.images.keys() - found.masks.keys()),
        ("masks without an image", found.masks.keys() - found.images.keys()),
    ):
        if ids:
            found.lines.append(f"{len(ids)} {name}: {', '.join(sorted(ids)[:5])}{' ...' if len(ids) > 5 else ''}")


def _places(found: Found) -> dict[str, Any]:
    """Patterns of the files, the usual image size, and the split."""
    sizes = Counter(header_size(found.images[image_id]) for image_id in found.pairs)

    def patterns(files: dict[str, Path]) -> list[str]:
        tails = {(files[key].parent.relative_to(found.root), files[key].name[len(key) :]) for key in found.pairs}
        return sorted((parent / f"*{tail}").as_posix() for parent, tail in tails)

    parts = {part for key in found.pairs for part in found.images[key].relative_to(found.root).parent.parts}
    split: dict[str, Any] = {
        name: [part for part in sorted(parts) if part.lower() in words] for name, words in SPLITS.items()
    }
    if split["train"] and (split["val"] or split["test"]):
        split = {"by": "folder", **{name: words for name, words in split.items() if words}}
    else:
        split = {"by": "fraction", "fraction": 0.2, "seed": 0}
    found.lines.append(f"split: {' '.join(f'{name} {value}' for name, value in split.items())}")
    return {
        "images": patterns(found.images),
        "masks": patterns(found.masks),
        "image_size": sizes.most_common(1)[0][0],
        "split": split,
    }


def _classes(found: Found) -> dict[str, Any]:
    """Classes, values and palette from the pixels of the first masks."""
    colours, values, modes = Counter[int](), Counter[int](), Counter[str]()
    for image_id in found.pairs[:SEEN]:
        mask = load(found.masks[image_id])
        modes[mask.mode] += 1
        if mask.mode in ("L", "P", "1"):
            values.update(_counts(np.array(mask, np.int32)))
        elif mask.mode in ("RGB", "RGBA"):
            colours.update(_counts(np.array(mask.convert("RGB"), np.int32) @ np.array([65536, 256, 1])))
        else:
            raise BadFileError(found.masks[image_id], f"has mode '{mask.mode}'; save the mask as 8-bit grey or RGB")
    looked_at = min(SEEN, len(found.pairs))
    found.lines.append(
        f"masks looked at: {looked_at} ({', '.join(f'{n} of mode {mode}' for mode, n in modes.items())})"
    )
    if colours and values:
        raise UserError(f"{found.root}: some masks are grey and some are coloured; bring them into one form first")
    return _of_colours(found, colours) if colours else _of_values(found, values)


def _counts(codes: NDArray[Any]) -> dict[int, int]:
    found, counts = np.unique(codes, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _of_values(found: Found, values: Counter[int]) -> dict[str, Any]:
    """Classes of the values of grey masks. 255 means "not labelled", except beside 0 alone."""
    present = sorted(values)
    ignore = [INSIDE] if INSIDE in present and present != [BACKGROUND, INSIDE] and len(present) > 2 else []
    present = [value for value in present if value not in ignore]
    _require_classes(found, len(present))
    _report_shares(found, {str(value): count for value, count in values.items()})
    return {"classes": [f"class {value}" for value in present], "values": present, "ignore": ignore}


def _of_colours(found: Found, colours: Counter[int]) -> dict[str, Any]:
    """Classes of the colours of RGB masks, the most frequent first."""
    triples = {code: (code >> 16, code >> 8 & 255, code & 255) for code, _ in colours.most_common()}
    _require_classes(found, len(triples) if len(triples) <= MOST_COLOURS else MOST_CLASSES + 1)
    if max(max(triple) for triple in triples.values()) < len(triples) + 1 and all(
        len(set(t)) == 1 for t in triples.values()
    ):
        raise UserError(f"{found.root}: the masks hold class indices in three equal channels; save one channel as grey")
    _report_shares(found, {"#{:02x}{:02x}{:02x}".format(*triples[code]): count for code, count in colours.items()})
    return {"classes": [f"class {index}" for index in range(len(triples))], "palette": list(triples.values())}


def _require_classes(found: Found, count: int) -> None:
    if count < 2:
        raise UserError(f"{found.root}: the masks hold one value everywhere; a dataset needs two classes")
    if count > MOST_CLASSES:
        raise UserError(f"{found.root}: the masks hold too many colours for classes; were they saved as JPEG? use PNG")


def _report_shares(found: Found, counts: dict[str, int]) -> None:
    total = sum(counts.values())
    shares = sorted(counts.items(), key=lambda item: -item[1])
    found.lines.append(
        "mask values: " + ", ".join(f"{name} {100 * count / total:.1f} %" for name, count in shares[:20])
    )


# what follows a proposed card, for its owner to use or not
TRAINING = """
# What the recipe 'short' respects on these images, for all systems alike:
# [training]
# rotate = "none"                      # they have an up and a down
# photometric = false                  # the classes are told apart by faint colours
# crop_classes = ["a rare class"]      # every crop should hold one of these; or, instead:
# class_weights = {"a frequent class" = 1, "a rare class" = 3}   # of four crops three are drawn until they hold it
"""


def text_of(card: DatasetCard) -> str:
    """The card as TOML."""
    content = card.model_dump(exclude_defaults=True, mode="json")
    split = card.split.model_dump(exclude_unset=True, mode="json")  # what was chosen, also where it is the default
    del content["split"]
    lines = ["# Name the classes and check the rest; 'isdbench data verify' reads every file."]
    lines += [f"{name} = {json.dumps(value)}" for name, value in content.items()]
    lines += ["", "[split]", *(f"{name} = {json.dumps(value)}" for name, value in split.items()), ""]
    return "\n".join(lines) + TRAINING


def write(card: DatasetCard, root: Path) -> Path:
    """Write the card into its folder.

    Raises:
        UserError: there is one already, or the folder cannot be written.
    """
    file = root / FILE
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text_of(card))
    except FileExistsError:
        raise UserError(f"{file}: exists already; move it away, or change it by hand") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}") from error
    return file
