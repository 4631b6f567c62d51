"""What the qualitative figures show: the paper's, and our own of other datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigure:
    """A qualitative figure, with the systems of ours that stand for its columns."""

    title: str
    table: str  # whose dataset it is of
    systems: tuple[str, ...]
    images: int


FIGURES: Mapping[str, PaperFigure] = {
    "figure1": PaperFigure(
        "ISDNet, a deep net on the reduced image, a shallow net on the whole image, a UHR method",
        "table1",
        ("isdnet", "isdnet-deep-quarter", "isdnet-shallow-full", "fctl"),
        1,
    ),
    "figure5": PaperFigure("examples of DeepGlobe", "table1", ("fctl", "stdc", "isdnet"), 2),
    "figure6": PaperFigure("examples of Inria Aerial", "table2", ("fctl-inria", "stdc", "isdnet"), 2),
}
OWN_FIGURES: Mapping[str, PaperFigure] = {
    "figure-hrf": PaperFigure("arteries and veins of the eye", "hrf", ("unet-global", "unet-local", "isdnet"), 1),
    "figure-bracol": PaperFigure("symptoms on coffee leaves", "bracol", ("unet-local", "stdc", "isdnet"), 2),
}
