"""HRNetV2-W18-small-v2 with an OCR head at full resolution: the coarse net of MagNet and of Table 3's refiners.

The trunk is mmsegmentation's, with the two things that MagNet's authors changed: both convolutions of the stem have
stride 1, so that the first branch keeps the resolution of the input, and maps are enlarged with aligned corners.
The head follows Yuan et al. 2020 in the layout of the published checkpoint, whose convolutions before batch norm
have biases where mmsegmentation's head has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from baselines.common import opencv_resize
from baselines.common.losses import cross_entropy, padded_pair
from baselines.common.mmseg_adapter import build_module, library_config
from benchmark.card import Card
from benchmark.inference import labels_from, padded, resize
from benchmark.published import load_all
from benchmark.system import System

CONFIG = "ocrnet/ocrnet_hr18s_4xb2-40k_cityscapes-512x1024.py"
TRUNK_CHANNELS = 270  # 18 + 36 + 72 + 144 of the four branches
MIDDLE, KEY = 512, 256
AUXILIARY_WEIGHT = 0.4  # in the loss and in the mean of both outputs


def trunk() -> Any:
    """The four branches ``[B, 18, H, W]``, ``[B, 36, H/2, W/2]``, ... of an image whose sides are multiples of 8."""
    norm = {"type": "BN", "momentum": 0.01}
    net: Any = build_module(library_config(CONFIG)["backbone"] | {"norm_cfg": norm})
    net.conv1.stride = net.conv2.stride = (1, 1)
    for fused in [layer for layer in net.modules() if isinstance(layer, nn.Sequential)]:
        factor: Any = getattr(fused[-1], "scale_factor", None)
        if factor:  # mmseg's own layer would warn at each call
            fused[-1] = nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=True)
    return net


def _reduced(wide: int, narrow: int, convolutions: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(convolutions):
        conv = nn.Conv2d(narrow if index else wide, narrow, 1, bias=False)
        layers += [conv, nn.Sequential(nn.BatchNorm2d(narrow), nn.ReLU())]
    return nn.Sequential(*layers)


class ObjectAttention(nn.Module):
    """What each pixel takes from the classes' features, by its likeness to them."""

    def __init__(self) -> None:
        super().__init__()
        self.f_pixel = _reduced(MIDDLE, KEY, 2)
        self.f_object = _reduced(MIDDLE, KEY, 2)
        self.f_down = _reduced(MIDDLE, KEY)
        self.f_up = _reduced(KEY, MIDDLE)

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """Context ``[B, 512, H, W]`` of pixels ``[B, 512, H, W]`` and class features ``[B, 512, C, 1]``."""
        keys, values = self.f_object(objects)[..., 0], self.f_down(objects)[..., 0]  # [B, 256, C]
        queries = self.f_pixel(pixels).flatten(2).transpose(1, 2)  # [B, HW, 256]: pixels first, for the release's sums
        shares = (KEY**-0.5 * (queries @ keys)).softmax(dim=2)  # [B, HW, C]
        mixed = (shares @ values.transpose(1, 2)).transpose(1, 2)
        context: Tensor = self.f_up(mixed.unflatten(2, pixels.shape[-2:]).contiguous())
        return context


class OCR(nn.Module):
    """Pixel features joined with the context of their classes."""

    def __init__(self) -> None:
        super().__init__()
        self.object_context_block = ObjectAttention()
        self.conv_bn_dropout = _reduced(2 * MIDDLE, MIDDLE).append(nn.Dropout2d(0.05))

    def forward(self, pixels: Tensor, scores: Tensor) -> Tensor:
        """Features ``[B, 512, H, W]`` of pixels ``[B, 512, H, W]`` and the coarse class scores ``[B, C, H, W]``.

        A class's region is the mean of all pixels, weighted by the softmax of its scores over the positions.
        """
        shares = scores.flatten(2).softmax(dim=2)
        objects = (pixels.flatten(2) @ shares.transpose(1, 2))[..., None]  # [B, 512, C, 1]
        joined: Tensor = self.conv_bn_dropout(torch.cat([self.object_context_block(pixels, objects), pixels], dim=1))
        return joined


