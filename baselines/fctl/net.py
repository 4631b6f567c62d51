"""FCtL's net: FCN-8s in the layout of its authors (2015): the image is padded by 100 and no other layer pads.

Source: shelhamer/fcn.berkeleyvision.org (voc-fcn8s-atonce) for the layout, liqiokkk/FCtL ``models/fcn.py`` for names.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from baselines.fcn8s.net import STAGES, WideConv2d, bilinear

POOLS = (17, 24, 31)  # where pool3, pool4 and pool5 end in the trunk
STRIDE = 32  # of pool5
CUT = 69  # pixels that the unpadded 7x7 layer and the enlargements lose on each side: 100 - 69 = 31 are left to crop
LEAST_PADDING = 5  # with two cells more around pool5 that is just enough


def vgg_trunk(padding: int) -> nn.Sequential:
    """VGG-16's convolutions, numbered as torchvision's ``features``: the image padded by ``padding``, pools round up.

    Raises:
        ValueError: the padding is too small for the logits to reach the image's border.
    """
    if padding < LEAST_PADDING:
        raise ValueError(f"padding {padding} must be at least {LEAST_PADDING}")
    layers: list[nn.Module] = []
    width = 3
    for outputs in STAGES:
        for output in outputs:
            layers += [nn.Conv2d(width, output, 3, padding=1 if layers else padding), nn.ReLU(inplace=True)]
            width = output
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # there is one
    return nn.Sequential(*layers)


class PaddedFCN8s(nn.Module):
    """Image ``[B, 3, H, W]`` in [0, 1] -> logits ``[B, C, H, W]``, sides of 57 or more (any at a padding of 100).

    A padding below 69 (reduced images) leaves too little for the 7x7 layer, which then pads pool5 by up to two cells.
    """

    def __init__(self, num_classes: int, padding: int = 100) -> None:
        super().__init__()
        self.features = vgg_trunk(padding)
        self.adj_pool3 = nn.Conv2d(256, num_classes, 1)
        self.adj_pool4 = nn.Conv2d(512, num_classes, 1)
        self.cells = max(0, -(-(CUT - padding) // STRIDE))
        self.margin = padding + STRIDE * self.cells - CUT
        self.output = nn.Sequential(
            WideConv2d(512, 4096, 7, padding=self.cells),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Conv2d(4096, 4096, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Conv2d(4096, num_classes, 1),
        )
        self.up_output = bilinear(num_classes, 2, padding=0).requires_grad_(False)
        self.up_pool4_out = bilinear(num_classes, 2, padding=0).requires_grad_(False)
        self.up_final = bilinear(num_classes, 8, padding=0).requires_grad_(False)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pool3, pool4 and pool5: 256, 512 and 512 maps at strides 8, 16 and 32 of the padded image.

        Of an image ``[B, 3, H, W]``; :meth:`decode` takes the three as they are.
        """
        first, second, _ = POOLS
        pool3 = self.features[:first](image)
        pool4 = self.features[first:second](pool3)
        return pool3, pool4, self.features[second:](pool4)

    def decode(self, pool3: Tensor, pool4: Tensor, pool5: Tensor, size: tuple[int, int]) -> Tensor:
        """Logits ``[B, C, *size]`` of what :meth:`encode` gives for an image of that size.

        The skip maps are scaled by 0.01 (pool4) and 0.0001 (pool3) and cropped to the deep map.
        """
        deep = self.up_output(self.output(pool5))
        deep = self.up_pool4_out(_added(deep, self.adj_pool4(0.01 * pool4), 5 - 2 * self.cells))
        logits: Tensor = self.up_final(_added(deep, self.adj_pool3(0.0001 * pool3), 9 - 4 * self.cells))
        return logits[..., self.margin : self.margin + size[0], self.margin : self.margin + size[1]]

    def forward(self, image: Tensor) -> Tensor:
        """Logits at the image's size."""
        return self.decode(*self.encode(image), (image.shape[-2], image.shape[-1]))


def _added(deep: Tensor, skip: Tensor, offset: int) -> Tensor:
    """The deep map plus the skip map from ``offset`` on; as much of them as both have."""
    skip = skip[..., offset : offset + deep.shape[-2], offset : offset + deep.shape[-1]]
    return skip + deep[..., : skip.shape[-2], : skip.shape[-1]]


def imagenet_pairs(net: PaddedFCN8s) -> Iterator[tuple[Tensor, str]]:
    """Every tensor of ``net`` that torchvision's VGG-16 file has, and its key there (the fc layers flattened).

    The file's layer of 1000 classes has no counterpart.
    """
    yield from trunk_pairs(net.features)
    for ours, theirs in (("0", "classifier.0"), ("3", "classifier.3")):
        for name, parameter in net.output.get_submodule(ours).named_parameters():
            yield parameter, f"{theirs}.{name}"


def trunk_pairs(trunk: nn.Sequential) -> Iterator[tuple[Tensor, str]]:
    """The same for a trunk alone."""
    return ((parameter, f"features.{name}") for name, parameter in trunk.named_parameters())
