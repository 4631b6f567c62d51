"""Geometry and colour of a training crop, as pure functions of an image and a numpy generator.

Images are float32 ``[3, H, W]`` in [0, 1]; targets uint8 ``[1, H, W]``, 255 = ignore; both as torchvision's typed
tensors, so that its v2 functions treat the image bilinearly and the target by the nearest pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from benchmark.card import Recipe
from benchmark.data.base import IGNORE, Image, Label

Pair = tuple[tv_tensors.Image, tv_tensors.Mask]
CROP_TRIES = 10  # mmsegmentation's RandomCrop; the last one is taken whatever it holds
BRIGHTNESS = 32 / 255  # mmsegmentation's PhotoMetricDistortion: added
CONTRAST = SATURATION = (0.5, 1.5)  # multiplied
HUE = 18 / 180  # of the colour circle, added


def augmented(
    image: Image, label: Label, recipe: Recipe, crop: tuple[int, int], generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A training sample: image float32 ``[3, h, w]`` and target int64 ``[h, w]``, (h, w) = ``crop``.

    Resize, crop, flip, rotate, distort, pad: the order of the released pipelines. What lies outside the image
    is 0 with target 255.

    Args:
        image: uint8 ``[H, W, 3]``.
        label: uint8 ``[H, W]``.
        recipe: the ranges.
        crop: height and width in pixels of this image, after the recipe's resize.
        generator: the only source of randomness.
    """
    turns = int(generator.integers(1, 4)) if recipe.rotate == "right-angles" and generator.random() < 0.5 else 0
    # a quarter turn swaps the sides of what is cut, so that what comes out is always `crop`
    cut = cut_out(image, label, recipe, crop[::-1] if turns % 2 else crop, generator)
    if generator.random() < 0.5:
        cut = (F.horizontal_flip(cut[0]), F.horizontal_flip(cut[1]))
    if recipe.rotate == "continuous" and generator.random() < 0.5:
        cut = _rotated(cut, float(generator.uniform(90, 270)))
    pixels, target = (torch.rot90(tensor.as_subclass(Tensor), turns, (-2, -1)) for tensor in cut)
    if recipe.photometric:
        pixels = distorted(pixels, generator)
    bottom, right = crop[0] - pixels.shape[-2], crop[1] - pixels.shape[-1]
    pixels = torch.nn.functional.pad(pixels, (0, right, 0, bottom))
    target = torch.nn.functional.pad(target, (0, right, 0, bottom), value=IGNORE)
    return pixels.contiguous(), target[0].long()


def cut_out(image: Image, label: Label, recipe: Recipe, crop: tuple[int, int], generator: np.random.Generator) -> Pair:
    """A crop of the image at a scale drawn from ``recipe.resize``; smaller than ``crop`` where the resized image is.

    The window is cut first and resized then, which spares the resizing of what is thrown away.
    """
    scale = float(generator.uniform(*recipe.resize))
    sides = [min(full, max(1, round(side / scale))) for full, side in zip(label.shape, crop, strict=True)]
    size = [min(side, max(1, round(cut * scale))) for cut, side in zip(sides, crop, strict=True)]
    for _ in range(CROP_TRIES):
        top, left = (int(generator.integers(0, full - cut + 1)) for full, cut in zip(label.shape, sides, strict=True))
        window = np.s_[top : top + sides[0], left : left + sides[1]]
        if is_mixed(label[window], recipe.max_class_share):
            break
    pixels = F.to_dtype(
        tv_tensors.Image(np.ascontiguousarray(image[window].transpose(2, 0, 1))), torch.float32, scale=True
    )
    target = tv_tensors.Mask(label[window][None].copy())
    return F.resize(pixels, size, antialias=True), F.resize(target, size)


def is_mixed(label: Label, max_share: float) -> bool:
    """Whether no class fills more than ``max_share`` of the pixels that are not ignored."""
    if max_share >= 1:
        return True
    counts = np.bincount(label.ravel(), minlength=IGNORE + 1)[:IGNORE]
    return bool(counts.max() <= max_share * counts.sum())


def distorted(image: Tensor, generator: np.random.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue changed, each with probability 1/2.

    As mmsegmentation's PhotoMetricDistortion: contrast is scaled about 0 and comes before or after the next two by
    chance; saturation is scaled in HSV.
    """
    contrast_last = generator.random() < 0.5
    if generator.random() < 0.5:
        image = (image + float(generator.uniform(-BRIGHTNESS, BRIGHTNESS))).clamp(0, 1)
    contrast = float(generator.uniform(*CONTRAST)) if generator.random() < 0.5 else 1.0
    if not contrast_last:
        image = F.adjust_brightness(image, contrast)  # torchvision's word for a plain factor
    if generator.random() < 0.5:
        image = saturated(image, float(generator.uniform(*SATURATION)))
    if generator.random() < 0.5:
        image = F.adjust_hue(image, float(generator.uniform(-HUE, HUE)))
    return F.adjust_brightness(image, contrast) if contrast_last else image


def saturated(image: Tensor, factor: float) -> Tensor:
    """HSV saturation times ``factor``, at most 1; hue and value stay. As the way through HSV, without the angles."""
    peak, low = image.amax(dim=-3, keepdim=True), image.amin(dim=-3, keepdim=True)
    limit = peak / (peak - low).clamp(min=1e-6)  # saturation reaches 1 there
    return (peak + limit.clamp(max=factor) * (image - peak)).clamp(min=0)


def _rotated(pair: Pair, degrees: float) -> Pair:
    fills: tuple[Any, ...] = (0.0, IGNORE)
    modes = (InterpolationMode.BILINEAR, InterpolationMode.NEAREST)
    image, target = (F.rotate(t, degrees, m, fill=f) for t, m, f in zip(pair, modes, fills, strict=True))
    return image, target
