"""What a net was trained with: part of its accuracy record."""

from __future__ import annotations

from results.cell import Model


class Training(Model):
    """What a net was trained with, as executed."""

    batch: int
    crop: tuple[int, int]  # height and width in pixels of the images trained on
    optimizer: str
    learning_rate: float
    rotate: str
    photometric: bool  # whether colours were distorted
    max_class_share: float  # crops filled more than this by one class were drawn again
    crop_classes: tuple[str, ...]  # crops with none of these classes were drawn again
    class_weights: tuple[tuple[str, float], ...] = ()  # how often a crop was drawn for each class; they add up to 1
    settle_batches: int  # of which batch norm took its statistics at the end; 0: its running averages
