"""Deep branches: a net for semantic segmentation on the small image, up to the map before its classifier (section 3.2).

The default is DeepLabv3 on ResNet18: stride 8 of an image reduced to 1/4, hence 1/32 of the full image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.inference import resize
from isdnet.blocks import ConvBn, initialise
from isdnet.variants import DeepName


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; only the first is dilated, as in mmsegmentation."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            ConvBn(inputs, width, 3, stride=stride, dilation=dilation), ConvBn(width, width, 3, relu=False)
        )
        self.shortcut = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, h, w]`` to ``[B, width, h / stride, w / stride]``."""
        return F.relu(self.convs(x) + self.shortcut(x), inplace=True)


class Bottleneck(BasicBlock):
    """1x1, dilated 3x3 and 1x1 convolutions beside a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        nn.Module.__init__(self)
        middle = ConvBn(width, width, 3, stride=stride, dilation=dilation)
        self.convs = nn.Sequential(ConvBn(inputs, width, 1), middle, ConvBn(width, 4 * width, 1, relu=False))
        self.shortcut = _shortcut(inputs, 4 * width, stride)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    same = inputs == outputs and stride == 1
    return nn.Identity() if same else ConvBn(inputs, outputs, 1, stride=stride, relu=False)


class ResNetV1c(nn.Module):
    """ResNet with three 3x3 convolutions as its stem and dilation instead of strides in stages 3 and 4 ("d8")."""

    def __init__(self, block: type[BasicBlock], counts: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBn(3, 32, 3, stride=2), ConvBn(32, 32, 3), ConvBn(32, 64, 3), nn.MaxPool2d(3, 2, 1)
        )
        channels = [64, *(block.expansion * width for width in (64, 128, 256, 512))]
        self.stage1 = _stage(block, channels[0], 64, counts[0], stride=1, dilations=(1, 1))
        self.stage2 = _stage(block, channels[1], 128, counts[1], stride=2, dilations=(1, 1))
        self.stage3 = _stage(block, channels[2], 256, counts[2], stride=1, dilations=(1, 2))
        self.stage4 = _stage(block, channels[3], 512, counts[3], stride=1, dilations=(2, 4))
        self.channels = channels[-1]
        self.stage3_channels = channels[-2]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of stages 3 and 4 at 1/8 of ``image`` ``[B, 3, h, w]``.

        They have 256 and 512 channels with ``BasicBlock``, 1024 and 2048 with ``Bottleneck``. Strides are in the stem
        and in stage 2 only; stages 3 and 4 are dilated.
        """
        stage3 = self.stage3(self.stage2(self.stage1(self.stem(image))))
        return stage3, self.stage4(stage3)


def _stage(
    block: type[BasicBlock], inputs: int, width: int, count: int, *, stride: int, dilations: tuple[int, int]
) -> nn.Sequential:
    """``count`` blocks; ``dilations`` are of the first and of the others (mmsegmentation's ``contract_dilation``)."""
    first = block(inputs, width, stride, dilations[0])
    return nn.Sequential(first, *(block(block.expansion * width, width, 1, dilations[1]) for _ in range(count - 1)))


class Aspp(nn.Module):
    """Atrous spatial pyramid pooling of DeepLabv3, rates 1, 12, 24, 36 (aspp_refine_head.py), before its classifier."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.pool = ConvBn(inputs, channels, 1)
        rates = [ConvBn(inputs, channels, 3, dilation=rate) for rate in (12, 24, 36)]
        self.rates = nn.ModuleList([ConvBn(inputs, channels, 1), *rates])
        self.bottleneck = ConvBn(5 * channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, h, w]`` to ``[B, channels, h, w]``.

        Five maps side by side, of the global mean and of the four rates, merged by a 3x3 convolution.
        """
        pooled = self.pool(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        maps: Tensor = self.bottleneck(torch.cat([pooled, *(rate(x) for rate in self.rates)], dim=1))
        return maps


class Psp(nn.Module):
    """Pyramid pooling of PSPNet over 1, 2, 3 and 6 cells a side, before its classifier."""

    cells = (1, 2, 3, 6)

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.pools = nn.ModuleList([ConvBn(inputs, channels, 1) for _ in self.cells])
        self.bottleneck = ConvBn(inputs + len(self.cells) * channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, h, w]`` to ``[B, channels, h, w]``."""
        size = (x.shape[-2], x.shape[-1])
        pooled = [
            resize(conv(F.adaptive_avg_pool2d(x, n)), size) for n, conv in zip(self.cells, self.pools, strict=True)
        ]
        maps: Tensor = self.bottleneck(torch.cat([x, *pooled], dim=1))
        return maps


class ConvDeep(nn.Module):
    """ResNet with an ASPP or PSP head. The map has ``channels`` channels at 1/8 of the small image."""

    upsampling = 4  # from the map to 1/8 of the full image

    def __init__(self, backbone: ResNetV1c, head: Aspp | Psp, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.channels = channels
        self.stage3_channels: int | None = backbone.stage3_channels
        initialise(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """The head's map and the map of stage 3 (for an auxiliary head), of ``image`` ``[B, 3, h, w]``.

        Both are at 1/8 of the small image, which is 1/32 of the full one. The classifier is not part of the branch:
        ISDNet fuses the map, and Table 5's rows put their own on it.
        """
        stage3, stage4 = self.backbone(image)
        return self.head(stage4), stage3


class SegFormerDeep(nn.Module):
    """SegFormer-b0 from mmsegmentation with a head 128 wide; its map is at 1/4 of the small image."""

    upsampling = 2
    channels = 128
    stage3_channels: int | None = None

    def __init__(self) -> None:
        super().__init__()
        from baselines.common.mmseg_adapter import build_module

        self.backbone = build_module(_MIT_B0)
        self.head: Any = build_module(_SEGFORMER_HEAD)
        self.head.conv_seg = self.head.dropout = nn.Identity()  # the classifier is ours

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """The head's map of ``image`` ``[B, 3, h, w]``; there is no stage 3 with an auxiliary head.

        A side under 64 is padded: batch norm in training needs more than one cell of the last stage, which is at 1/32.
        """
        height, width = image.shape[-2:]
        padded = F.pad(image, (0, max(0, 64 - width), 0, max(0, 64 - height)), mode="replicate")
        return self.head(self.backbone(padded))[..., : -(-height // 4), : -(-width // 4)], None


_MIT_B0 = {
    "type": "MixVisionTransformer",
    "embed_dims": 32,
    "num_stages": 4,
    "num_layers": [2, 2, 2, 2],
    "num_heads": [1, 2, 5, 8],
    "patch_sizes": [7, 3, 3, 3],
    "sr_ratios": [8, 4, 2, 1],
    "drop_path_rate": 0.1,
}
_SEGFORMER_HEAD = {
    "type": "SegformerHead",
    "in_channels": [32, 64, 160, 256],
    "in_index": [0, 1, 2, 3],
    "channels": 128,
    "num_classes": 128,  # of the classifier that is taken out
    "norm_cfg": {"type": "BN"},
}


def deep_branch(name: DeepName) -> ConvDeep | SegFormerDeep:
    """The deep branch of a variant, with random weights."""
    if name == "segformer-b0":
        return SegFormerDeep()
    if name == "resnet50-aspp":
        return ConvDeep(ResNetV1c(Bottleneck, (3, 4, 6, 3)), Aspp(2048, 512), 512)
    head = Psp(512, 128) if name == "resnet18-psp" else Aspp(512, 128)
    return ConvDeep(ResNetV1c(BasicBlock, (2, 2, 2, 2)), head, 128)
