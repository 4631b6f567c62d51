"""FCtL's trunk without what its padding alone determines: the same maps with two thirds of the multiplications.

The release pads a patch of 508 by 100 pixels to each side. Far from the patch the trunk's maps do not depend on it:
they are those of a black patch, which are computed once. Every layer then runs only where the patch is seen, inside a
frame of the black patch's values. Its maps repeat between their borders, so a smaller black patch holds all values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.fctl.net import POOLS, STRIDE

Window = tuple[range, range]  # rows and columns of a map
RELU = nn.ReLU(inplace=True)  # not the trunk's, which a fused convolution may have taken over
WIDEST_SHARED = 128  # channels
REACH = 5 * STRIDE  # pixels; the deepest maps differ from the middle only within 106 pixels of a border


@dataclass(frozen=True)
class Black:
    """A map of the black patch of which the middle, where rows and columns repeat, is left out."""

    maps: Tensor  # [1, C, h, w]
    size: tuple[int, int]  # of the entire map

    def part(self, window: Window) -> Tensor:
        """A window of the entire map; 0 where it exceeds the map."""
        inside = _inside(window, self.size)
        (above, below), (left, right) = (
            (own.start - asked.start, asked.stop - own.stop) for own, asked in zip(inside, window, strict=True)
        )
        kept = self.maps
        for axis, span, side in zip((-2, -1), inside, self.size, strict=True):
            short = kept.shape[axis]
            middle, cut = short // 2, side - short
            places = [min(one, middle) if one < middle + cut else one - cut for one in span]
            kept = kept.index_select(axis, torch.tensor(places, dtype=torch.long, device=kept.device))
        return F.pad(kept, (left, right, above, below))


@dataclass(frozen=True)
class Frame:
    """What lies around a window of a map, out to a larger window: values of the black patch, 0 beyond the map."""

    padding: tuple[int, int, int, int]  # left, right, top, bottom
    strips: tuple[tuple[slice, slice, Tensor], ...]

    @classmethod
    def of(cls, black: Black, inner: Window, outer: Window) -> Frame:
        """The frame between two windows of the black patch's map; ``outer`` may exceed the map."""
        rows, columns = (
            range(small.start - large.start, small.stop - large.start)
            for small, large in zip(inner, outer, strict=True)
        )
        height, width = map(len, outer)
        places = (
            (range(rows.start), range(width)),
            (range(rows.stop, height), range(width)),
            (rows, range(columns.start)),
            (rows, range(columns.stop, width)),
        )
        strips = tuple(
            (_slice(down), _slice(right), black.part((_shifted(down, outer[0].start), _shifted(right, outer[1].start))))
            for down, right in places
            if down and right
        )
        return cls((columns.start, width - columns.stop, rows.start, height - rows.stop), strips)

    def around(self, maps: Tensor) -> Tensor:
        """Maps ``[n, C, h, w]`` of the inner window, enlarged to the outer one."""
        if not self.strips:
            return maps
        left, right, top, bottom = self.padding
        height, width = maps.shape[-2:]
        size = (*maps.shape[:2], top + height + bottom, left + width + right)
        layout = torch.channels_last if maps.stride(1) == 1 else torch.contiguous_format
        framed = torch.empty(size, dtype=maps.dtype, device=maps.device, memory_format=layout)
        framed[..., top : top + height, left : left + width] = maps
        for rows, columns, values in self.strips:
            framed[..., rows, columns] = values
        return framed


@dataclass(frozen=True)
class Step:
    """A layer, the frame that its input needs, and the frame that completes its output to the entire map."""

    layer: nn.Module
    frame: Frame | None = None
    whole: Frame | None = None


