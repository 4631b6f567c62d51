"""What the paper's qualitative figures show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigure:
    """A qualitative figure of the paper, with the systems of ours that stand for its columns."""

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
