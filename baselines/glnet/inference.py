"""GLNet's inference in two forms with the same labels: as the release does it, and a faster one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.common.patches import Grid, patches_at_once
from baselines.common.resnet_fpn import FPN, Maps, four
from baselines.glnet.enlarged import placed, places
from baselines.glnet.net import FEATURES, GLNet, GlobalBranch, Merge, cropped, cropped_maps
from baselines.glnet.system import SUB_BATCH, GLNetSystem
from benchmark.card import Card
from benchmark.inference import labels_from, resize

Scores = npt.NDArray[np.float64]

MIB_PER_PIXEL = 0.7e-3  # of a patch at the local branch's peak: resident set with 9 patches at a time over that with 1


class ReleasedGLNet(GLNetSystem):
    """``Evaluator.eval_test`` of the release: six patches at a time, their features and scores kept on the host."""

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes, fixed=GLNet)

    def logits(self, image: Tensor) -> Tensor:
        """Summed logits of the patches, float64 ``[B, C, H, W]`` on the host, where the release sums them."""
        return torch.cat([torch.from_numpy(self.scores(one)[0]) for one in torch.split(image, 1)])

    def predict(self, image: Tensor) -> Tensor:
        """Labels uint8 ``[B, H, W]``: the ensemble's, the first of the three label maps that the release makes.

        The other two are the local and the global branch's. Of equal scores the lower class wins.
        """
        labels = []
        for one in torch.split(image, 1):
            ensemble, *_ = (scores.argmax(1) for scores in self.scores(one))
            labels.append(torch.from_numpy(ensemble.astype(np.uint8)))
        return torch.cat(labels).to(image.device)

    def scores(self, image: Tensor) -> tuple[Scores, Scores, Scores]:
        """Ensemble, local and global scores ``[1, C, H, W]`` of one image."""
        grid, small = self.grid(image), self.reduced(image)
        shape = (len(grid), self.num_classes, *grid.patch)
        local, ensemble, kept = np.zeros(shape), np.zeros(shape), []
        maps = self.fixed.alone(small).maps
        merge = Merge(grid, maps)
        for numbers in grid.batches(SUB_BATCH):
            seen = self.seen_locally(image, grid, maps, numbers)
            local[numbers] += enlarged_on_host(seen.logits, grid.patch)
            merge.add(seen.maps, numbers)
            kept.append(seen.features.cpu())
        features = torch.cat(kept)
        helped = self.net.helped(small, merge.result())
        for numbers in grid.batches(SUB_BATCH):
            some, part = features[numbers].to(image.device), cropped(helped.features, grid, numbers)
            ensemble[numbers] += enlarged_on_host(self.net.ensemble(some, part), grid.patch)
        self.work = {"passes": len(grid) + 2, "patches": len(grid)}
        return summed_on_host(ensemble, grid), summed_on_host(local, grid), enlarged_on_host(helped.logits, grid.size)


class BatchedGLNet(GLNetSystem):
    """The same labels with as many patches at a time as the memory budget allows, merged on the device.

    From the trunks' maps to the logits GLNet is linear. So the 3x3 convolution that makes ps3 of 1024 channels and the
    ensemble's are applied as one, and what layers make of the global branch's maps, which the release crops and
    enlarges for every patch, is worked out once an image on the small maps (``baselines.glnet.enlarged``).
    """

    def __init__(self, card: Card, num_classes: int) -> None:
        super().__init__(card, num_classes, fixed=GlobalBranch)

    def logits(self, image: Tensor) -> Tensor:
        """Summed logits of the patches, float32 ``[B, C, H, W]`` on the image's device."""
        return torch.cat([self._sums(one) for one in torch.split(image, 1)])

    def predict(self, image: Tensor) -> Tensor:
        """Labels uint8 ``[B, H, W]``."""
        size = (image.shape[-2], image.shape[-1])
        return torch.cat([labels_from(self._sums(one), size) for one in torch.split(image, 1)])

    def _sums(self, image: Tensor) -> Tensor:
        grid, small, net = self.grid(image), self.reduced(image), self.net
        weights = torch.split(net.ensemble_conv.weight, FEATURES, dim=1)
        local_layer = _composed(net.fpn_local.smooth, weights[0], net.ensemble_conv.bias)
        whole_layer = _composed(net.fpn_global_ext.smooth, weights[1], None)
        maps = self.fixed.fpn_global.pyramid(self.fixed.resnet_global(small))
        help_ = _help(net.fpn_local, maps, local_layer[0])
        merge = Merge(grid, maps)
        logits: list[Tensor] = []
        for numbers in grid.batches(patches_at_once(image.device, MIB_PER_PIXEL, grid.patch)):
            others = cropped_maps(help_, grid, numbers)
            seen = net.fpn_local.pyramid(net.resnet_local(grid.crops(image, numbers)), others, apply=_applied)
            merge.add(seen, numbers)
            logits.extend(torch.split(_folded(_scores(seen, others, *local_layer)), 1))
        merged = merge.result()
        top = net.fpn_global_ext.top(net.fpn_global_ext.pyramid(net.resnet_global(small), merged), merged)
        self.work = {"passes": len(grid) + 2, "patches": len(grid)}
        return _canvas(grid, logits, F.conv2d(top, *whole_layer, padding=1))


