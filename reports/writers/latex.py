"""A table as LaTeX: a ``table*`` that an ``input`` command takes in, with the package booktabs and nothing else."""

from __future__ import annotations

import itertools
import unicodedata

from reports.tables.table import FIDELITY_LEGEND, Cell, Row, Table, fidelity_code

_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': "''",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "×": r"\ensuremath{\times}",
    "±": r"\ensuremath{\pm}",
    "–": "--",
    "[": "{[}",  # after a line's end it would open an optional argument, as * would be a flag
    "*": "{*}",
}


def render(table: Table) -> str:
    """The whole float: caption, label, tabular and notes."""
    caption = f"{escape(table.caption)} {escape(FIDELITY_LEGEND)}"
    lines = [
        r"% Needs \usepackage{booktabs}; put it into a document with \input.",
        r"\begin{table*}[tp]",
        r"\centering\scriptsize",
        r"\setlength{\tabcolsep}{2.5pt}\setlength{\belowcaptionskip}{4pt}",
        rf"\caption{{\footnotesize\textbf{{{escape(table.title)}.}} {caption}}}",
        rf"\label{{tab:isdbench-{table.name}}}",
        r"\makebox[\textwidth][c]{%",
        rf"\begin{{tabular}}{{ll{'r' * len(table.columns)}}}",
        r"\toprule",
        *_header(table),
        r"\midrule",
        *_body(table),
        r"\bottomrule",
        r"\end{tabular}}",
        *(rf"\par\smallskip\raggedright {escape(note)}" for note in table.notes),
        *_sources(table),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """The text made literal; a character that pdflatex's default fonts lack becomes its plain letters or "?"."""
    return "".join(_SPECIAL.get(character) or _known(character) for character in text)


def _known(character: str) -> str:
    if character.isascii() or "À" <= character <= "ÿ":
        return character
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def _header(table: Table) -> list[str]:
    spans = [rf"\multicolumn{{{count}}}{{c}}{{{escape(head)}}}" for head, count in table.heads]
    ends = list(itertools.accumulate((count for _, count in table.heads), initial=2))
    rules = [rf"\cmidrule(lr){{{start + 1}-{end}}}" for start, end in itertools.pairwise(ends)]
    labels = [rf"\shortstack[r]{{{_stacked(column.label)}}}" for column in table.columns]
    return [_line(["", "", *spans]), " ".join(rules), _line(["Method", "F", *labels])]


def _stacked(label: str) -> str:
    return r" \\ ".join(map(escape, label.rsplit(" ", 1)))


def _body(table: Table) -> list[str]:
    lines = []
    for index, (group, rows) in enumerate(table.sections):
        if index:
            lines.append(r"\addlinespace")
        if group:
            lines.append(rf"\multicolumn{{{len(table.columns) + 2}}}{{l}}{{\textit{{{escape(group)}}}}} \\")
        lines += [_row(row) for row in rows]
    return lines


def _row(row: Row) -> str:
    indent = r"\quad " if row.alternative else ""
    return _line([indent + escape(row.label), fidelity_code(row.fidelity), *map(_figure, row.cells)])


def _figure(cell: Cell) -> str:
    text = r"\ensuremath{-}" + escape(cell.text[1:]) if cell.text.startswith("-") else escape(cell.text)
    marked = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[cell.mark]
    return f"{marked} {escape(cell.spread)}".rstrip()


def _sources(table: Table) -> list[str]:
    """One paragraph with the place where each system comes from."""
    sources = [f"{row.system}: {row.source}" for row in table.rows if row.system and row.source]
    return [rf"\par\smallskip\raggedright Sources. {escape('; '.join(sources))}."] if sources else []


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
