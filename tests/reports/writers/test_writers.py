import csv
import io
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

from reports.tables.table import Cell, Column
from reports.writers import html, latex, markdown, table_csv, terminal
from reports.writers.files import WRITERS
from tests.reports.writers.example import EXAMPLE

GOLDEN = Path(__file__).parents[1] / "golden"


def shown(width, table=EXAMPLE):
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    terminal.show(table, console)
    return console.file.getvalue()


RENDERED = {
    "example.md": lambda: markdown.render(EXAMPLE),
    "example.tex": lambda: latex.render(EXAMPLE),
    "example.html": lambda: html.render(EXAMPLE),
    "example.csv": lambda: table_csv.render(EXAMPLE),
    "example-80.txt": lambda: shown(80),
    "example-120.txt": lambda: shown(120),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_writer_renders_the_example_as_it_was_approved(name):
    """After a wanted change: ISDBENCH_WRITE_GOLDEN=1 pytest tests/reports/writers, then read the difference."""
    text = RENDERED[name]()
    if os.environ.get("ISDBENCH_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_file_format_has_an_approved_example(suffix):
    assert (GOLDEN / f"example.{suffix}").is_file()


def test_markdown_rows_have_one_cell_for_each_column():
    rows = [line for line in markdown.render(EXAMPLE).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 5 + 3  # header, rule, rows, headings of groups
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {2 + len(EXAMPLE.columns) + 1}


def test_markdown_leaves_no_markup_of_foreign_text():
    text = markdown.render(EXAMPLE)
    assert "<" not in re.sub("</?(details|summary)>|<br>", "", text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert r"\[red\]\*bold\*\[/red\]" in text


def test_html_is_well_formed_and_leaves_no_markup_of_foreign_text():
    page = html.render(EXAMPLE)
    tree = ElementTree.fromstring(re.sub(r"<meta[^>]*>", "", page).removeprefix("<!doctype html>"))
    rows = [row for row in tree.iterfind(".//tbody/tr") if row.find("th").get("scope") == "row"]
    assert {len(row.findall("*")) for row in rows} == {8}
    assert "alert(1)" in "".join(tree.itertext())
    assert not list(tree.iter("script"))
    assert not re.search(r"(src|href|url\()", page)


def test_marks_are_shown_by_every_format_for_readers():
    assert "| **41.50** ± 0.56 (n = 3) |" in re.sub(" +", " ", markdown.render(EXAMPLE))
    assert r"\underline{0.853} {[}0.830, 0.871]" in latex.render(EXAMPLE)
    assert '<td class="best">41.50 <span' in html.render(EXAMPLE)


def test_csv_reads_back_with_full_precision_and_definitions():
    lines = list(csv.DictReader(io.StringIO(table_csv.render(EXAMPLE))))
    unet, _, ppn, hostile, formula = lines
    assert unet["miou_paper_printed"] == "46.53"
    assert float(unet["fps_ours_low"]) == 0.83
    assert (unet["fps_ours_records"], unet["fps_ours_protocol"]) == ("0123456789ab", "ba9876543210")
    assert (ppn["fps_printed"], ppn["fps_ours"], ppn["fps_ours_status"]) == ("", "", "not yet")
    assert hostile["method"] == "<script>alert(1)</script>"
    assert formula["system"].startswith("'=")


FORMATS = {
    "md": markdown.render,
    "html": html.render,
    "tex": latex.render,
    "txt": lambda table: shown(200, table),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_readers_see_the_caption_first_and_can_reach_every_detail(suffix):
    table = replace(
        EXAMPLE, caption=("first line", "second line"), setup=("how measured",), notes=("about one", "about two")
    )
    text = FORMATS[suffix](table)
    places = [text.index(part) for part in ("first line", "second line", "how measured", "about one", "about two")]
    assert places == sorted(places)
    end = {"md": "<details>", "html": "</table>", "tex": r"\end{table*}", "txt": "F (fidelity)"}[suffix]
    assert places[1] < text.index(end) < places[2]


@pytest.mark.parametrize("width", [80, 100, 110, 120])
def test_the_grid_fits_the_terminal(width):
    grid = shown(width).splitlines()
    assert max(map(cell_len, grid)) <= width
    assert ("[0.830, 0.871]" in "\n".join(grid)) == (width >= terminal.WIDE)


def test_ratios_are_left_out_where_the_terminal_is_too_narrow():
    text = shown(68)
    assert "Left out at 68 columns, see the files below: ours / paper FPS ↑ (1/s)." in " ".join(text.split())
    grid = text.split("Left out")[0]
    assert "ours -" in grid
    assert "ours /" not in grid
    assert "unet-s5_local" in grid
    assert "Left out" not in shown(80)


def test_single_classes_are_left_out_after_the_ratios_and_the_methods_stay():
    ious = tuple(Column(f"iou_class{index}_ours", f"iou_class{index} ↑ (%)", "ours") for index in range(6))
    rows = tuple(replace(row, cells=row.cells + (Cell("12.34", value=12.34),) * 6) for row in EXAMPLE.rows)
    text = shown(90, replace(EXAMPLE, columns=EXAMPLE.columns + ious, rows=rows))
    left_out = " ".join(text.split()).partition("Left out at 90 columns")[2]
    assert "ours / paper FPS" in left_out
    assert "iou_class5" in left_out
    grid = text.split("Left out")[0]
    assert "iou_class0" in grid
    assert "unet-s5_local" in grid


def test_a_terminal_prints_foreign_markup_as_text():
    assert "[red]*bold*[/red]" in " ".join(shown(200).split())


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_as_input_of_a_bare_document(tmp_path):
    (tmp_path / "table1.tex").write_text(latex.render(EXAMPLE), encoding="utf-8")
    document = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}\input{table1.tex}\end{document}"
    (tmp_path / "main.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "main.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a & b_c%", r"a \& b\_c\%"), ("\\", r"\textbackslash{}"), ("é", "é"), ("ž", "z"), ("汉", "?"), ("[x]", "{[}x]")],
)
def test_latex_makes_text_literal(text, escaped):
    assert latex.escape(text) == escaped
