"""One look of figures, HTML tables and dashboard: colours that colour-blind readers can tell apart, and base CSS."""

from __future__ import annotations

from importlib import resources

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#8C7A00")  # Okabe and Ito 2008
OURS, FRONT, QUIET = COLOURS[0], COLOURS[5], "#767676"


def css() -> str:
    """The style that every page begins with: type, tables, both colour schemes."""
    return resources.files(__name__).joinpath("base.css").read_text(encoding="utf-8")
