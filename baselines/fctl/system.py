"""FCtL behind the System contract: patches, their contexts, and the stages that train one encoder after the other.

Source: liqiokkk/FCtL, ``helper.py`` of the branches main (Inria) and Deepglobe.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.common import pillow_resize
from baselines.common.losses import focal
from baselines.common.patches import Grid, glnet_grid
from baselines.fcn8s.net import fill
from baselines.fctl.attention import ContextAttention, ContextFusion
from baselines.fctl.net import PaddedFCN8s, imagenet_pairs, trunk_pairs, vgg_trunk
from benchmark.card import Card
from benchmark.system import System

SUB_BATCH = 4  # patches of an image that the release takes at a time in training
FIRST_SUB_BATCH = 6  # in its first stage


class FCtL(System):
    """An FCN-8s on patches whose deepest features attend to three contexts. Subclasses say which, and train them.

    ``apprentice`` is the net of those stages whose encoder alone is kept; it exists during these stages.
    """

    released_batch: int
    subtract_means: bool
    context_encoders: tuple[str, ...]
    regions: ClassVar[Mapping[str, int]]  # a context's name -> the side of its region in patches

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes)
        self.patch, padding = card.sizes["patch"], card.sizes["padding"]
        self.net = PaddedFCN8s(num_classes, padding)
        self.fusion = ContextFusion(subtract_means=self.subtract_means)
        self.encoders = nn.ModuleDict({name: vgg_trunk(padding) for name in self.context_encoders})
        self.apprentice: PaddedFCN8s | None = None
        self.apprentice_attention = ContextAttention(subtract_means=self.subtract_means)
        self.stage = self.stages[-1]

    def grid(self, image: Tensor) -> Grid:
        """The patches of images ``[B, 3, H, W]``."""
        starts = partial(glnet_grid, least_overlap=self.card.sizes["overlap"])
        return Grid.of((image.shape[-2], image.shape[-1]), self.patch, starts)

    def forward(self, image: Tensor) -> Tensor:
        """Summed logits of all patches ``[B, C, H, W]``."""
        return self.logits(image)

    def logits(self, image: Tensor) -> Tensor:
        """Summed logits of the patches, float64 ``[B, C, H, W]`` on the host: as released, no softmax, no division."""
        grid = self.grid(image)
        shared = self.shared_context(image, grid.patch)
        host = image.device if image.is_meta else torch.device("cpu")
        canvas = torch.zeros(image.shape[0], self.num_classes, *grid.size, device=host, dtype=torch.float64)
        passes = len(self.context_encoders) - len(shared) + 1
        self.work = {"passes": len(grid) * passes + len(shared), "patches": len(grid)}
        for numbers in grid.batches(self.released_batch):
            grid.add(canvas, self.patch_logits(image, grid, numbers, shared).to(canvas), numbers)
        return canvas

    def shared_context(self, image: Tensor, patch: tuple[int, int]) -> tuple[Tensor, ...]:
        """Features of contexts that all patches of an image have in common, ``[B, 512, h, w]`` each."""
        return ()

    def contexts(self, image: Tensor, grid: Grid, numbers: Sequence[int]) -> list[Tensor]:
        """Features ``[n * B, 512, h, w]`` of the regions around patches."""
        regions = ((name, surroundings(image, grid, numbers, times)) for name, times in self.regions.items())
        return [self.encoded_region(name, region) for name, region in regions]

    def encoded_region(self, name: str, region: Tensor) -> Tensor:
        """Features ``[n * B, 512, h, w]`` of regions ``[n * B, 3, *patch]`` by a context's encoder."""
        features: Tensor = self.encoders[name](region)
        return features

    def encoded(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``PaddedFCN8s.encode`` of patches ``[n * B, 3, h, w]``."""
        return self.net.encode(patches)

    def patch_logits(self, image: Tensor, grid: Grid, numbers: Sequence[int], shared: Sequence[Tensor]) -> Tensor:
        """Logits ``[n * B, C, h, w]`` of some patches in their contexts.

        No gradient reaches the encoders of the contexts.
        """
        with torch.no_grad():
            contexts = self.contexts(image, grid, numbers)
            contexts += [features.repeat(len(numbers), 1, 1, 1) for features in shared]
        pool3, pool4, pool5 = self.encoded(grid.crops(image, numbers))
        return self.net.decode(pool3, pool4, self.fusion(pool5, self.ordered(pool5, contexts)), grid.patch)

    @abstractmethod
    def ordered(self, local: Tensor, contexts: list[Tensor]) -> list[Tensor]:
        """The features of the three contexts in the order of the attentions."""

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Focal loss of whole images in stage global; else of some patches of each image, the same places in all.

        These stand for all patches: a step of the release adds up the mean losses of its sub-batches, of one image
        each.
        """
        grid = self.grid(image)
        if self.stage == "global":
            assert self.apprentice is not None  # the stage begins with one
            small = F.interpolate(target[:, None].float(), grid.patch, mode="nearest-exact")[:, 0].long()
            return {"focal": focal(self.apprentice(pillow_resize.bilinear(image, grid.patch)), small)}
        count = FIRST_SUB_BATCH if self.stage == "local" else SUB_BATCH
        numbers = torch.randperm(len(grid))[:count].tolist()
        logits = self.stage_logits(image, grid, numbers)
        mean = focal(logits, grid.crops(target[:, None], numbers)[:, 0])
        return {"focal": mean * len(image) * math.ceil(len(grid) / count)}  # the release adds up that many means

    def stage_logits(self, image: Tensor, grid: Grid, numbers: Sequence[int]) -> Tensor:
        """Logits of some patches by the net that the current stage trains."""
        if self.stage == "local":
            logits: Tensor = self.net(grid.crops(image, numbers))
            return logits
        if self.stage == "all":
            with torch.no_grad():
                shared = self.shared_context(image, grid.patch)
            return self.patch_logits(image, grid, numbers, shared)
        attention = self.apprentice_attention if self.apprentice else self.fusion.attentions[0]
        return self._with_one_context(self.apprentice or self.net, attention, image, grid, numbers)

    def _with_one_context(
        self, net: PaddedFCN8s, attention: nn.Module, image: Tensor, grid: Grid, numbers: Sequence[int]
    ) -> Tensor:
        """Logits of patches whose context goes through the same encoder as they (mode 2 of the release)."""
        pool3, pool4, pool5 = net.encode(grid.crops(image, numbers))
        context = net.encode(surroundings(image, grid, numbers, self.regions[self.stage]))[2]
        return net.decode(pool3, pool4, pool5 + attention(pool5, context), grid.patch)

    def train_only(self, *modules: nn.Module) -> None:
        """Unfreeze these modules and freeze everything else; fixed upsampling layers stay frozen.

        The fixed layers are those whose name starts with ``up_``.
        """
        self.requires_grad_(False)
        for module in modules:
            for name, parameter in module.named_parameters():
                parameter.requires_grad_(not name.startswith("up_"))

    def hire_apprentice(self) -> PaddedFCN8s:
        """An apprentice that starts from the net as it is."""
        self.apprentice = copy.deepcopy(self.net)
        return self.apprentice

    def keep_encoder(self, name: str) -> None:
        """Use the encoder that was trained last for a context, and drop the apprentice.

        Without an apprentice the encoder of the net itself is taken.
        """
        trained = self.apprentice or self.net
        self.encoders[name].load_state_dict(trained.features.state_dict())
        self.apprentice = None

    def inference_form(self) -> System:
        """This system without the apprentice; it shares the weights.

        The apprentice only exists while a stage trains it; the net's result does not depend on it.
        """
        lean = copy.copy(self)
        lean._modules = {name: part for name, part in self._modules.items() if not name.startswith("apprentice")}
        return lean

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the net and the context encoders from torchvision's VGG-16 file.

        Raises:
            ValueError: the file is of another net.
        """
        pairs = [*imagenet_pairs(self.net)]
        for encoder in self.encoders.values():
            assert isinstance(encoder, nn.Sequential)
            pairs += trunk_pairs(encoder)
        fill(pairs, state)


def surroundings(image: Tensor, grid: Grid, numbers: Sequence[int], times: int) -> Tensor:
    """Regions ``times`` as high and wide around patches, black beyond the image, reduced by Pillow to the patch's size.

    Args:
        image: ``[B, 3, H, W]``.
        grid: of the image.
        numbers: of the patches.
        times: 2 or 3.

    Returns:
        ``[n * B, 3, h, w]``.
    """
    return torch.cat(
        [pillow_resize.bilinear(region_around(image, grid, number, times), grid.patch) for number in numbers]
    )


def region_around(image: Tensor, grid: Grid, number: int, times: int) -> Tensor:
    """The region at full size. ``helper.py`` pads by half a patch, or a whole one, rounded down."""
    bounds = []
    for start, side, full in zip(grid.corners[number], grid.patch, grid.size, strict=True):
        first = start - side * (times - 1) // 2
        bounds.append((first, first + side * times, full))
    (top, bottom, height), (left, right, width) = bounds
    inside = image[..., max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    return F.pad(inside, (max(-left, 0), max(right - width, 0), max(-top, 0), max(bottom - height, 0)))
