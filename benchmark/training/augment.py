"""Augmentation: geometry and colour of a training crop, as pure functions of an image and a numpy generator.

Images are float32 ``[3, H, W]`` in [0, 1]; targets uint8 ``[1, H, W]``, 255 = ignore; both as torchvision's typed
tensors, so that its v2 functions treat the image bilinearly and the target by the nearest pixel.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from benchmark.card import Recipe
from benchmark.data.base import IGNORE, Label, Pixels

Pair = tuple[tv_tensors.Image, tv_tensors.Mask]
CROP_TRIES = 10  # as in mmsegmentation's RandomCrop
BRIGHTNESS = 32 / 255  # mmsegmentation's PhotoMetricDistortion: added
CONTRAST = SATURATION = (0.5, 1.5)  # multiplied
HUE = 18 / 180  # of the colour circle, added


def augmented(
    image: Pixels,
    label: Pixels,
    recipe: Recipe,
    crop: tuple[int, int],
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """A training sample: image float32 ``[3, h, w]`` and target int64 ``[h, w]``, (h, w) = ``crop``.

    Resize, crop, flip, rotate, distort, pad: the order of the released pipelines. Pixels outside the image are 0 with
    target 255.

    Args:
        image: uint8 ``[H, W, 3]``; only the crop is taken from it.
        label: uint8 ``[H, W]``; of it too, and the crops that are drawn in vain.
        recipe: the ranges.
        crop: height and width in pixels of this image, after the recipe's resize.
        generator: the only source of randomness.
    """
    turns = int(generator.integers(1, 4)) if recipe.rotate == "right-angles" and generator.random() < 0.5 else 0
    # a quarter turn swaps the sides: the sample must be `crop` after it
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


def cut_out(
    image: Pixels,
    label: Pixels,
    recipe: Recipe,
    crop: tuple[int, int],
    generator: np.random.Generator,
) -> Pair:
    """A crop of the image at a scale drawn from ``recipe.resize``; smaller than ``crop`` if the resized image is.

    The window is cut first and resized afterwards, which is faster than resizing the entire image. It is drawn again,
    ten times in all, while one class fills more than ``recipe.max_class_share`` of it or it holds none of the wanted
    classes: ``recipe.crop_classes``, or the one that is drawn by ``recipe.class_weights`` (neither: any crop will do).
    If no draw meets both conditions, the last one with such a class is taken, or the first one if none has any.
    """
    scale = float(generator.uniform(*recipe.resize))
    sides = [min(full, max(1, round(side / scale))) for full, side in zip(label.shape, crop, strict=True)]
    size = [min(side, max(1, round(cut * scale))) for cut, side in zip(sides, crop, strict=True)]
    wanted = recipe.crop_classes or drawn_class(recipe.class_weights, generator)
    window: tuple[slice, slice] | None = None
    for _ in range(CROP_TRIES):
        top, left = (int(generator.integers(0, full - cut + 1)) for full, cut in zip(label.shape, sides, strict=True))
        drawn = np.s_[top : top + sides[0], left : left + sides[1]]
        holds = not wanted or bool(np.isin(label[drawn], wanted).any())
        if holds or window is None:
            window = drawn
        if holds and is_mixed(label[drawn], recipe.max_class_share):
            break
    assert window is not None
    # torchvision resizes bytes fastest in the image's own memory order
    pixels = tv_tensors.Image(torch.from_numpy(image[window].copy()).permute(2, 0, 1))
    target = tv_tensors.Mask(torch.from_numpy(label[window].copy())[None])
    resized = F.to_dtype(F.resize(pixels, size, antialias=True), torch.float32, scale=True)
    return resized, F.resize(target, size)


def drawn_class(weights: tuple[float, ...], generator: np.random.Generator) -> tuple[int, ...]:
    """A class drawn with these weights, in a tuple of its own; none without weights."""
    return (int(generator.choice(len(weights), p=np.divide(weights, sum(weights)))),) if weights else ()


def is_mixed(label: Label, max_share: float) -> bool:
    """Whether no class fills more than ``max_share`` of the pixels that are not ignored.

    As ``cat_max_ratio`` of mmsegmentation's RandomCrop, except that a label whose pixels are all ignored passes. If
    ``max_share`` is 1, every label does.
    """
    if max_share >= 1:
        return True
    counts = np.bincount(label.ravel(), minlength=IGNORE + 1)[:IGNORE]
    return bool(counts.max() <= max_share * counts.sum())


def distorted(image: Tensor, generator: np.random.Generator) -> Tensor:
    """The image with brightness, contrast, saturation and hue changed, each with probability 1/2.

    As mmsegmentation's PhotoMetricDistortion: contrast is a factor of the pixel values and is applied before or after
    saturation and hue, at random; these two are changed in HSV.
    """
    contrast_last = generator.random() < 0.5
    if generator.random() < 0.5:
        image = (image + float(generator.uniform(-BRIGHTNESS, BRIGHTNESS))).clamp(0, 1)
    contrast = float(generator.uniform(*CONTRAST)) if generator.random() < 0.5 else 1.0
    if not contrast_last:
        image = F.adjust_brightness(image, contrast)  # a plain factor, in spite of its name
    saturation = float(generator.uniform(*SATURATION)) if generator.random() < 0.5 else 1.0
    hue = float(generator.uniform(-HUE, HUE)) if generator.random() < 0.5 else 0.0
    image = tinted(image, saturation, hue)
    return F.adjust_brightness(image, contrast) if contrast_last else image


def tinted(image: Tensor, saturation: float, hue: float) -> Tensor:
    """The image with its HSV saturation multiplied (at most 1) and its hue turned by a share of the colour circle."""
    if saturation == 1 and hue == 0:
        return image
    # OpenCV's conversion: torchvision's adjust_hue takes longer than all the rest of a sample
    hsv = cv2.cvtColor(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2HSV)
    hsv[..., 0] += np.float32(360 * (hue % 1))  # OpenCV wraps values above 360, not negative ones
    hsv[..., 1] = np.minimum(hsv[..., 1] * saturation, 1)
    return torch.from_numpy(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).permute(2, 0, 1).clamp(0, 1)


def _rotated(pair: Pair, degrees: float) -> Pair:
    fills: tuple[Any, ...] = (0.0, IGNORE)
    modes = (InterpolationMode.BILINEAR, InterpolationMode.NEAREST)
    image, target = (F.rotate(t, degrees, m, fill=f) for t, m, f in zip(pair, modes, fills, strict=True))
    return image, target