class HRNetOCR(nn.Module):
    """Trunk and both heads."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.backbone = trunk()
        self.conv3x3_ocr = nn.Sequential(
            nn.Conv2d(TRUNK_CHANNELS, MIDDLE, 3, padding=1), nn.BatchNorm2d(MIDDLE), nn.ReLU(inplace=True)
        )
        self.ocr_distri_head = OCR()
        self.cls_head = nn.Conv2d(MIDDLE, num_classes, 1)
        self.aux_head = nn.Sequential(
            nn.Conv2d(TRUNK_CHANNELS, TRUNK_CHANNELS, 1),
            nn.BatchNorm2d(TRUNK_CHANNELS),
            nn.ReLU(inplace=True),
            nn.Conv2d(TRUNK_CHANNELS, num_classes, 1),
        )

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[B, C, H, W]`` of the OCR and of the auxiliary head. Sides are multiples of 8.

        The image ``[B, 3, H, W]`` is normalised; all branches are enlarged to its size and concatenated.
        """
        branches = self.backbone(image)
        size = (image.shape[-2], image.shape[-1])
        features = torch.cat([resize(branch, size, align_corners=True) for branch in branches], dim=1)
        auxiliary = self.aux_head(features)
        return self.cls_head(self.ocr_distri_head(self.conv3x3_ocr(features), auxiliary)), auxiliary

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]`` of a normalised image: the weighted mean of both heads, as MagNet's authors infer."""
        main, auxiliary = self.both(image)
        return (main + AUXILIARY_WEIGHT * auxiliary) / (1 + AUXILIARY_WEIGHT)

    def losses(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of both heads; the image is normalised, its sides and the target's are multiples of 8.

        Target int64 ``[B, H, W]``, 255 = ignore. The auxiliary term is already weighted.
        """
        main, auxiliary = self.both(image)
        weighted = AUXILIARY_WEIGHT * cross_entropy(auxiliary, target)
        return {"cross_entropy": cross_entropy(main, target), "auxiliary": weighted}


def published_name(key: str) -> str:
    """The name in ``HRNetOCR`` of a key in the published checkpoint, whose trunk has no prefix.

    A leading ``model.`` is dropped.
    """
    key = key.removeprefix("model.")
    own = key.partition(".")[0] in ("conv3x3_ocr", "ocr_distri_head", "cls_head", "aux_head")
    return key if own else f"backbone.{key}"


class HRNetOCRSystem(System):
    """The net behind the System contract; it sees images reduced to ``scale`` of their sides."""

    def __init__(self, card: Card, num_classes: int, scale: float) -> None:
        super().__init__(card, num_classes)
        self.scale = scale
        self.net = HRNetOCR(num_classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]``."""
        logits: Tensor = self.net(self.normalised(image))
        return logits

    def logits(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, h, w]`` of an image in whole 1/255, reduced by OpenCV's rule without antialiasing."""
        size = (max(1, round(image.shape[-2] * self.scale)), max(1, round(image.shape[-1] * self.scale)))
        self.work = {"passes": 1}
        return padded(self, opencv_resize.bilinear(image, size), self.card.size_multiple)

    def labels_of(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Labels uint8 ``[B, *size]``: probabilities are enlarged, as MagNet enlarges its coarse result."""
        return labels_from(logits.softmax(dim=1), size)

    def enlarged(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Logarithms ``[B, C, *size]`` of the enlarged probabilities."""
        probabilities = resize(logits.softmax(dim=1), size)
        return probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy, and 0.4 times that of the auxiliary head."""
        image, target = padded_pair(image, target, self.card.size_multiple)
        return self.net.losses(self.normalised(image), target)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the trunk from OpenMMLab's file.

        The heads keep their random weights.

        Raises:
            ValueError: the file is of another net; the message names the first missing key.
        """
        load_all(self.net.backbone, state)
