"""A table as LaTeX: a ``table*`` float and notes after it, for ``input``; needs the packages booktabs, graphicx."""

from __future__ import annotations

import itertools
import re
import unicodedata

from reports.tables.table import FIDELITY_LEGEND, Cell, Table, fidelity_code

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
    """The float with caption, label and tabular; the details follow it as small print."""
    lines = [
        r"% Needs \usepackage{booktabs,graphicx}; read this file with \input.",
        r"\begin{table*}[tp]",
        r"\centering\scriptsize",
        r"\setlength{\tabcolsep}{2.5pt}\setlength{\belowcaptionskip}{4pt}",
        rf"\caption{{\footnotesize\textbf{{{escape(table.title)}.}} {escape(' '.join(table.caption))}}}",
        rf"\label{{tab:isdbench-{table.name}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",  # no wider than the text
        rf"\begin{{tabular}}{{ll{'r' * len(table.columns)}}}",
        r"\toprule",
        *_header(table),
        r"\midrule",
        *_body(table),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table*}",
        rf"{{\scriptsize\raggedright\noindent Details of Table~\ref{{tab:isdbench-{table.name}}}.",
        rf"{escape(FIDELITY_LEGEND)}\par",
    ]
    for heading, notes in table.details:
        lines += [
            rf"\smallskip\noindent\textit{{{escape(heading)}.}}\par",
            *(rf"\noindent {escape(note)}\par" for note in notes),
        ]
    return "\n".join([*lines, "}"]) + "\n"


def escape(text: str) -> str:
    """The text made literal; a character that pdflatex's default fonts lack becomes plain letters or "?"."""

    def known(character: str) -> str:
        if character.isascii() or "À" <= character <= "ÿ":
            return character
        return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"

    made = "".join(_SPECIAL.get(character) or known(character) for character in text)
    return re.sub("-(?=-)", "-{}", made)  # two hyphens of an option would become a dash


def _header(table: Table) -> list[str]:
    spans = [rf"\multicolumn{{{count}}}{{c}}{{{escape(head)}}}" for head, count in table.heads]
    ends = list(itertools.accumulate((count for _, count in table.heads), initial=2))
    rules = [rf"\cmidrule(lr){{{start + 1}-{end}}}" for start, end in itertools.pairwise(ends)]
    stacked = [r" \\ ".join(map(escape, column.label.rsplit(" ", 1))) for column in table.columns]
    labels = [rf"\shortstack[r]{{{label}}}" for label in stacked]
    return [_line(["", "", *spans]), " ".join(rules), _line(["Method", "F", *labels])]


def _body(table: Table) -> list[str]:
    lines = []
    for index, (group, rows) in enumerate(table.sections):
        if index:
            lines.append(r"\addlinespace")
        if group:
            lines.append(rf"\multicolumn{{{len(table.columns) + 2}}}{{l}}{{\textit{{{escape(group)}}}}} \\")
        for row in rows:
            indent = r"\quad " if row.alternative else ""
            lines.append(_line([indent + escape(row.label), fidelity_code(row.fidelity), *map(_cell, row.cells)]))
    return lines


def _cell(cell: Cell) -> str:
    text = r"\ensuremath{-}" + escape(cell.text[1:]) if cell.text.startswith("-") else escape(cell.text)
    marked = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[cell.mark]
    return f"{marked} {escape(cell.spread)}".rstrip()


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
