"""3x3 convolutions on a CPU with a quarter of the multiplications: F(4x4, 3x3) of Lavin and Gray (CVPR 2016).

A tile of 6x6 input pixels gives 4x4 outputs. Transforms of tiles and weights turn the convolution into 36 products of
matrices, and the transforms are products with small fixed matrices themselves. Rounding differs from the direct sum by
some 1e-5 of the largest output. It pays where there are many channels; each layer is timed on the shape that it meets.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmark.cost.folding import holders
from benchmark.cost.relu import has_relu
from benchmark.system import System

INPUT = torch.tensor(
    [
        *([4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]),
        *([0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]),
    ],
    dtype=torch.float32,
)
WEIGHT = torch.tensor(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
).div(24)
OUTPUT = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float32
)
CONSTANT = 7  # the product to which a number is added so that all 16 outputs of the tile grow by it
FEWEST_CHANNELS = 64  # below, the transforms take longer than they save
GAIN = 0.9  # of the direct convolution's time, which a layer must stay below
CALLS = 3  # of each way, to time a layer


class WinogradConv(nn.Module):
    """A convolution that :func:`fits`, on channels-last float32 images ``[B, C, H, W]``, with its ReLU if fused."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        outputs, inputs = conv.weight.shape[:2]
        tiles = WEIGHT @ conv.weight.detach().double() @ WEIGHT.T  # [outputs, inputs, 6, 6]
        transformed = tiles.float().reshape(outputs, inputs, 36).permute(2, 1, 0).contiguous()
        self.register_buffer("transformed", transformed)
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach().clone())
        self.transformed: Tensor
        self.bias: Tensor | None
        self.dilation = int(conv.dilation[0])
        self.relu = has_relu(conv)

    def forward(self, image: Tensor) -> Tensor:
        """The convolution's output ``[B, outputs, H, W]``."""
        if self.dilation == 1:
            return self._of_neighbours(image)
        return _phases_joined(self._of_neighbours(_phases(image, self.dilation)), self.dilation, image)

    def _of_neighbours(self, image: Tensor) -> Tensor:
        batch, channels, height, width = image.shape
        down, right = -(-height // 4), -(-width // 4)  # tiles
        outputs = self.transformed.shape[2]
        made = image.new_empty(batch, height, width, outputs)
        # of tiles at once: enough for large products, few enough for the cache
        rows = min(down, max(1, round(max(channels, outputs) / right)))
        padded = image.new_zeros(4 * rows + 2, 4 * right + 2, channels)
        for one, own in zip(image.permute(0, 2, 3, 1), made, strict=True):
            for top in range(0, height, 4 * rows):
                count = min(rows, -(-(height - top) // 4))
                first, last = max(0, top - 1), min(height, top + 4 * count + 1)
                above, below = first - (top - 1), last - (top - 1)
                padded[:above], padded[below:] = 0, 0
                padded[above:below, 1 : width + 1] = one[first:last]
                strip = self._strip(padded[: 4 * count + 2], count, right)
                strip = strip.relu_() if self.relu else strip
                tiles = strip.permute(2, 0, 3, 1, 4).reshape(4 * count, 4 * right, outputs)
                own[top : top + 4 * count] = tiles[: height - top, :width]
        return made.permute(0, 3, 1, 2)

    def _strip(self, strip: Tensor, rows: int, columns: int) -> Tensor:
        """Outputs ``[4, 4, rows, columns, outputs]`` of the tiles in ``[4 * rows + 2, 4 * columns + 2, channels]``."""
        width, channels = strip.shape[1:]
        line = width * channels
        by_row = strip.as_strided((6, rows, line), (line, 4 * line, 1)).reshape(6, -1)
        by_row = INPUT @ by_row
        tiles = by_row.as_strided((6, 6, rows, columns, channels), (rows * line, channels, line, 4 * channels, 1))
        tiles = torch.matmul(INPUT, tiles.reshape(6, 6, -1))
        products = torch.bmm(tiles.view(36, rows * columns, channels), self.transformed)
        if self.bias is not None:
            products[CONSTANT] += self.bias
        halves = (OUTPUT @ products.view(6, -1)).view(4, 6, -1)
        return torch.matmul(OUTPUT, halves).view(4, 4, rows, columns, -1)


def _phases(image: Tensor, step: int) -> Tensor:
    """Every ``step``-th pixel of each direction as an image of its own ``[B * step * step, C, H / step, W / step]``."""
    batch, channels, height, width = image.shape
    down, right = -(-height // step), -(-width // step)
    full = nn.functional.pad(image, (0, right * step - width, 0, down * step - height))
    split = full.reshape(batch, channels, down, step, right, step)
    return split.permute(0, 3, 5, 1, 2, 4).reshape(-1, channels, down, right)


def _phases_joined(phases: Tensor, step: int, image: Tensor) -> Tensor:
    """The pixels of the phases back in their places, cropped to the image's size."""
    channels, down, right = phases.shape[1:]
    split = phases.view(image.shape[0], step, step, channels, down, right).permute(0, 3, 4, 1, 5, 2)
    full = split.reshape(image.shape[0], channels, down * step, right * step)
    return full[..., : image.shape[2], : image.shape[3]]


def fits(conv: nn.Module) -> bool:
    """Whether a module is a 3x3 convolution of stride 1 that keeps the size of its input, of enough channels."""
    return (
        type(conv) is nn.Conv2d
        and conv.kernel_size == (3, 3)
        and conv.stride == (1, 1)
        and conv.groups == 1
        and conv.dilation in ((1, 1), (2, 2), (4, 4))
        and conv.padding == conv.dilation
        and conv.padding_mode == "zeros"
        and min(conv.in_channels, conv.out_channels) >= FEWEST_CHANNELS
    )


class Winograd:
    """The convolutions of a system that are faster so, which can be replaced and put back."""

    def __init__(self, system: System, image: Tensor) -> None:
        """Watch ``system.predict(image)`` and time each layer that fits; nothing is replaced yet."""
        held, shapes = holders(system), _shapes(system, image)
        self.replaced = [
            (tuple(held[conv]), conv, fast)
            for conv, shape in shapes.items()
            if _is_faster(fast := WinogradConv(conv), conv, shape)
        ]

    def switch(self, *, on: bool) -> None:
        """Replace the layers, or put them back."""
        for held, conv, fast in self.replaced:
            fast.relu = has_relu(conv)
            for holder, name in held:
                setattr(holder, name, fast if on else conv)


def _shapes(system: System, image: Tensor) -> dict[nn.Conv2d, tuple[int, ...]]:
    """The shape of the first input of each convolution that fits."""
    shapes: dict[nn.Conv2d, tuple[int, ...]] = {}

    def before(conv: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(conv, nn.Conv2d):
            shapes.setdefault(conv, tuple(inputs[0].shape))

    hooks = [conv.register_forward_pre_hook(before) for conv in system.modules() if fits(conv)]
    try:
        system.predict(image)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def _is_faster(fast: WinogradConv, conv: nn.Conv2d, shape: tuple[int, ...]) -> bool:
    image = torch.rand(shape).contiguous(memory_format=torch.channels_last)
    return _seconds(lambda: fast(image)) < GAIN * _seconds(lambda: conv(image))


def _seconds(call: Callable[[], Tensor]) -> float:
    taken = []
    for _ in range(CALLS + 1):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])
