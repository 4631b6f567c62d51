"""What the pages share: a Markdown table of words and numbers, and writing to a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from reports.tables.build import ReportError
from reports.writers.markdown import escape


def pipe_table(lines: Iterable[Sequence[str]], heads: Sequence[str], left: int) -> str:
    """A Markdown table whose first ``left`` columns are words and the others numbers."""
    rows = [[escape(text) for text in line] for line in lines]
    align = ["left"] * left + ["right"] * (len(heads) - left)
    return tabulate(
        rows, headers=[escape(head) for head in heads], tablefmt="pipe", disable_numparse=True, colalign=align
    )


def write_page(out: Path, name: str, text: str) -> Path:
    """Write a page under ``out`` and return its path.

    Raises:
        ReportError: it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = out / name
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportError(f"--out {out}: cannot write: {error.strerror}; choose another folder with --out") from error
    return path
