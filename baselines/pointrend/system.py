"""PointRend behind the System contract: mmsegmentation's net, its uncertain pixels predicted again one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from baselines.common.mmseg_adapter import MMSegSystem
from benchmark.card import Card


@dataclass(frozen=True)
class Subdivision:
    """How often the coarse logits are doubled, and how many of their pixels are predicted again each time."""

    steps: int = 2
    points: int = 8196  # of an image of the paper's size, whatever that is
    pixels_per_point: int = 0  # if not 0: a point for so many pixels of the input, instead of `points`

    def count(self, height: int, width: int, ratio: float) -> int:
        """Points of a step for an input ``height`` x ``width`` whose sides are ``ratio`` times the paper's."""
        wanted = height * width / self.pixels_per_point if self.pixels_per_point else self.points * ratio**2
        return max(1, round(wanted))


class PointRendSystem(MMSegSystem):
    """A coarse head at stride 4, and a head for points on its uncertain pixels.

    Args:
        config: the ``model`` part of a configuration with a coarse head and a point head.
        subdivision: of inference; no steps give the coarse head's logits.
    """

    def __init__(
        self, card: Card, num_classes: int, config: Mapping[str, Any], subdivision: Subdivision | None = None
    ) -> None:
        train_cfg = config["train_cfg"]
        points = max(1, round(train_cfg["num_points"] * card.ratio**2))  # the same share of a smaller crop
        super().__init__(card, num_classes, {**config, "train_cfg": {**train_cfg, "num_points": points}})
        self.subdivision = subdivision or Subdivision()

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``[B, C, h, w]`` of the last subdivision: full size after two, stride 4 after none."""
        features = self.net.extract_feat(self.normalised(image))
        coarse_head, point_head = self.net.decode_head
        coarse: Tensor = coarse_head(features)
        steps, enlarged = self.subdivision.steps, (coarse.shape[-2], coarse.shape[-1])
        points = self.subdivision.count(image.shape[-2], image.shape[-1], self.card.ratio)
        predicted = 0
        for _ in range(steps):
            enlarged = (enlarged[0] * 2, enlarged[1] * 2)
            predicted += min(points, enlarged[0] * enlarged[1])
        self.work["points"] = predicted
        settings = type(self.net.test_cfg)(subdivision_steps=steps, subdivision_num_points=points, scale_factor=2)
        logits: Tensor = point_head.predict(features, coarse, [{"img_shape": enlarged}], settings)
        return logits

    def terms(self, features: Any, samples: list[Any]) -> dict[str, Tensor]:
        """Cross-entropy of the coarse logits and of the sampled points, as mmsegmentation chains the two heads."""
        terms: dict[str, Tensor] = self.net._decode_head_forward_train(features, samples)
        return terms
