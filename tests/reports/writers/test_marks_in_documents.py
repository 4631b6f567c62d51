"""Every mark that a reader sees in the documents follows the rule, checked on the text alone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NUMBER = r"-?[\d.]+"
VALUE = re.compile(
    rf"(?P<mark>\**)(?P<value>{NUMBER})(?P=mark) *(\\\[(?P<low>{NUMBER}), (?P<high>{NUMBER})\\\])?(?P<rest>.*)"
)


def tables(text):
    """The pipe tables of a text: for each, its heads and its rows of cells."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        yield head, rows


def columns_of_values(text):
    """Each column with an arrow: its head, and its cells that hold a number."""
    for heads, rows in tables(text):
        for index, head in enumerate(heads):
            if "↑" in head or "↓" in head:
                yield head, [match for row in rows if (match := VALUE.fullmatch(row[index]))]


def has_interval(cell):
    seeds = re.search(r"n = (\d+)", cell["rest"])
    return cell["low"] is not None or bool(seeds and int(seeds[1]) >= 6)


@pytest.mark.parametrize("name", ["README.md", "docs/RESULTS.md"])
def test_a_marked_value_is_ours_has_an_interval_and_is_beaten_by_none(name):
    marked = 0
    for head, cells in columns_of_values((ROOT / name).read_text(encoding="utf-8")):
        sign = 1 if "↑" in head else -1
        best = [cell for cell in cells if cell["mark"] == "**"]
        marked += len(best)
        assert all("paper" not in head and has_interval(cell) for cell in cells if cell["mark"]), head
        if not best:
            continue
        leader = max(best, key=lambda cell: sign * float(cell["value"]))
        for cell in filter(has_interval, cells):
            assert sign * float(cell["value"]) <= sign * float(leader["value"]), (head, cell[0])
            if cell["low"] and leader["low"]:
                apart = float(cell["high"]) < float(leader["low"]) or float(leader["high"]) < float(cell["low"])
                assert apart == (cell["mark"] != "**"), (head, cell[0])
    assert marked  # otherwise nothing was checked


def test_the_reading_of_a_table_finds_what_breaks_the_rule():
    text = "| M | FPS ↑ (1/s): paper | FPS ↑ (1/s): ours |\n|:--|--:|--:|\n| a | **27.70** | **7.61** (n = 1) |\n"
    (_, printed), (_, ours) = columns_of_values(text)
    assert printed[0]["mark"] == ours[0]["mark"] == "**"
    assert not has_interval(ours[0])
    assert has_interval(VALUE.fullmatch(r"**7.61** \[7.5, 7.7\]"))
    assert has_interval(VALUE.fullmatch("*7.61* ± 0.2 (n = 6)"))
