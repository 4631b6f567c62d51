import functools
import os
import re
from pathlib import Path

import pytest

from results.paper.claims import CellName, claim_from, claims

PAPER = Path(os.environ.get("ISDBENCH_PAPER_TEXT", Path(__file__).parents[3] / "shared" / "paper" / "isdnet.txt"))
TEX = {
    r"\times": "x",
    r"\sim": "~",
    r"\frac{1}{4}": "1/4",
    r"\mathcal{L}": "L",
    "×": "x",
    "\\": "",
    "$": "",
    "{": "",
    "}": "",
}


@functools.cache
def plain(text):
    for tex, word in TEX.items():
        text = text.replace(tex, word)
    return re.sub(r"\s+", "", text).lower()


def entry(**changes):
    return {"name": "test", "where": "here", "quote": "words", **changes}


def test_the_ledger_is_long_and_names_are_distinct():
    names = [claim.name for claim in claims()]
    assert len(names) == len(set(names)) >= 25


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's text is not at hand (ISDBENCH_PAPER_TEXT)")
@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.name)
def test_each_quote_is_the_papers_own(claim):
    assert plain(claim.quote) in plain(PAPER.read_text(encoding="utf-8"))


def test_a_list_leaves_out_the_rows_that_the_claim_names_and_blank_cells():
    figures = {"raf": "table6/add-cw-ms-md/memory_gpustat_mb", "others": "table6/*/memory_gpustat_mb"}
    claim = claim_from(entry(figures=figures, checks=["raf < max(others)"]))
    assert [cell.row for cell in claim.lists["others"]] == ["add-cw", "concat-cw"]
    assert claim.figures["raf"] == CellName("table6", "add-cw-ms-md", "memory_gpustat_mb")
    assert claim.figures["raf"].printed.text == "1948"


def test_a_group_is_a_list_of_its_rows():
    claim = claim_from(entry(figures={"local": "table1/Local Inference/fps"}, checks=["min(local) > 1"]))
    assert [cell.row for cell in claim.lists["local"]] == ["unet-local", "fcn8s-local", "deeplabv3plus-local"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"figures": {"a": "table1/nobody/fps"}, "checks": ["max(a) > 1"]}, "no row and no group"),
        ({"figures": {"a": "table7/base/fps"}, "checks": ["a > 1"]}, "prints no figure"),
        ({"numbers": {"a": "1"}}, "either checks or an expression"),
        ({"numbers": {"a": "1"}, "expression": "a"}, "either checks or an expression"),
        (
            {"numbers": {"a": "1"}, "expression": "a", "states": "1", "checks": ["a > 1"]},
            "either checks or an expression",
        ),
    ],
)
def test_an_incomplete_claim_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"'test'.*{message}"):
        claim_from(entry(**changes))


def test_counts_in_the_words_are_exact_and_other_numbers_rounded():
    claim = claim_from(entry(numbers={"images": "455", "iou": "74.39"}, expression="images", states="455"))
    assert claim.numbers["images"].half_unit == 0.0
    assert claim.numbers["iou"].half_unit == pytest.approx(0.005)
    assert claim.states.half_unit == 0.5
