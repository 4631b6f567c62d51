"""CascadePSP on a base: every component of the base's label map is refined separately, then all are recombined.

Source: hkchengrex/CascadePSP, ``docs/testing_scene_parsing.md`` and ``eval_post_ade.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from baselines.cascadepsp.early import EarlyCascadeNet
from baselines.cascadepsp.losses import cascade_losses
from baselines.cascadepsp.masks import components, distorted
from baselines.cascadepsp.net import CascadeNet
from baselines.cascadepsp.steps import MaskRefiner, Steps, padded
from baselines.common.refiner import Refiner
from benchmark.card import Card
from benchmark.system import IGNORE, System

SURE = 0.5  # threshold of a refined probability, and the score of the base's own label
LEVELS = 255  # of a probability between the release's scripts
LEAST_IOU = 0.8  # of a distorted mask with the true one
STEM = "conv1.weight"  # six input channels here, three in the file


class CascadePSP(Refiner):
    """The scores of a class are the highest refined probability of its components."""

    own_stages = ("refinement",)
    kind_of_net = CascadeNet

    def __init__(self, card: Card, num_classes: int, base: System, *, enlarge: bool = False) -> None:
        super().__init__(card, num_classes, base)
        self.net = self.kind_of_net()
        self.steps = Steps(card.sizes["side"], card.sizes["stride"], card.sizes["margin"], enlarge=enlarge)

    def logits(self, image: Tensor) -> Tensor:
        """Scores ``[B, C, H, W]``, image by image: each has components of its own."""
        return torch.cat([self.refined(one, self.coarse(one)) for one in torch.split(image, 1)])

    def refined(self, image: Tensor, coarse: Tensor) -> Tensor:
        """Scores ``[1, C, H, W]``: 0.5 for the base's label, more where a refined component exceeds 0.5."""
        size = (image.shape[-2], image.shape[-1])
        labels = self.base.labels_of(coarse, size)
        scores = image.new_zeros(1, self.num_classes, *size).scatter_(1, labels[:, None].long(), SURE)
        refiner = MaskRefiner(self.net, self.steps)
        self._refine(refiner, self.normalised(image), labels[0], scores[0])
        self.work["passes"] = self.work.get("passes", 0) + refiner.work.passes
        self.work |= {name: vars(refiner.work)[name] for name in ("masks", "crops", "skipped_crops")}
        return scores

    def _refine(self, refiner: MaskRefiner, image: Tensor, labels: Tensor, scores: Tensor) -> None:
        """Raise the scores ``[C, H, W]`` of one image ``[1, 3, H, W]`` where a refined component exceeds 0.5."""
        sizes = self.card.sizes
        for one in components(labels.cpu().numpy(), sizes["disc"], sizes["least_side"]):
            mask = torch.from_numpy(one.mask).to(image)[None, None] * 2 - 1
            found = refiner.refined(image[..., one.rows, one.columns], mask)[0, 0]
            found = (found * LEVELS).floor() / LEVELS  # the release keeps them in a file of 8 bits
            own = scores[one.label, one.rows, one.columns]
            torch.maximum(own, found.where(found > SURE, 0.0), out=own)

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The base's losses in its stages, then the six of the net; one image alone counts twice for the base.

        Image ``[B, 3, H, W]`` in [0, 1], target int64 ``[B, H, W]`` with 255 for unlabelled pixels; scalars by name.
        """
        if len(image) == 1 and self.stage in self.base.stages:  # DeepLabv3+ normalises one pooled value over the batch
            image, target = image.expand(2, -1, -1, -1), target.expand(2, -1, -1)
        return super().loss(image, target)

    def own_loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The six losses for one class of each crop, drawn from those in it, whose mask is distorted.

        Draws from torch's random state once for every crop. Unlabelled pixels count in no loss.
        """
        truth, mask = (torch.stack(maps)[:, None].to(image) for maps in zip(*map(self._example, target), strict=True))
        logits = padded(self.net, self.normalised(image), mask * 2 - 1)
        return cascade_losses(logits, truth, (target != IGNORE)[:, None].to(image))

    def _example(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """True and distorted mask ``[H, W]`` of a class in a crop's labels; by torch's random state."""
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        labels = target.cpu().numpy()
        present = np.unique(labels[labels != IGNORE])
        truth = (labels == (random.choice(present) if len(present) else -1)).astype(np.uint8)
        mask = distorted(truth, random.uniform(LEAST_IOU, 1.0), self.card.sizes["most_kernel"], random)
        return torch.from_numpy(truth), torch.from_numpy(mask)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Give the base its ImageNet weights, and the net those of ResNet-50; the stem starts at 0 for the masks.

        Raises:
            ValueError: the file is of another net.
        """
        own = self.net.feats.state_dict()
        ours = all(key in state for key in own if not key.endswith("num_batches_tracked"))
        try:
            self.base.load_imagenet(state)
        except ValueError:
            if not ours:
                raise
        if ours:
            stem = torch.cat([state[STEM], torch.zeros_like(state[STEM])], dim=1)
            self.net.feats.load_state_dict({key: state.get(key, value) for key, value in own.items()} | {STEM: stem})


class BatchedCascadePSP(CascadePSP):
    """The same scores, up to rounding, by :class:`EarlyCascadeNet`."""

    kind_of_net = EarlyCascadeNet
