"""ISDNet on an image too large for a pass over the whole: the same logits, up to rounding, from top to bottom.

The deep branch sees the whole reduced image, as always. The shallow branch sees strips with as many rows around them as
its maps depend on, and of each strip only its projected maps are kept, a tenth of what a pass over the image takes.
Attention averages them over the whole image. Then the fused map is made in strips as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.inference import resize
from isdnet.deep import ConvDeep, SegFormerDeep
from isdnet.fusion import CHANNELS, ConcatFusion, RelationAwareFusion
from isdnet.pyramid import LaplacianPyramid
from isdnet.shallow import ShallowNet
from isdnet.variants import Variant

Reader = Callable[[int, int], Tensor]  # first row, number of rows -> [1, 3, rows, W]
EIGHTH, SIXTEENTH = 8, 16
STRIP = 512  # rows of the image at a time, a multiple of 16
HALO = 192  # rows that a row of the projected 1/16 map depends on, 187 to each side, rounded up to a multiple of 16
THIN = 128  # rows of the image whose residuals are made at a time, a multiple of 4
INPUT_HALO = 16  # rows that a row of the residuals depends on, 12 to each side, rounded up to a multiple of 4
FUSED_HALO = 4  # rows of the 1/8 map: three 3x3 convolutions and the enlargement


class Net(Protocol):
    """The parts of ISDNet; the module that defines it imports this one."""

    variant: Variant
    pyramid: LaplacianPyramid
    deep: ConvDeep | SegFormerDeep
    reduce: nn.Module
    shallow: ShallowNet
    fuse16: RelationAwareFusion | ConcatFusion
    fuse8: RelationAwareFusion | ConcatFusion
    classifier: nn.Module

    def normalised(self, image: Tensor) -> Tensor:
        """See ``System``."""


def streamed(net: Net, read: Reader, size: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
    """Logits ``[1, C, rows, W]`` of an image at its size, with their first row; see :meth:`System.streamed`."""
    assert isinstance(net.fuse16, RelationAwareFusion)  # `streams` says so
    assert isinstance(net.fuse8, RelationAwareFusion)
    deep = net.reduce(net.deep(net.normalised(_decimated(read, size)))[0])
    eighth, sixteenth = _shallow_maps(net, read, size)
    deep = net.fuse16.project_deep(deep)
    for_shallow, for_deep = net.fuse16.factors(sixteenth, deep)
    deep = resize(deep * for_deep, (sixteenth.shape[-2], sixteenth.shape[-1]))
    fused16, _ = net.fuse16.joined(sixteenth.mul_(for_shallow), deep)
    del sixteenth
    deep = net.fuse8.project_deep(fused16)
    for_shallow, for_deep = net.fuse8.factors(eighth, deep)
    deep = deep * for_deep
    for top in range(0, size[0], STRIP):
        rows = range(top, min(top + STRIP, size[0]))
        around = _around(rows, EIGHTH, FUSED_HALO, eighth.shape[-2])
        shallow = eighth[:, :, around.start : around.stop] * for_shallow
        beside = enlarged_rows(deep, range(deep.shape[-2]), (eighth.shape[-2], eighth.shape[-1]), around)
        fused8, _ = net.fuse8.joined(shallow, beside)
        yield top, enlarged_rows(net.classifier(fused8), around, size, rows, of=eighth.shape[-2])


def _decimated(read: Reader, size: tuple[int, int]) -> Tensor:
    """Input of the deep branch, as ``isdnet.model.decimated`` of the whole image."""
    rows, columns = (F.interpolate(torch.arange(side).float()[None, None], side // 4)[0, 0].long() for side in size)
    parts = []
    for top in range(0, size[0], STRIP):
        count = min(STRIP, size[0] - top)
        kept = rows[(rows >= top) & (rows < top + count)] - top
        strip = read(top, count)
        parts.append(strip[:, :, kept.to(strip.device)][..., columns.to(strip.device)])
    return torch.cat(parts, dim=2)


def _shallow_maps(net: Net, read: Reader, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The projected maps at 1/8 and 1/16 of the image, ``[1, 128, H/8, W/8]`` and ``[1, 128, H/16, W/16]``."""
    maps: list[Tensor] = []
    for top in range(0, size[0], STRIP):
        first, last = max(0, top - HALO), min(size[0], top + STRIP + HALO)
        both = net.shallow(lambda first=first, last=last: first_map(net, read(first, last - first), first, size))
        for index, (stride, part) in enumerate(zip((EIGHTH, SIXTEENTH), both, strict=True)):
            projected = (net.fuse8, net.fuse16)[index].project_shallow(part)
            if len(maps) <= index:
                maps.append(projected.new_empty(1, CHANNELS, *(-(-side // stride) for side in size)))
            rows = slice(top // stride, -(-min(top + STRIP, size[0]) // stride))
            maps[index][:, :, rows] = projected[:, :, rows.start - first // stride : rows.stop - first // stride]
    return maps[0], maps[1]


def first_map(net: Net, image: Tensor, start: int = 0, size: tuple[int, int] | None = None) -> Tensor:
    """Stage 1 of the shallow branch, whose input is made in thin strips: ``[B, 32, ceil(rows / 2), ceil(W / 2)]``.

    Args:
        net: ISDNet.
        image: ``[B, 3, rows, W]``, rows of an image from ``start`` on, a multiple of 4.
        start: the first of them.
        size: height and width of the image; None if these rows are all of it.
    """
    rows, size = image.shape[-2], size or (image.shape[-2], image.shape[-1])
    made = None
    for top in range(0, rows, THIN):
        first, stop = max(0, top - INPUT_HALO), min(rows, top + THIN)
        strip = _input(net, image[:, :, first : stop + INPUT_HALO], start + first, size)
        above = 2 * (top > 0)  # a row of the map depends on the row above it
        strip = strip[:, :, top - above - first : stop - first]
        part = net.shallow.stage1(strip)[:, :, above // 2 :]
        if made is None:
            shape = (*part.shape[:2], -(-rows // 2), part.shape[-1])
            layout = torch.channels_last if part.stride(1) == 1 else torch.contiguous_format
            made = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=layout)
        made[:, :, top // 2 : top // 2 + part.shape[-2]] = part
    assert made is not None
    return made


def _input(net: Net, strip: Tensor, first: int, size: tuple[int, int]) -> Tensor:
    """Input of the shallow branch for a strip that begins at row ``first``; wrong near the strip's own borders."""
    normalised = net.normalised(strip.contiguous())  # whatever the layout of the net: channels are apart here
    if not net.variant.high_frequency:
        return normalised
    (fine, coarse), _ = net.pyramid(normalised)
    rows, known = range(first, first + strip.shape[-2]), range(first // 2, first // 2 + coarse.shape[-2])
    return torch.cat([fine, enlarged_rows(coarse, known, size, rows, of=-(-size[0] // 2))], dim=1)


def _around(rows: range, stride: int, halo: int, length: int) -> range:
    """Rows of a map at 1/stride that lie over rows of the image, and ``halo`` more to each side."""
    return range(max(0, rows.start // stride - halo), min(length, -(-rows.stop // stride) + halo))


def enlarged_rows(maps: Tensor, known: range, size: tuple[int, int], rows: range, *, of: int | None = None) -> Tensor:
    """Some rows of the bilinear enlargement of a map of which some rows are known.

    Args:
        maps: ``[B, C, len(known), w]``.
        known: which rows of the whole map these are.
        size: height and width of the enlarged whole.
        rows: those that are wanted; a source row beyond ``known`` is replaced by its nearest one.
        of: rows of the whole map; None if all are known.

    Returns:
        ``[B, C, len(rows), size[1]]``.
    """
    height = of or len(known)
    wide = resize(maps, (maps.shape[-2], size[1]))
    place = torch.arange(rows.start, rows.stop, dtype=torch.float32, device=maps.device)
    place = ((place + 0.5) * (height / size[0]) - 0.5).clamp_(0, height - 1)
    share = (place - place.floor())[:, None]
    indices = place.floor().long() - known.start
    last = len(known) - 1
    above, below = (wide[:, :, index.clamp(0, last)].float() for index in (indices, indices + 1))
    return torch.lerp(above, below, share).to(wide.dtype)  # in full precision, as torch enlarges maps
