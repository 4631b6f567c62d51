"""MagNet (Huynh, Tran, Luu, Hoai 2021) behind the System contract: coarse to fine, tile by tile, point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from baselines.common.losses import cross_entropy
from baselines.common.resnet_fpn import ResNetFPN
from baselines.hrnet_ocr.net import HRNetOCR
from baselines.magnet import points
from baselines.magnet.refinement import Refinement
from baselines.magnet.settings import Settings
from baselines.magnet.tiles import Canvas, Size, Tile, aligned, resized, tiles_of
from baselines.magnet.training import refinement_losses
from benchmark.card import Card
from benchmark.inference import resize
from benchmark.published import load_all
from benchmark.system import System

Backbone: TypeAlias = "ResNetFPN | HRNetOCR"


class MagNetSystem(System):
    """A backbone that sees tiles at several scales, and refinement modules that combine its results.

    Args:
        card: with the sizes of tiles, of the net's input and of the median filter in pixels.
        num_classes: of the labels.
        settings: scales, budgets, form.
    """

    stages = ("backbone", "refinement")

    def __init__(self, card: Card, num_classes: int, settings: Settings) -> None:
        super().__init__(card, num_classes)
        self.settings = settings
        self.backbone = ResNetFPN(num_classes) if settings.backbone == "resnet-fpn" else HRNetOCR(num_classes)
        self.refinement = nn.ModuleList(Refinement(num_classes) for _ in range(settings.modules))
        self.stage = "backbone"
        sizes, multiple = card.sizes, card.size_multiple
        self.tile: Size = (sizes["tile_height"], sizes["tile_width"])
        height, width = (max(1, sizes[f"input_{side}"] // multiple) * multiple for side in ("height", "width"))
        self.input: Size = (height, width)

    def forward(self, image: Tensor) -> Tensor:
        """The backbone's logits ``[B, C, h, w]`` of a tile at the input's size, h and w its own size."""
        logits: Tensor = self.backbone(self.normalised(image))
        return logits

    def probabilities(self, image: Tensor) -> Tensor:
        """The backbone's probabilities ``[B, C, *input]`` of a tile of any size, which is resized to the input's."""
        return resize(self(resized(image, self.input)), self.input).softmax(dim=1)

    def logits(self, image: Tensor) -> Tensor:
        """Probabilities ``[B, C, H, W]`` of the entire image: MagNet refines probabilities, not logits."""
        return torch.cat([self._progress(one) for one in torch.split(image, 1)])

    def _progress(self, image: Tensor) -> Tensor:
        """Probabilities ``[1, C, H, W]`` of one image, from the coarsest scale to the finest (section 3.2)."""
        first, *finer = ((round(image.shape[-2] * s), round(image.shape[-1] * s)) for s in self.settings.scales)
        self.work = {"passes": 1, "refinements": 0, "points": 0}
        current = self.probabilities(resized(image, first))
        for index, size in enumerate(finer):
            current = resize(current, size).contiguous()
            module = self.refinement[min(index, len(self.refinement) - 1)]
            self._refine(current, resized(image, size), module)
        return resize(current, (image.shape[-2], image.shape[-1]))

    def _refine(self, current: Tensor, image: Tensor, module: nn.Module) -> None:
        """Refine one scale in place.

        MagNet-Fast as released scores the refined tiles 0 where its comment says to do so for what is not refined: most
        scores are 0 then, and nearly all points come from a tie.
        """
        settings, size = self.settings, (image.shape[-2], image.shape[-1])
        tiles = tiles_of(size, self.tile)
        shared = sum(tile.pixels for tile in tiles) - size[0] * size[1]
        if shared:  # the release lays such tiles otherwise: see tiles_of
            self.work["pixels_in_two_tiles"] = self.work.get("pixels_in_two_tiles", 0) + shared
        chosen = self.chosen_tiles(current, tiles)
        refined, inside = self.refined_tiles(current, image, chosen, module)
        doubted = inside if settings.patches and not settings.as_intended else None
        radius = self.card.sizes["median_radius"]
        score = points.error_score(current, refined, doubted, self.input, radius)
        replaced = points.highest(score, size, self.points_at(size, len(chosen), len(tiles)))
        if settings.patches:
            replaced = replaced & inside if settings.as_intended else points.released_mask(inside, replaced)
        points.replace(current, refined, replaced)
        self.work["points"] += int(replaced.sum())

    def chosen_tiles(self, current: Tensor, tiles: list[Tile]) -> list[Tile]:
        """The most uncertain tiles; in the release the least uncertain ones, since it sorts in ascending order."""
        count = self.settings.patches
        if not count:
            return tiles
        uncertain = aligned(1 - points.certainty(current), [tile.box for tile in tiles], self.input)
        order = uncertain.mean(dim=(1, 2, 3)).sort(descending=self.settings.as_intended).indices
        return [tiles[number] for number in order[:count].tolist()]

    def refined_tiles(
        self, current: Tensor, image: Tensor, tiles: list[Tile], module: nn.Module
    ) -> tuple[Tensor, Tensor]:
        """Probabilities ``[1, C, H, W]`` on the tiles, 0 elsewhere, and where they count, ``[H, W]``."""
        as_intended = self.settings.as_intended
        border = 0 if as_intended else self.card.sizes["border"]
        canvas = Canvas(current, border, averaged=as_intended)
        for tile in tiles:
            fine = self.probabilities(tile.of(image))
            coarse = aligned(current, [tile.box], self.input)
            canvas.paste(tile, module(fine, coarse).softmax(dim=1))
            self.work["passes"] += 1
            self.work["refinements"] += 1
        return canvas.finished()

    def points_at(self, size: Size, refined: int, tiles: int) -> int:
        """How many pixels are replaced at a scale of which so many tiles are refined.

        The set share of the refined pixels; if none is set, as many as one tile has, and no more than are refined.
        """
        share, pixels = self.settings.points, size[0] * size[1]
        if share is None:
            return min(self.tile[0] * self.tile[1], pixels * refined // tiles)
        return int(pixels * share * refined / tiles)

    def loss(self, image: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The backbone's losses of a tile, or those of the refinement modules on random tiles of a whole image."""
        if self.stage == "refinement":
            return refinement_losses(self, image, target)
        image = resized(image, self.input)
        target = nn.functional.interpolate(target[:, None].float(), self.input)[:, 0].long()
        if isinstance(self.backbone, HRNetOCR):
            return self.backbone.losses(self.normalised(image), target)
        return {"cross_entropy": cross_entropy(self(image), target)}

    def enter_stage(self, stage: str) -> None:
        """Train the backbone alone, then the refinement modules on the frozen backbone.

        The frozen backbone is in eval mode, so that its batch statistics stay.
        """
        self.stage = stage
        self.backbone.requires_grad_(stage == "backbone")
        self.refinement.requires_grad_(stage == "refinement")
        if stage == "refinement":
            self.backbone.eval()

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Fill the backbone's trunk from torchvision's ResNet-50 or OpenMMLab's HRNet file.

        Raises:
            ValueError: the file is of another net; the message names the first wrong key.
        """
        trunk = self.backbone.backbone if isinstance(self.backbone, HRNetOCR) else self.backbone.resnet_backbone
        load_all(trunk, state)
