"""ISDNet: a deep net on the small image and a shallow net on the full one, fused twice (section 3, figure 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.card import Card
from benchmark.system import System
from isdnet import losses, official_weights, streaming
from isdnet.blocks import ConvBn, SegmentationHead, fcn_head, initialise, without
from isdnet.deep import ConvDeep, SegFormerDeep, deep_branch
from isdnet.fusion import CHANNELS, RelationAwareFusion, fusion_module
from isdnet.pyramid import LaplacianPyramid
from isdnet.shallow import ShallowNet
from isdnet.variants import (
    AUXILIARY_WEIGHTS,
    DISTILLATION_WEIGHT,
    SUPER_RESOLUTION_WEIGHT,
    Auxiliary,
    Variant,
)

REDUCTION = 4  # of the deep branch's input: every fourth pixel, without anti-aliasing (encoder_decoder_refine.py)


def decimated(image: Tensor) -> Tensor:
    """Input of the deep branch: ``[B, 3, H, W]`` to ``[B, 3, H // 4, W // 4]``."""
    return F.interpolate(image, size=(image.shape[-2] // REDUCTION, image.shape[-1] // REDUCTION))


class SuperResolutionDecoder(nn.Module):
    """Training only: the deep map enlarged to half the image's size, and an image of it (section 3.4)."""

    def __init__(self, upsampling: int) -> None:
        super().__init__()
        convs = [ConvBn(CHANNELS, 64, 3), ConvBn(64, 64, 3), ConvBn(64, CHANNELS, 3)]
        self.convs = nn.ModuleList(convs)
        self.factors = (upsampling, 2, 2)
        self.image = SegmentationHead(CHANNELS, 64, 3)

    def forward(self, deep: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, 128, H/2, W/2]`` and image ``[B, 3, H/2, W/2]`` of the deep map.

        ``deep`` is ``[B, 128, h, w]``; each step repeats pixels and convolves.
        """
        for factor, conv in zip(self.factors, self.convs, strict=True):
            deep = conv(F.interpolate(deep, scale_factor=factor))
        return deep, self.image(deep)


class TrainingHeads(nn.Module):
    """Everything that only training uses: auxiliary segmentation heads and the super-resolution decoder."""

    def __init__(self, variant: Variant, deep: ConvDeep | SegFormerDeep, num_classes: int) -> None:
        super().__init__()
        heads: dict[Auxiliary, nn.Module] = {
            "deep": nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(deep.channels, num_classes, 1)),
            "fuse16": SegmentationHead(CHANNELS, CHANNELS // 2, num_classes),
            "fuse8": SegmentationHead(CHANNELS, CHANNELS // 2, num_classes),
        }
        if deep.stage3_channels is not None:
            heads["stage3"] = fcn_head(deep.stage3_channels, num_classes)
        self.auxiliary = nn.ModuleDict({name: heads[name] for name in variant.form.auxiliary if name in heads})
        self.super_resolution = SuperResolutionDecoder(deep.upsampling) if variant.super_resolution else None
        initialise(self)


class ISDNet(System):
    """The net of a variant with both branches."""

    def __init__(self, card: Card, num_classes: int, variant: Variant) -> None:
        super().__init__(card, num_classes)
        self.variant = variant
        self.pyramid = LaplacianPyramid()
        self.deep = deep_branch(variant.deep)
        narrow = self.deep.channels == CHANNELS
        self.reduce: nn.Module = nn.Identity() if narrow else ConvBn(self.deep.channels, CHANNELS, 1)
        self.shallow = ShallowNet(6 if variant.high_frequency else 3)
        eighth, sixteenth = ShallowNet.channels
        self.fuse16 = fusion_module(sixteenth, variant.form, variant.fusion)
        self.fuse8 = fusion_module(eighth, variant.form, variant.fusion)
        self.streams = isinstance(self.fuse8, RelationAwareFusion)  # not where the maps are concatenated
        self.dropout = nn.Dropout2d(0.1)
        self.classifier: nn.Module = SegmentationHead(CHANNELS, CHANNELS // 2, num_classes)
        for part in (self.reduce, self.shallow, self.fuse16, self.fuse8, self.classifier):
            initialise(part)
        self.training_heads: TrainingHeads | None = TrainingHeads(variant, self.deep, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, ceil(H / 8), ceil(W / 8)]``."""
        eighth, sixteenth = self.shallow(partial(self.first_map, image))  # [B, 256, H/8, W/8], [B, 512, H/16, W/16]
        deep = self.reduce(self.deep(self.normalised(decimated(image)))[0])  # [B, 128, H/32, W/32]
        fused16, _ = self.fuse16(sixteenth, deep)  # [B, 128, H/16, W/16]
        del sixteenth
        fused8, _ = self.fuse8(eighth, fused16)  # [B, 128, H/8, W/8]
        logits: Tensor = self.classifier(fused8)
        return logits

    def streamed(self, read: streaming.Reader, size: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
        """See :meth:`System.streamed` and :mod:`isdnet.streaming`."""
        return streaming.streamed(self, read, size)

    def first_map(self, image: Tensor) -> Tensor:
        """Stage 1 of the shallow branch, ``[B, 32, ceil(H / 2), ceil(W / 2)]``, of ``image`` ``[B, 3, H, W]``.

        For predictions on a CPU the residuals are made in strips, so that the whole of them, six maps of the image's
        size, is never in memory. RGB goes in whole, as into the rivals' nets. In training batch norm must see the
        entire map.
        """
        in_strips = self.variant.high_frequency and image.device.type == "cpu"
        if self.training or torch.compiler.is_compiling() or not in_strips:
            whole: Tensor = self.shallow.stage1(self.shallow_input(image))
            return whole
        return streaming.first_map(self, image)

    def shallow_input(self, image: Tensor) -> Tensor:
        """Input of the shallow branch: residuals ``[B, 6, H, W]``, or RGB ``[B, 3, H, W]`` where H is left out.

        ``image`` is ``[B, 3, H, W]`` in [0, 1] and is normalised first. H is the column of Table 7: the high-frequency
        residuals of eq. 1, two levels of three channels.
        """
        normalised = self.normalised(image)
        return self.pyramid.high_frequency(normalised) if self.variant.high_frequency else normalised

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Eq. 8, weighted: ``segmentation``, ``auxiliary_*``, ``super_resolution``, ``structure_distillation``.

        Raises:
            RuntimeError: this is the inference form.
        """
        heads = self.training_heads
        if heads is None:
            raise RuntimeError("the inference form of ISDNet has no training heads; build the system again")
        deep_map, stage3 = self.deep(self.normalised(decimated(image)))
        deep = self.reduce(deep_map)
        eighth, sixteenth = self.shallow(partial(self.first_map, image))
        fused16, context16 = self.fuse16(sixteenth, deep)
        fused8, context8 = self.fuse8(eighth, fused16)
        terms = {"segmentation": self._entropy(self.classifier(self.dropout(fused8)), target)}
        maps: dict[str, Tensor | None] = {"deep": deep_map, "fuse16": context16, "fuse8": context8, "stage3": stage3}
        for name, weight in AUXILIARY_WEIGHTS.items():
            if name in heads.auxiliary:
                terms[f"auxiliary_{name}"] = weight * self._entropy(heads.auxiliary[name](maps[name]), target)
        return terms | self._super_resolution(heads, deep, image)

    def _entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        return losses.cross_entropy(logits, target, self.variant.form)

    def _super_resolution(self, heads: TrainingHeads, deep: Tensor, image: Tensor) -> dict[str, Tensor]:
        if heads.super_resolution is None:
            return {}
        features, reconstruction = heads.super_resolution(deep)
        error = losses.super_resolution(reconstruction, self.super_resolution_target(image))
        terms = {"super_resolution": SUPER_RESOLUTION_WEIGHT * error}
        if self.variant.distillation:
            difference = losses.structure_distillation(deep, features, self.variant.form)
            terms["structure_distillation"] = DISTILLATION_WEIGHT * difference
        return terms

    @torch.no_grad()
    def super_resolution_target(self, image: Tensor) -> Tensor:
        """The target of eq. 6, ``[B, 3, H, W]``: the image (text) or the sum of its residuals (released code).

        No gradient. The residuals are those of eq. 1, both at the image's size.
        """
        normalised = self.normalised(image)
        if self.variant.form.super_resolution_target == "image":
            return normalised
        fine, coarse = self.pyramid.high_frequency(normalised).chunk(2, dim=1)
        return fine + coarse

    def inference_form(self) -> System:
        """This system without its training heads; it shares the weights of the rest."""
        return without(self, "training_heads")

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take either branch's ImageNet file: ResNet-V1c of open-mmlab, STDCNet813M, or MiT-b0.

        Raises:
            ValueError: the file is of another net; the message names the first missing key.
        """
        if official_weights.is_stdc(state):
            official_weights.load_shallow(self.shallow, state)
        else:
            official_weights.load_deep(self.deep.backbone, state)