def _help(pyramid: FPN, maps: Maps, kernel: Tensor) -> Maps:
    """For each global map, the products with every place of the kernel that meets it in the local branch."""
    groups = zip(maps[:3], pyramid.layers(), strict=True)
    pairs = [zip(levels, (_halves(conv.weight)[1] for conv in convs), strict=True) for levels, convs in groups]
    pairs.append(zip(maps.ps2, _by_level(kernel)[1], strict=True))
    return Maps(*(four([places(level, weight) for level, weight in pair]) for pair in pairs))


def _applied(conv: nn.Conv2d, own: Tensor, help_: Tensor | None) -> Tensor:
    """A layer of the local branch on its own map and the ``_help`` of the global one, cropped."""
    assert help_ is not None
    kernel, size = conv.weight.shape[-1], (own.shape[-2], own.shape[-1])
    half = F.conv2d(own, _halves(conv.weight)[0], conv.bias, padding=kernel // 2)
    return half.add_(placed(help_, kernel, size))


def _scores(seen: Maps, help_: Maps, kernel: Tensor, bias: Tensor) -> Tensor:
    """``_composed``'s layer on ps2 of all levels, the global branch's among them: ``[n, 9 * C, h, w]``."""
    sizes = [(level.shape[-2], level.shape[-1]) for level in seen.ps2]
    own = _by_level(kernel)[0]
    scores = F.conv2d(seen.ps2[3], own[3], bias, padding=1)
    for level in range(3):
        scores += placed(places(seen.ps2[level], own[level]), 3, sizes[3])
    for level in range(4):
        scores += placed(help_.ps2[level], 3, sizes[level], sizes[3])
    return scores


def _halves(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of a kernel that meet a branch's own map and the other's."""
    own, other = weight.chunk(2, dim=1)
    return own, other


def _by_level(kernel: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The parts of a kernel on ps2 of all levels that meet the own maps and the other branch's."""
    own, other = zip(*(_halves(part) for part in kernel.chunk(4, dim=1)), strict=True)
    return list(own), list(other)


def _composed(before: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of ``before`` (3x3) followed by each place of the 3x3 kernel ``weight`` ``[C, 512, 3, 3]``.

    The layer gives ``[n, 9 * C, h, w]``; ``_folded`` moves each place's scores to their pixel and sums them, so that
    ps3 counts as zero outside the patch, as it does in the release.
    """
    assert before.bias is not None
    places = weight.flip(-2, -1)  # scores move the opposite way from where a weight looks
    kernel = torch.einsum("cmuv,mikl->cuvikl", places, before.weight)
    shift = torch.einsum("cmuv,m->cuv", places, before.bias)
    if bias is not None:
        shift[:, 1, 1] += bias
    return kernel.flatten(0, 2), shift.flatten()


def _folded(scores: Tensor) -> Tensor:
    """Logits ``[n, C, h, w]`` of scores ``[n, 9 * C, h, w]``."""
    return F.fold(scores.flatten(2), (scores.shape[-2], scores.shape[-1]), kernel_size=3, padding=1)


def _canvas(grid: Grid, logits: list[Tensor], whole: Tensor) -> Tensor:
    """All patches' logits ``[1, C, h, w]`` with the global branch's part, summed at the image's size."""
    canvas = torch.zeros(1, logits[0].shape[1], *grid.size, device=whole.device)
    for number, local in enumerate(logits):
        part = resize(cropped(whole, grid, [number]), (local.shape[-2], local.shape[-1]))
        grid.add(canvas, F.interpolate(local + _folded(part), size=grid.patch), [number])
    return canvas


def enlarged_on_host(logits: Tensor, size: tuple[int, int]) -> Scores:
    """Logits enlarged by repeating pixels (``nearest``), on the host."""
    scores: Scores = F.interpolate(logits, size=size).float().cpu().numpy().astype(np.float64)
    return scores


def summed_on_host(patches: Scores, grid: Grid) -> Scores:
    """Scores ``[n, C, h, w]`` of the patches summed to ``[1, C, H, W]``; not divided where patches overlap.

    In float64, as in the release. A division would change no label.
    """
    canvas = np.zeros((1, patches.shape[1], *grid.size))
    for number, patch in enumerate(patches):
        rows, columns = grid.window(number)
        canvas[0, :, rows, columns] += patch
    return canvas