class ShortTrunk:
    """A trunk of :func:`baselines.fctl.net.vgg_trunk` for patches of one size, with the weights that it has now."""

    def __init__(self, trunk: nn.Sequential, patch: tuple[int, int], like: Tensor) -> None:
        """Compute the maps of a black patch ``(height, width)``, with the type and device of ``like``."""
        self.steps = list(_steps(trunk, patch, like))

    def __call__(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pool3, pool4 and pool5 of patches ``[n, 3, h, w]``, as ``PaddedFCN8s.encode`` gives them."""
        pools, maps = [], patches
        for step in self.steps:
            maps = step.frame.around(maps) if step.frame else maps
            if isinstance(step.layer, nn.Conv2d):
                maps = F.conv2d(maps, step.layer.weight, step.layer.bias)
            else:
                maps = step.layer(maps)
            if step.whole:
                pools.append(step.whole.around(maps))
        third, fourth, fifth = pools
        return third, fourth, fifth


def _steps(trunk: nn.Sequential, patch: tuple[int, int], like: Tensor) -> Iterator[Step]:
    first = trunk[0]
    assert isinstance(first, nn.Conv2d)
    margin = int(first.padding[0]) - 1  # of the map of 0 on which this layer pads by 1, as the others do
    size = (patch[0] + 2 * margin, patch[1] + 2 * margin)
    black = Black(like.new_zeros(1, 3, *map(_shortened, size)), size)
    live: Window = (range(margin, margin + patch[0]), range(margin, margin + patch[1]))
    made = live  # what a step computes: at times more, so that the next one needs no frame
    for place, layer in enumerate(trunk):
        if isinstance(layer, nn.Conv2d):
            following = trunk[place + 2]  # beyond its ReLU
            needs = _inside(_grown(live, 2), black.size, beyond=1)
            around = _inside(_grown(live, 4 if _shares_frame(layer, following) else 2), black.size, beyond=1)
            frame = Frame.of(black, made, around)
            live, made = _grown(needs, -1), _grown(around, -1)
            black = Black(RELU(F.conv2d(black.maps, layer.weight, layer.bias, padding=1)), black.size)
            yield Step(layer, frame)
            if not isinstance(following, nn.MaxPool2d):  # there it comes after the pool, where a quarter is left
                yield Step(RELU)
        elif isinstance(layer, nn.MaxPool2d):
            pooled = (_halved(live[0]), _halved(live[1]))
            frame = Frame.of(black, made, _inside((_doubled(pooled[0]), _doubled(pooled[1])), black.size))
            size = (-(-black.size[0] // 2), -(-black.size[1] // 2))
            black, live, made = Black(layer(black.maps), size), pooled, pooled
            full = (range(size[0]), range(size[1]))
            yield Step(layer, frame)
            yield Step(RELU, whole=Frame.of(black, live, full) if place + 1 in POOLS else None)
        elif not isinstance(layer, nn.ReLU | nn.Identity):  # a fused ReLU leaves an identity behind
            raise TypeError(f"layer {place} of the trunk is a {type(layer).__name__}, not one of VGG's")


def _shares_frame(layer: nn.Conv2d, second: nn.Module | None) -> bool:
    """Whether one frame serves a layer and the next: where copying a map takes longer than a wider margin."""
    return isinstance(second, nn.Conv2d) and layer.out_channels <= WIDEST_SHARED


def _shortened(side: int) -> int:
    """A side without what repeats: as much from each border as it reaches in the trunk, and the same phase of pools."""
    return min(side, 2 * REACH + side % STRIDE)


def _slice(span: range) -> slice:
    return slice(span.start, span.stop)


def _shifted(span: range, by: int) -> range:
    return range(span.start + by, span.stop + by)


def _halved(side: range) -> range:
    return range(side.start // 2, -(-side.stop // 2))


def _doubled(side: range) -> range:
    return range(2 * side.start, 2 * side.stop)


def _grown(window: Window, by: int) -> Window:
    rows, columns = window
    return range(rows.start - by, rows.stop + by), range(columns.start - by, columns.stop + by)


def _inside(window: Window, size: tuple[int, int], beyond: int = 0) -> Window:
    """The part of a window that lies on a map, or ``beyond`` its borders by no more than that."""
    rows, columns = window
    return (
        range(max(-beyond, rows.start), min(size[0] + beyond, rows.stop)),
        range(max(-beyond, columns.start), min(size[1] + beyond, columns.stop)),
    )
