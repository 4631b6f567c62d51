"""Mean field of the fully connected CRF (Krahenbuhl, Koltun, NIPS 2011) behind the System contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from baselines.common.refiner import Refiner
from baselines.densecrf.direct_sum import DirectSum
from baselines.densecrf.permutohedral import Lattice
from benchmark.card import Card
from benchmark.parts import part
from benchmark.system import System

MOST_PIXELS = 1 << 18  # of the exact engine, which takes minutes there on two cores


@dataclass(frozen=True, kw_only=True)
class Potentials:
    """Potts potentials of two Gaussian kernels: deviations in pixels and in levels of 0-255, and their weights."""

    smoothness_pixels: float
    smoothness_weight: float
    appearance_pixels: float
    appearance_levels: float
    appearance_weight: float


class Kernel(Protocol):
    """A symmetric matrix over the pixels."""

    def filter(self, values: Tensor) -> Tensor:
        """The matrix times ``values`` ``[N, C]``."""


Gaussian: TypeAlias = "Lattice | DirectSum"


def mean_field(log_probabilities: Tensor, kernels: Sequence[tuple[Kernel, float]], iterations: int) -> Tensor:
    """Logits ``[N, C]`` whose softmax is Q after ``iterations`` updates that start from the unaries' own Q.

    ``Q <- softmax(log p + sum_m w_m K_m Q)``: algorithm 1 of the paper for the Potts model. Of its compatibility
    ``[l != l']`` the constant part falls out of the softmax.
    """
    logits, belief = log_probabilities.clone(), torch.empty_like(log_probabilities)
    for _ in range(iterations):
        torch.softmax(logits, 1, out=belief)
        logits.copy_(log_probabilities)
        for kernel, weight in kernels:
            logits.add_(kernel.filter(belief), alpha=weight)
    return logits


def normalised(kernel: Gaussian, features: Tensor) -> Gaussian:
    """The kernel ``K`` of features ``[N, d]`` as ``D K D``, ``D = diag(K 1) ** -0.5``, as the authors do."""
    kernel.scale_(kernel.filter(features.new_ones(features.shape[0], 1))[:, 0].rsqrt())
    return kernel


def kernels_of(
    image: Tensor, potentials: Potentials, gaussian: type[Lattice | DirectSum] = Lattice
) -> list[tuple[Gaussian, float]]:
    """Smoothness and appearance kernel of an image ``[3, H, W]`` in [0, 1]."""
    height, width = image.shape[-2:]
    down = torch.arange(height, device=image.device, dtype=torch.float32)
    right = torch.arange(width, device=image.device, dtype=torch.float32)
    places = torch.cartesian_prod(down, right).flip(1)  # the lattice depends on the order: the authors' is x, y
    levels = image.float().mul(255).round().flatten(1).T  # as in the authors' 8-bit images
    appearance = torch.cat([places / potentials.appearance_pixels, levels / potentials.appearance_levels], dim=1)
    smoothness = places / potentials.smoothness_pixels
    return [
        (normalised(gaussian(smoothness), smoothness), potentials.smoothness_weight),
        (normalised(gaussian(appearance), appearance), potentials.appearance_weight),
    ]


class DenseCRF(Refiner):
    """A CRF over all pixels of the full-size image; its unaries are the base's enlarged logits. Nothing is trained."""

    gaussian: type[Lattice | DirectSum] = Lattice

    def __init__(self, card: Card, num_classes: int, base: System, potentials: Potentials, iterations: int) -> None:
        super().__init__(card, num_classes, base)
        self.potentials, self.iterations = potentials, iterations

    @torch.no_grad()
    def refined(self, image: Tensor, coarse: Tensor) -> Tensor:
        """Logits ``[B, C, H, W]`` whose softmax is the mean field's Q."""
        height, width = image.shape[-2:]
        unaries = self.base.enlarged(coarse, (height, width)).float().log_softmax(1)
        rows = [
            self.inferred(one, scores.flatten(1).T.contiguous()) for one, scores in zip(image, unaries, strict=True)
        ]
        return torch.stack([logits.T.reshape(-1, height, width) for logits in rows])

    def inferred(self, image: Tensor, log_probabilities: Tensor) -> Tensor:
        """The mean field's logits ``[H * W, C]`` of an image ``[3, H, W]`` from the unaries' ``[H * W, C]``."""
        with part("set-up"):
            kernels = kernels_of(image, self.potentials, self.gaussian)
        self.work |= {"mean_field_iterations": self.iterations}
        self.work |= {self.gaussian.counted: sum(kernel.size for kernel, _ in kernels)}
        with part("iterations"):
            return mean_field(log_probabilities, kernels, self.iterations)


class ExactDenseCRF(DenseCRF):
    """The same with the Gaussian kernels summed up pair by pair instead of on the lattice: for small images.

    Raises:
        ValueError: in ``refined``, the image has more than ``MOST_PIXELS``.
    """

    gaussian = DirectSum

    def inferred(self, image: Tensor, log_probabilities: Tensor) -> Tensor:
        """The mean field's logits ``[H * W, C]``."""
        if len(log_probabilities) > MOST_PIXELS:
            size = "x".join(map(str, image.shape[-2:]))
            few = (
                f"'{self.card.name}' sums over all pairs of pixels, of {MOST_PIXELS:,} at most, and the image is {size}"
            )
            raise ValueError(f"{few}; take 'densecrf', or a smaller image")
        return super().inferred(image, log_probabilities)


class PyDenseCRF(DenseCRF):
    """The same by the authors' C++ code on one CPU core, through the package pydensecrf2.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """

    def __init__(self, card: Card, num_classes: int, base: System, potentials: Potentials, iterations: int) -> None:
        super().__init__(card, num_classes, base, potentials, iterations)
        try:
            from pydensecrf import densecrf
        except ModuleNotFoundError as error:
            way = "pip install 'isdbench[crf]' (Python 3.10-3.12, builds with a C++ compiler); 'densecrf' needs none"
            raise ModuleNotFoundError(f"pydensecrf2: {way}") from error
        self.grid = densecrf.DenseCRF2D

    def inferred(self, image: Tensor, log_probabilities: Tensor) -> Tensor:
        """The mean field's logits ``[H * W, C]``; the package takes 8-bit images and gives Q."""
        height, width = image.shape[-2:]
        use = self.potentials
        with part("set-up"):
            pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
            crf = self.grid(width, height, self.num_classes)
            crf.setUnaryEnergy((-log_probabilities).T.contiguous().cpu().numpy())
            crf.addPairwiseGaussian(sxy=use.smoothness_pixels, compat=use.smoothness_weight)
            crf.addPairwiseBilateral(
                sxy=use.appearance_pixels, srgb=use.appearance_levels, rgbim=pixels, compat=use.appearance_weight
            )
        self.work |= {"mean_field_iterations": self.iterations}
        with part("iterations"):
            belief = torch.from_numpy(np.asarray(crf.inference(self.iterations)))  # [C, H * W]
        return belief.to(image.device).T.clamp_min(torch.finfo(belief.dtype).tiny).log()
