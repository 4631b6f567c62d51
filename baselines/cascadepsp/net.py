"""CascadePSP's net: a PSPNet that takes an image and a mask and is run up to three times on its own coarser results.

Source: Cheng et al., CVPR 2020, section 3.1 and figure 2; hkchengrex/CascadePSP, ``models/psp``, for names and details.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet50

MULTIPLE = 8  # sides of the net's input
POOLS = (1, 2, 3, 6)


class Trunk(nn.Module):
    """ResNet-50 of six input channels at output stride 8; the first block of each dilated stage is not dilated."""

    def __init__(self) -> None:
        super().__init__()
        net = resnet50(replace_stride_with_dilation=[False, True, True])
        self.conv1 = nn.Conv2d(6, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu, self.maxpool = net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        first = self.layer4[0].conv2  # the library dilates it by what the stage before ends with
        first.dilation = first.padding = (1, 1)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Image and three masks ``[B, 6, H, W]`` -> 2048 maps at 1/8, 64 raw ones at 1/2, 256 at 1/4.

        The maps at 1/2 come straight from the first convolution, before batch norm and ReLU.
        """
        half = self.conv1(inputs)
        quarter = self.layer1(self.maxpool(self.relu(self.bn1(half))))
        return self.layer4(self.layer3(self.layer2(quarter))), half, quarter


class PyramidPooling(nn.Module):
    """Pools of several sizes beside the maps themselves, 2048 -> 1024 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Conv2d(2048, 2048, 1, bias=False)) for size in POOLS
        )
        self.bottleneck = nn.Conv2d(2048 * (len(POOLS) + 1), 1024, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, 2048, h, w]`` -> ``[B, 1024, h, w]``."""
        pooled = [resized(stage(maps), maps) for stage in self.stages]
        return F.relu(self.bottleneck(torch.cat([*pooled, maps], dim=1)))


class Upsample(nn.Module):
    """Twice the size, joined with a skip map: two residual blocks with normalisation before each convolution."""

    def __init__(self, width: int, joined: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*_preactivated(joined, outputs), *_preactivated(outputs, outputs))
        self.conv2 = nn.Sequential(*_preactivated(outputs, outputs), *_preactivated(outputs, outputs))
        self.shortcut = nn.Conv2d(width, outputs, 1)

    def forward(self, maps: Tensor, skip: Tensor) -> Tensor:
        """``[B, width, h, w]`` and a skip map of twice the size -> ``[B, outputs, 2h, 2w]``.

        The maps are enlarged bilinearly and joined with the skip map; two residual units follow.
        """
        maps = resized(maps, skip)
        maps = self.conv(torch.cat([maps, skip], dim=1)) + self.shortcut(maps)
        refined: Tensor = maps + self.conv2(maps)
        return refined


class CascadeNet(nn.Module):
    """Logits of a mask at strides 8, 4 and 1, all at the input's size."""

    pooling, upsample = PyramidPooling, Upsample

    def __init__(self) -> None:
        super().__init__()
        self.feats = Trunk()
        self.psp = self.pooling()
        self.up_1 = self.upsample(1024, 1024 + 256, 512)
        self.up_2 = self.upsample(512, 512 + 64, 256)
        self.up_3 = self.upsample(256, 256 + 3, 32)
        self.final_28 = nn.Sequential(nn.Conv2d(1024, 32, 1), nn.ReLU(), nn.Conv2d(32, 1, 1))
        self.final_56 = nn.Sequential(nn.Conv2d(512, 32, 1), nn.ReLU(), nn.Conv2d(32, 1, 1))
        self.final_11 = nn.Conv2d(32 + 3, 32, 1)
        self.final_21 = nn.Conv2d(32, 1, 1)

    def forward(self, image: Tensor, mask: Tensor, coarse: Tensor | None = None) -> dict[str, Tensor]:
        """The cascade of figure 2: three passes, or the last two of them where a coarse result is given.

        Args:
            image: normalised, ``[B, 3, H, W]``, sides multiples of 8.
            mask: in [-1, 1], ``[B, 1, H, W]``.
            coarse: in [-1, 1], ``[B, 1, H, W]``; takes the place of the first pass.

        Returns:
            Logits ``[B, 1, H, W]`` in the order of the passes: "s8_1" (not with ``coarse``), "s8_2", "s4_2", "s8_3",
            "s4_3", "s1".
        """
        found: dict[str, Tensor] = {}
        if coarse is None:
            deep, _, _ = self._encoded(image, mask, mask, mask)
            found["s8_1"] = resized(self.final_28(deep), image)
            coarse = torch.tanh(found["s8_1"])
        deep, _, quarter = self._encoded(image, mask, coarse, coarse)
        found["s8_2"] = resized(self.final_28(deep), image)
        found["s4_2"] = resized(self.final_56(self.up_1(deep, quarter)), image)
        deep, half, quarter = self._encoded(image, mask, torch.tanh(found["s8_2"]), torch.tanh(found["s4_2"]))
        found["s8_3"] = resized(self.final_28(deep), image)
        deep = self.up_1(deep, quarter)
        found["s4_3"] = resized(self.final_56(deep), image)
        full = self.up_3(self.up_2(deep, half), image)
        found["s1"] = self.final_21(F.relu(self.final_11(torch.cat([full, image], dim=1))))
        return found

    def _encoded(self, image: Tensor, *masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        deep, half, quarter = self.feats(torch.cat([image, *masks], dim=1))
        return self.psp(deep), half, quarter


def resized(maps: Tensor, like: Tensor) -> Tensor:
    """Maps ``[B, C, h, w]`` enlarged bilinearly to the size of others."""
    return F.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


def _preactivated(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Conv2d(inputs, outputs, 3, padding=1)
