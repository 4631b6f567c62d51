"""One branch of ISDNet alone, for Table 5."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from benchmark.card import Card
from benchmark.system import System
from isdnet import losses, official_weights
from isdnet.blocks import ConvBn, SegmentationHead, fcn_head, initialise, without
from isdnet.deep import deep_branch
from isdnet.fusion import CHANNELS, fusion_module
from isdnet.shallow import ShallowNet
from isdnet.variants import AUXILIARY_WEIGHTS, Variant


class DeepAlone(System):
    """The deep branch with its own classifier, as DeepLabv3; the image's scale is on the card."""

    def __init__(self, card: Card, num_classes: int, variant: Variant) -> None:
        super().__init__(card, num_classes)
        self.variant = variant
        self.deep = deep_branch(variant.deep)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(self.deep.channels, num_classes, 1)
        assert self.deep.stage3_channels is not None  # SegFormer is no row of Table 5
        self.auxiliary: nn.Module | None = fcn_head(self.deep.stage3_channels, num_classes)
        initialise(self.classifier)
        initialise(self.auxiliary)

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, H/8, W/8]``.

        ``image`` is ``[B, 3, H, W]`` in [0, 1], already reduced to the scale on the card. The auxiliary head does not
        run.
        """
        logits: Tensor = self.classifier(self.deep(self.normalised(image))[0])
        return logits

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``segmentation`` and ``auxiliary_stage3``.

        Raises:
            RuntimeError: this is the inference form.
        """
        if self.auxiliary is None:
            raise RuntimeError("the inference form has no training heads; build the system again")
        maps, stage3 = self.deep(self.normalised(image))
        form = self.variant.form
        entropy = losses.cross_entropy(self.auxiliary(stage3), target, form)
        return {
            "segmentation": losses.cross_entropy(self.classifier(self.dropout(maps)), target, form),
            "auxiliary_stage3": AUXILIARY_WEIGHTS["stage3"] * entropy,
        }

    def inference_form(self) -> System:
        """This system without its auxiliary head; it shares the weights of the rest."""
        return without(self, "auxiliary")

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the backbone's ImageNet file, as ``ISDNet`` does."""
        official_weights.load_deep(self.deep.backbone, state)


class ShallowAlone(System):
    """The shallow branch with RGB input; its two maps are added, as in the full net the deep map is."""

    def __init__(self, card: Card, num_classes: int, variant: Variant) -> None:
        super().__init__(card, num_classes)
        self.variant = variant
        self.shallow = ShallowNet(3)
        eighth, sixteenth = ShallowNet.channels
        self.reduce = ConvBn(sixteenth, CHANNELS, 3)
        self.fuse8 = fusion_module(eighth, variant.form, variant.fusion)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = SegmentationHead(CHANNELS, CHANNELS // 2, num_classes)
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, ceil(H / 8), ceil(W / 8)]``.

        The map at 1/16 is narrowed to 128 channels, enlarged and added to the one at 1/8.
        """
        eighth, sixteenth = self.shallow(lambda: self.shallow.stage1(self.normalised(image)))
        fused: Tensor = self.fuse8(eighth, self.reduce(sixteenth))[0]
        logits: Tensor = self.classifier(self.dropout(fused))
        return logits

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``segmentation``."""
        return {"segmentation": losses.cross_entropy(self(image), target, self.variant.form)}

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take STDC's ImageNet file, as ``ISDNet`` does; its first convolution fits as it is."""
        official_weights.load_shallow(self.shallow, state)
