"""The style of all figures and how they are written: PDF and PNG, colour-blind safe colours, no display."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from reports.theme import COLOURS, QUIET

MARKERS = "os^DvPX*<>hp"
FORMATS = ("pdf", "png")
MOST = 40  # series or rows of one figure; more would be unreadable
_DPI = 150
_SETTINGS: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,  # a system's name may hold a dollar sign
}


def of_all(shown: int, all_: int) -> str:
    """The remark of a figure that shows a part of its series."""
    return f" The first {shown} of {all_}." if shown < all_ else ""


@contextmanager
def styled() -> Iterator[None]:
    """Apply the project's settings and restore matplotlib's afterwards."""
    with mpl.rc_context(_SETTINGS):
        yield


def look(index: int) -> tuple[str, str]:
    """Colour and marker of the n-th series; pairs repeat after 24 series."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def heading(figure: Figure, text: str) -> None:
    """Write a title above a figure, in as many lines as it needs."""
    figure.suptitle(wrapped(figure, text, 13), x=0.01, ha="left", fontsize=9, fontweight="bold")


def footnote(figure: Figure, text: str) -> None:
    """Write below a figure what it was measured on: figures get separated from their captions."""
    figure.supxlabel(wrapped(figure, text, 21), x=0.01, ha="left", fontsize=6, color=QUIET)


def wrapped(figure: Figure, text: str, per_inch: int) -> str:
    """The lines of a text, none longer than the figure is wide."""
    width = int(figure.get_figwidth() * per_inch)
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def plain_numbers(axis: Axis) -> None:
    """Tick labels such as 0.3, 1, 100 on a logarithmic axis: powers of ten need math text, which is off (see above)."""
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())  # ticks without numbers, each of which takes as long as one with


def write(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as ``name.pdf`` and ``name.png``, without dates, so that the same records give the same bytes.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pdf, png = (folder / f"{name}.{suffix}" for suffix in FORMATS)
    engine = figure.get_layout_engine()
    with styled():
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine("none")  # it would place everything again for each file
        figure.set_dpi(_DPI)
        raster: Any = FigureCanvasAgg(figure)
        # savefig would draw everything twice
        raster.print_png(png, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
        vector: Any = FigureCanvasPdf(figure)
        vector.print_pdf(pdf, metadata={"CreationDate": None})
    return [pdf, png]
