"""GLNet behind the System contract, as it is trained: three stages (``Trainer`` of the release's ``helper.py``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.common.losses import focal
from baselines.common.patches import Grid
from baselines.common.resnet_fpn import Maps
from baselines.common.staged import StagedSystem
from baselines.glnet.net import GLNet, GlobalBranch, Merge, Seen, cropped, cropped_maps, squared
from benchmark.card import Card
from benchmark.inference import resize

SUB_BATCH = 6  # patches at a time
LIKENESS = 0.15  # weight of the loss that draws local features towards the global ones


class GLNetSystem(StagedSystem):
    """Two branches; ``fixed`` is the global branch as the first stage leaves it, which helps the patches.

    Args:
        card: of the system.
        num_classes: of the dataset.
        fixed: the copy of the global branch: by itself, or a whole net of which only that branch is used.
    """

    stages = ("global", "local", "local-to-global")

    def __init__(self, card: Card, num_classes: int, fixed: type[GlobalBranch]) -> None:
        super().__init__(card, num_classes)
        self.net = GLNet(num_classes)
        with torch.device("meta"):
            self.fixed = fixed(num_classes)
        own = self.net.state_dict()
        self.fixed.load_state_dict({key: own[key].clone() for key in self.fixed.state_dict()}, assign=True)
        self.fixed.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """The same as ``logits``: the method has no logits of a crop."""
        return self.logits(image)

    def grid(self, image: Tensor) -> Grid:
        """The patches of an image ``[B, 3, H, W]``."""
        return Grid.glnet(image, self.card.sizes["patch"], self.card.sizes["least_overlap"])

    def reduced(self, image: Tensor) -> Tensor:
        """The global branch's input: the whole image as a square whatever its shape, in [0, 1], not normalised."""
        return squared(image, self.card.sizes["global"])

    def seen_locally(self, image: Tensor, grid: Grid, maps: Maps, numbers: Sequence[int]) -> Seen:
        """The local branch on some patches of one image ``[1, 3, H, W]``, helped by its global maps."""
        return self.net.local(grid.crops(image, numbers), cropped_maps(maps, grid, numbers))

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The losses of the current stage on whole images and their labels.

        Image ``[B, 3, H, W]`` in [0, 1], target int64 ``[B, H, W]`` with 255 for unlabelled pixels. The stages are
        "global", "local" and "local-to-global".
        """
        if self.stage == "global":
            return {"global": focal(self.net.alone(self.reduced(image)).logits, target)}
        return self._local_losses(image, target) if self.stage == "local" else self._helped_losses(image, target)

    def _local_losses(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Focal loss of local branch and ensemble and the likeness of features, on one sub-batch of patches."""
        grid = self.grid(image)
        losses = []
        for one, labels in zip(torch.split(image, 1), torch.split(target, 1), strict=True):
            with torch.no_grad():
                help_ = self.net.alone(self.reduced(one))
            numbers = _drawn(grid, len(image))
            seen, part = self.seen_locally(one, grid, help_.maps, numbers), cropped(help_.features, grid, numbers)
            wanted = grid.crops(labels, numbers)
            likeness = F.mse_loss(seen.features, resize(part, (seen.features.shape[-2], seen.features.shape[-1])))
            ensemble = focal(self.net.ensemble(seen.features, part), wanted)
            losses.append(torch.stack([focal(seen.logits, wanted), ensemble, LIKENESS * likeness]))
        total = _sub_batches(grid) * torch.stack(losses).sum(0)
        return dict(zip(("local", "ensemble", "likeness"), total.unbind(), strict=True))

    def _helped_losses(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Focal loss of the helped global branch, and of the ensemble on one sub-batch of patches."""
        grid = self.grid(image)
        drawn = [_drawn(grid, len(image)) for _ in range(len(image))]
        merged, features = [], []
        for one, numbers in zip(torch.split(image, 1), drawn, strict=True):
            maps, some = self._merged(one, grid, numbers)
            merged.append(maps)
            features.append(some)
        helped = self.net.helped(self.reduced(image), Maps.together(merged))
        losses = [
            focal(self.net.ensemble(local, cropped(whole, grid, numbers)), grid.crops(labels, numbers))
            for local, whole, numbers, labels in zip(
                features, torch.split(helped.features, 1), drawn, torch.split(target, 1), strict=True
            )
        ]
        return {"global": focal(helped.logits, target), "ensemble": _sub_batches(grid) * torch.stack(losses).sum()}

    @torch.no_grad()
    def _merged(self, image: Tensor, grid: Grid, wanted: Sequence[int]) -> tuple[Maps, Tensor]:
        """The merged maps of all patches of one image, and the features ``[n, 512, h, w]`` of the wanted ones."""
        maps = self.fixed.alone(self.reduced(image)).maps
        merge, features = Merge(grid, maps), {}
        for numbers in grid.batches(SUB_BATCH):
            seen = self.seen_locally(image, grid, maps, numbers)
            merge.add(seen.maps, numbers)
            features.update({n: seen.features[place].clone() for place, n in enumerate(numbers) if n in wanted})
        return merge.result(), torch.stack([features[number] for number in wanted])

    def enter_stage(self, stage: str) -> None:
        """Freeze what the stage only uses; before the last one, take the global branch's copy.

        The copy stays as it is, whatever the last stage does to the branch.
        """
        if stage == "local-to-global":
            self._fix()
        super().enter_stage(stage)

    def trained(self) -> list[nn.Module]:
        """The global branch; the local one and the ensemble; the helped global branch and the ensemble."""
        net = self.net
        by_stage: dict[str, list[nn.Module]] = {
            "global": [net.resnet_global, net.fpn_global],
            "local": [net.resnet_local, net.fpn_local, net.ensemble_conv],
            "local-to-global": [net.resnet_global, net.fpn_global_ext, net.fpn_global.classify, net.ensemble_conv],
        }
        return by_stage[self.stage]

    def _fix(self) -> None:
        own = self.net.state_dict()
        self.fixed.load_state_dict({key: own[key] for key in self.fixed.state_dict()})

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the trunks from torchvision's ResNet-50 file.

        Raises:
            ValueError: the file is of another net; the message names the first wrong key.
        """
        self.net.resnet_global.load_imagenet(state)
        self.net.resnet_local.load_imagenet(state)
        self._fix()


def _drawn(grid: Grid, images: int) -> list[int]:
    """The patches of one image that a step trains on: a sub-batch over all of its images."""
    count = max(1, SUB_BATCH // images)
    return sorted(torch.randperm(len(grid))[:count].tolist())


def _sub_batches(grid: Grid) -> int:
    """Sub-batches of an image, each of which the release adds with its mean loss; the drawn one stands for all."""
    return math.ceil(len(grid) / SUB_BATCH)
