"""FCtL's trunk without what its padding alone determines: the same maps with two thirds of the multiplications.

The release pads a patch of 508 by 100 pixels to each side. Far from the patch the trunk's maps do not depend on it:
they are those of a black patch, which are computed once. Every layer then runs only where the patch is seen, inside a
frame of the black patch's values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from baselines.fctl.net import POOLS

Window = tuple[range, range]  # rows and columns of a map


@dataclass(frozen=True)
class Frame:
    """What lies around a window of a map, out to a larger window: values of the black patch, 0 beyond the map."""

    padding: tuple[int, int, int, int]  # left, right, top, bottom
    strips: tuple[tuple[slice, slice, Tensor], ...]

    @classmethod
    def of(cls, black: Tensor, inner: Window, outer: Window) -> Frame:
        """The frame between two windows of the black patch's map ``[1, C, H, W]``; ``outer`` may exceed the map."""
        values = _part(black, outer)
        rows, columns = (
            slice(small.start - large.start, small.stop - large.start)
            for small, large in zip(inner, outer, strict=True)
        )
        everywhere = slice(None)
        places = (
            (slice(0, rows.start), everywhere),
            (slice(rows.stop, None), everywhere),
            (rows, slice(0, columns.start)),
            (rows, slice(columns.stop, None)),
        )
        strips = tuple((down, right, values[..., down, right].clone()) for down, right in places)
        below, right = len(outer[0]) - rows.stop, len(outer[1]) - columns.stop
        return cls((columns.start, right, rows.start, below), strips)

    def around(self, maps: Tensor) -> Tensor:
        """Maps ``[n, C, h, w]`` of the inner window, enlarged to the outer one."""
        framed = F.pad(maps, self.padding)
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
    black = like.new_zeros(1, 3, patch[0] + 2 * margin, patch[1] + 2 * margin)
    window: Window = (range(margin, margin + patch[0]), range(margin, margin + patch[1]))
    for place, layer in enumerate(trunk, start=1):
        size = (black.shape[-2], black.shape[-1])
        if isinstance(layer, nn.Conv2d):
            around = _inside(_grown(window, 2), size, beyond=1)
            frame, window = Frame.of(black, window, around), _grown(around, -1)
            black = F.conv2d(black, layer.weight, layer.bias, padding=1)
            yield Step(layer, frame)
        elif isinstance(layer, nn.MaxPool2d):
            pooled = (_halved(window[0]), _halved(window[1]))
            frame = Frame.of(black, window, _inside((_doubled(pooled[0]), _doubled(pooled[1])), size))
            black, window = layer(black), pooled
            full = (range(black.shape[-2]), range(black.shape[-1]))
            yield Step(layer, frame, whole=Frame.of(black, window, full) if place in POOLS else None)
        else:
            black = layer(black)
            yield Step(layer)


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


def _part(black: Tensor, window: Window) -> Tensor:
    """A window of a map; 0 where it exceeds the map."""
    rows, columns = window
    inside = _inside(window, (black.shape[-2], black.shape[-1]))
    above, below = inside[0].start - rows.start, rows.stop - inside[0].stop
    left, right = inside[1].start - columns.start, columns.stop - inside[1].stop
    part = black[..., inside[0].start : inside[0].stop, inside[1].start : inside[1].stop]
    return F.pad(part, (left, right, above, below))
