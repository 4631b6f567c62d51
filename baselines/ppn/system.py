"""PPN: a global branch, a head that proposes patches, and a branch that refines them. The card lists every guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.common.losses import focal
from baselines.common.patches import Grid, patches_at_once
from baselines.common.resnet_fpn import FPN, ResNet50, initialise
from baselines.common.staged import StagedSystem
from baselines.glnet.net import FEATURES, GlobalBranch, Seen, cropped, squared
from benchmark.card import Card
from benchmark.inference import labels_from, resize
from benchmark.system import IGNORE

SELECTED = 9  # patches refined in an image
TRAINED_PATCHES = 6  # patches that a training step refines, over all of its images
MIB_PER_PIXEL = 0.8e-3  # of a patch at the refinement branch's peak, measured as for GLNet


class ProposalHead(nn.Module):
    """Global features ``[B, 512, h, w]`` -> how much each patch needs refinement, logits ``[B, patches]``."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(FEATURES, 64, 3, padding=1)
        self.score = nn.Conv2d(64, 1, 1)

    def forward(self, features: Tensor, grid: Grid) -> Tensor:
        """The mean score over the part of the map that each patch lies on."""
        scores = self.score(F.relu(self.reduce(features)))
        return _means(scores, grid)


class PPN(StagedSystem):
    """The whole image once, then the ``selected`` patches that the head scores highest."""

    stages = ("global", "proposal", "refinement")

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes)
        self.selected = SELECTED
        self.whole = GlobalBranch(num_classes)
        self.proposal = ProposalHead()
        self.refine_trunk = ResNet50()
        self.refine_fpn = FPN(None)
        self.fusion = nn.Conv2d(2 * FEATURES, num_classes, 3, padding=1)
        initialise(self.fusion)

    def trained(self) -> list[nn.Module]:
        """The global branch; the proposal head; the refinement branch and the fusion."""
        by_stage: dict[str, list[nn.Module]] = {
            "global": [self.whole],
            "proposal": [self.proposal],
            "refinement": [self.refine_trunk, self.refine_fpn, self.fusion],
        }
        return by_stage[self.stage]

    def forward(self, image: Tensor) -> Tensor:
        """The same as ``logits``: the method has no logits of a crop."""
        return self.logits(image)

    def logits(self, image: Tensor) -> Tensor:
        """Logits of whole images, ``[B, C, H, W]``: the global branch's, and refined ones on the selected patches."""
        return torch.cat([self._refined(one) for one in torch.split(image, 1)])

    def predict(self, image: Tensor) -> Tensor:
        """Labels uint8 ``[B, H, W]``."""
        size = (image.shape[-2], image.shape[-1])
        return torch.cat([labels_from(self._refined(one), size) for one in torch.split(image, 1)])

    def grid(self, image: Tensor) -> Grid:
        """The patches to choose from: GLNet's."""
        return Grid.glnet(image, self.card.sizes["patch"], self.card.sizes["least_overlap"])

    def seen_globally(self, image: Tensor) -> Seen:
        """The global branch on the whole image as a square."""
        return self.whole.alone(self.normalised(squared(image, self.card.sizes["global"])))

    def proposed(self, scores: Tensor) -> list[int]:
        """The numbers of the ``selected`` patches with the highest scores ``[patches]``; the first one of equals."""
        order = torch.argsort(scores, descending=True, stable=True)
        return sorted(order[: self.selected].tolist())

    def fused(self, image: Tensor, grid: Grid, features: Tensor, numbers: Sequence[int]) -> Tensor:
        """Logits ``[n, C, h, w]`` of patches from the refinement branch's features and the global branch's.

        ``features`` is the global branch's ps3; the part under a patch is enlarged to the size of the patch's own map.
        """
        patches = self.normalised(grid.crops(image, numbers))
        own = self.refine_fpn.features(self.refine_fpn.pyramid(self.refine_trunk(patches)))
        part = resize(cropped(features, grid, numbers), (own.shape[-2], own.shape[-1]))
        logits: Tensor = self.fusion(torch.cat([own, part], dim=1))
        return logits

    def _refined(self, image: Tensor) -> Tensor:
        grid, seen = self.grid(image), self.seen_globally(image)
        chosen = self.proposed(self.proposal(seen.features, grid)[0])
        self.work = {"passes": 1 + len(chosen), "patches": len(chosen)}
        canvas = resize(seen.logits, grid.size)
        picked = Grid(grid.size, grid.patch, tuple(grid.corners[number] for number in chosen))
        count = picked.coverage(canvas)
        canvas.masked_fill_(count > 0, 0.0)
        for numbers in picked.batches(patches_at_once(image.device, MIB_PER_PIXEL, grid.patch)):
            logits = self.fused(image, picked, seen.features, numbers)
            picked.add(canvas, resize(logits, grid.patch) / picked.crops(count, numbers), numbers)
        return canvas

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The loss of the current stage on whole images and their labels."""
        if self.stage == "global":
            return {"global": focal(self.seen_globally(image).logits, target)}
        grid = self.grid(image)
        with torch.no_grad():
            seen = self.seen_globally(image)
            critical = (errors := error_shares(seen.logits, target, grid)) > errors.mean(1, keepdim=True)
        if self.stage == "proposal":
            scores = self.proposal(seen.features, grid)
            return {"proposal": F.binary_cross_entropy_with_logits(scores, critical.float())}
        return {"refinement": self._refinement_loss(image, target, grid, seen.features)}

    def _refinement_loss(self, image: Tensor, target: Tensor, grid: Grid, features: Tensor) -> Tensor:
        with torch.no_grad():
            scores = self.proposal(features, grid)
        losses = []
        for index, one in enumerate(torch.split(image, 1)):
            chosen = self.proposed(scores[index])
            drawn = torch.randperm(len(chosen))[: max(1, TRAINED_PATCHES // len(image))].tolist()
            numbers = [chosen[place] for place in drawn]
            logits = self.fused(one, grid, features[index : index + 1], numbers)
            losses.append(focal(logits, grid.crops(target[index : index + 1], numbers)))
        return torch.stack(losses).mean()

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill both trunks from torchvision's ResNet-50 file.

        Raises:
            ValueError: the file is of another net; the message names the first wrong key.
        """
        self.whole.resnet_global.load_imagenet(state)
        self.refine_trunk.load_imagenet(state)


def _means(maps: Tensor, grid: Grid) -> Tensor:
    """Means ``[B, patches]`` of maps ``[B, 1, h, w]`` over the patches of the image's grid."""
    on_map = grid.on((maps.shape[-2], maps.shape[-1]))
    crops = on_map.crops(maps, range(len(grid)))
    return crops.mean((1, 2, 3)).view(len(grid), -1).T


def error_shares(logits: Tensor, target: Tensor, grid: Grid) -> Tensor:
    """The share of wrong pixels in each patch, ``[B, patches]``, at the logits' stride; unlabelled ones are right.

    This is what the proposal head learns to predict.
    """
    size = (logits.shape[-2], logits.shape[-1])
    small = F.interpolate(target[:, None].float(), size, mode="nearest-exact")
    wrong = (logits.argmax(1, keepdim=True) != small) & (small != IGNORE)
    return _means(wrong.float(), grid)
