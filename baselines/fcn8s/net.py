"""FCN-8s on VGG-16 (Long, Shelhamer, Darrell, CVPR 2015), written from the paper: no library that we use has it.

Layers carry the names of the authors' Caffe net. Its published weights do not fit: they expect BGR images of 0
to 255 that are not divided by a standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class WideConv2d(nn.Conv2d):
    """A convolution of stride 1; in training on a CPU one matrix product over unfolded windows.

    There oneDNN's backward pass of 512 to 4,096 channels by 7x7 on a map of 6x6 takes sixty times as long.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # nn.Conv2d names it so
        """Maps ``[B, C, H, W]`` of maps ``[B, D, H, W]``."""
        if not torch.is_grad_enabled() or input.device.type != "cpu":
            return super().forward(input)
        rows, columns = self.kernel_size[0], self.kernel_size[1]
        above, beside = int(self.padding[0]), int(self.padding[1])
        windows = F.unfold(input, (rows, columns), padding=(above, beside)).transpose(1, 2)  # [B, HW, D * k * k]
        size = (input.shape[-2] + 2 * above - rows + 1, input.shape[-1] + 2 * beside - columns + 1)
        return F.linear(windows, self.weight.flatten(1), self.bias).transpose(1, 2).reshape(len(input), -1, *size)


class FCN8s(nn.Module):
    """Image ``[B, 3, H, W]`` -> logits ``[B, C, H, W]``, any size.

    Convolutions keep the size ("same" padding, also the 7x7 one) and pools round up, so a map of stride s has
    ceil(H/s) rows, the first centred on the image's first s pixels, as the bilinear transposed convolutions expect.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        width = 3
        for stage, outputs in enumerate(STAGES, start=1):
            for index, output in enumerate(outputs, start=1):
                self.add_module(f"conv{stage}_{index}", nn.Conv2d(width, output, 3, padding=1))
                width = output
        self.fc6 = WideConv2d(512, 4096, 7, padding=3)
        self.fc7 = nn.Conv2d(4096, 4096, 1)
        self.drop = nn.Dropout2d()
        self.score_fr = nn.Conv2d(4096, num_classes, 1)
        self.score_pool4 = nn.Conv2d(512, num_classes, 1)
        self.score_pool3 = nn.Conv2d(256, num_classes, 1)
        self.upscore2 = bilinear(num_classes, 2, padding=1)
        self.upscore_pool4 = bilinear(num_classes, 2, padding=1)
        self.upscore8 = bilinear(num_classes, 8, padding=4).requires_grad_(False)  # fixed in the paper (4.3)
        self.apply(_initialise)

    def forward(self, image: Tensor) -> Tensor:
        """Logits at the image's size."""
        pool3 = self.pooled(image, (1, 2, 3))
        pool4 = self.pooled(pool3, (4,))
        deep = self.pooled(pool4, (5,))
        deep = self.drop(F.relu(self.fc6(deep), inplace=True))
        deep = self.drop(F.relu(self.fc7(deep), inplace=True))
        sum16 = _cropped(self.upscore2(self.score_fr(deep)), pool4) + self.score_pool4(pool4)
        sum8 = _cropped(self.upscore_pool4(sum16), pool3) + self.score_pool3(pool3)
        return _cropped(self.upscore8(sum8), image)

    def pooled(self, x: Tensor, stages: tuple[int, ...]) -> Tensor:
        """Maps after some of VGG's stages, each of which ends with a pool.

        ``stages`` are numbered from 1, as in ``conv3_2``. Each halves the sides and rounds up.
        """
        for stage in stages:
            for index in range(1, len(STAGES[stage - 1]) + 1):
                x = F.relu(self.get_submodule(f"conv{stage}_{index}")(x), inplace=True)
            x = F.max_pool2d(x, 2, ceil_mode=True)
        return x


def _cropped(x: Tensor, like: Tensor) -> Tensor:
    return x[..., : like.shape[-2], : like.shape[-1]]


def bilinear(channels: int, factor: int, padding: int) -> nn.ConvTranspose2d:
    """Enlargement by ``factor``, each channel by itself at the start, without bias; ``padding`` is cut off.

    The kernel's side is ``2 * factor``, so that neighbouring kernels overlap by half.
    """
    layer = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=padding, bias=False)
    ramp = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    with torch.no_grad():
        layer.weight.copy_(torch.eye(channels)[:, :, None, None] * torch.outer(ramp, ramp))
    return layer


def _initialise(module: nn.Module) -> None:
    """He's initialisation for the trunk, which has no normalisation to make up for another; small scores."""
    if isinstance(module, nn.Conv2d):
        if module.out_channels >= 64:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        else:
            nn.init.normal_(module.weight, std=0.01)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def vgg_names() -> dict[str, str]:
    """Our layer -> its name in torchvision's VGG-16 file, whose ``features`` count convolutions, ReLUs and pools."""
    names, place = {}, 0
    for stage, outputs in enumerate(STAGES, start=1):
        for index in range(1, len(outputs) + 1):
            names[f"conv{stage}_{index}"] = f"features.{place}"
            place += 2
        place += 1
    return names | {"fc6": "classifier.0", "fc7": "classifier.3"}


def fill(pairs: Sequence[tuple[Tensor, str]], state: Mapping[str, Tensor]) -> None:
    """Copy the named values of a file into the tensors, all or none.

    Raises:
        ValueError: the file is of another net; the message names the first key.
    """
    for tensor, key in pairs:
        if key not in state or state[key].numel() != tensor.numel():
            raise ValueError(f"the file is of another net: it has no '{key}' of {tensor.numel()} values")
    with torch.no_grad():
        for tensor, key in pairs:
            tensor.copy_(state[key].reshape(tensor.shape))
