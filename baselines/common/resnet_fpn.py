"""ResNet-50 and the feature pyramid of GLNet's branches, which is also MagNet's DeepGlobe backbone.

Source: ``models/fpn_global_local_fmreg_ensemble.py`` and ``models/resnet.py`` of GLNet. The pyramid has neither
normalisation nor activation: everything from c2..c5 to the logits is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from benchmark.inference import resize
from benchmark.published import load_all

FourMaps = tuple[Tensor, Tensor, Tensor, Tensor]
Convs = tuple[nn.Conv2d, nn.Conv2d, nn.Conv2d, nn.Conv2d]
Apply = Callable[[nn.Conv2d, Tensor, Tensor | None], Tensor]
_NoMaps = tuple[None, None, None, None]
_NONE: _NoMaps = (None, None, None, None)
_NO_MAPS = (_NONE,) * 4  # no other branch


class ResNet50(ResNet):  # type: ignore[misc]  # torchvision has no types
    """ResNet-50 of torchvision, without pooling and classifier: image ``[B, 3, H, W]`` -> c2..c5 at strides 4..32."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        del self.avgpool, self.fc

    def forward(self, image: Tensor) -> FourMaps:
        """c2, c3, c4, c5 with 256, 512, 1024 and 2048 channels.

        Of an image ``[B, 3, H, W]``; the maps have strides 4, 8, 16 and 32.
        """
        c2 = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(image)))))
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return c2, c3, c4, self.layer4(c4)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill all from torchvision's file.

        Raises:
            ValueError: the file is of another net; the message names the first wrong key.
        """
        load_all(self, state)


class Maps(NamedTuple):
    """The maps inside a pyramid. ``ps*`` run from the deepest level to the finest, ``stages`` is c2..c5."""

    stages: FourMaps
    ps0: FourMaps  # top-down sums, 256 channels
    ps1: FourMaps  # after the first smoothing, 256 channels
    ps2: FourMaps  # after the second one, 128 channels

    def each(self, change: Callable[[Tensor], Tensor]) -> Maps:
        """All maps changed in the same way."""
        return Maps(*(four([change(level) for level in levels]) for levels in self))

    @staticmethod
    def together(parts: Sequence[Maps]) -> Maps:
        """The maps of several images as one batch."""
        groups = (zip(*fellows, strict=True) for fellows in zip(*parts, strict=True))
        return Maps(*(four([torch.cat(level) for level in levels]) for levels in groups))


def joined(own: Tensor, other: Tensor | None) -> Tensor:
    """A map and the other branch's, resized to it, concatenated along the channels."""
    return own if other is None else torch.cat([own, resize(other, _size(own))], dim=1)


def convolved(conv: nn.Conv2d, own: Tensor, other: Tensor | None) -> Tensor:
    """A layer on both branches' maps."""
    maps: Tensor = conv(joined(own, other))
    return maps


class FPN(nn.Module):
    """A pyramid on c2..c5. If ``doubled``, every input is concatenated with the same map of another branch.

    Args:
        num_classes: of the classifier; None where another pyramid's is used.
        doubled: whether ``forward`` gets the other branch's maps.
    """

    def __init__(self, num_classes: int | None, *, doubled: bool = False) -> None:
        super().__init__()
        fold = 2 if doubled else 1
        self.toplayer = nn.Conv2d(2048 * fold, 256, 1)
        self.latlayer1 = nn.Conv2d(1024 * fold, 256, 1)
        self.latlayer2 = nn.Conv2d(512 * fold, 256, 1)
        self.latlayer3 = nn.Conv2d(256 * fold, 256, 1)
        self.smooth1_1, self.smooth2_1, self.smooth3_1, self.smooth4_1 = _smoothing(256 * fold, 256)
        self.smooth1_2, self.smooth2_2, self.smooth3_2, self.smooth4_2 = _smoothing(256 * fold, 128)
        if doubled:
            self.smooth = nn.Conv2d(1024, 512, 3, padding=1)
        if num_classes is not None:
            self.classify = nn.Conv2d(512, num_classes, 3, padding=1)
        initialise(self)

    def layers(self) -> tuple[Convs, Convs, Convs]:
        """The layers that take stages, ps0 and ps1, each in the order of those maps.

        Lateral layers are 1x1 convolutions; the others, which smooth, are 3x3.
        """
        lateral = (self.latlayer3, self.latlayer2, self.latlayer1, self.toplayer)
        first = (self.smooth1_1, self.smooth2_1, self.smooth3_1, self.smooth4_1)
        return lateral, first, (self.smooth1_2, self.smooth2_2, self.smooth3_2, self.smooth4_2)

    def pyramid(self, stages: FourMaps, other: Maps | None = None, apply: Apply = convolved) -> Maps:
        """All maps up to ps2. ``other`` are the other branch's, each enlarged here to the size of its fellow.

        ``apply`` is how a layer takes a map and the other branch's.
        """
        beside_stages, beside_ps0, beside_ps1, _ = other or _NO_MAPS
        lateral, first, second = self.layers()
        flat = list(map(apply, lateral, stages, beside_stages))
        summed = [flat[3]]
        for index in (2, 1, 0):
            summed.append(resize(summed[-1], _size(flat[index])) + flat[index])
        ps0 = four(summed)
        ps1 = four(list(map(apply, first, ps0, beside_ps0)))
        return Maps(stages, ps0, ps1, four(list(map(apply, second, ps1, beside_ps1))))

    def top(self, maps: Maps, other: Maps | None = None) -> Tensor:
        """ps2 of all levels at the finest one's size, ``[B, 512 or 1024, H/4, W/4]``.

        With ``other``, each level has the other branch's 128 channels after its own.
        """
        size = _size(maps.ps2[3])
        pairs = zip(maps.ps2, (other or _NO_MAPS)[3], strict=True)
        return torch.cat([resize(joined(a, b), size) for a, b in pairs], dim=1)

    def features(self, maps: Maps, other: Maps | None = None) -> Tensor:
        """ps3, what the classifier sees: ``[B, 512, H/4, W/4]``.

        A doubled pyramid smooths its 1024 channels to 512; a single one has 512 and no such layer.
        """
        top = self.top(maps, other)
        ps3: Tensor = self.smooth(top) if other else top
        return ps3


class ResNetFPN(FPN):
    """Trunk and pyramid as one net, in the names of MagNet's DeepGlobe backbone (28,064,839 parameters, 7 classes)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.resnet_backbone = ResNet50()

    def forward(self, image: Tensor) -> Tensor:
        """Image ``[B, 3, H, W]`` -> logits ``[B, C, H/4, W/4]``."""
        logits: Tensor = self.classify(self.features(self.pyramid(self.resnet_backbone(image))))
        return logits


def initialise(module: nn.Module) -> None:
    """The release's initialisation of all convolutions of a head: weights N(0, 0.01), biases 0.

    Draws from torch's random state, layer by layer in the order of ``module.modules()``.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _smoothing(inputs: int, outputs: int) -> Convs:
    first, second, third, fourth = (nn.Conv2d(inputs, outputs, 3, padding=1) for _ in range(4))
    return first, second, third, fourth


def _size(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]


def four(maps: list[Tensor]) -> FourMaps:
    """A list with one map per level as the tuple that ``Maps`` holds."""
    first, second, third, fourth = maps
    return first, second, third, fourth
