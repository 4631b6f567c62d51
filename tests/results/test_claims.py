import functools
import itertools
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


def test_no_quote_is_part_of_another():
    """Otherwise the same words could have two verdicts."""
    quotes = [plain(claim.quote) for claim in claims()]
    assert [one for one, other in itertools.permutations(quotes, 2) if one in other] == []


def test_only_a_bound_that_the_paper_gives_is_tested():
    """A comparison with a number of ours is that of a value from another source, or of one net's speed with itself."""
    for claim in claims():
        sides = [side for check in claim.checks for side in (check.left, check.right)]
        if any(side.factor != 1 for side in sides):
            assert claim.name == "stdc-printed-twice"
        if any(not isinstance(item, CellName) for side in sides for item in side.items):
            assert claim.source, claim.name


def test_what_words_without_a_bound_show():
    (shown,) = claim_from(entry(shows=[["table1/isdnet/fps", "/", "median of table1/*/fps"]])).shows
    assert (shown.operation, shown.left.text, shown.right.statistic) == ("ratio", "table1/isdnet/fps", "median")


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's text is not available (ISDBENCH_PAPER_TEXT)")
@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.name)
def test_each_quote_is_the_papers_own(claim):
    assert plain(claim.quote) in plain(PAPER.read_text(encoding="utf-8"))


def test_a_list_leaves_out_the_rows_that_the_claim_names_and_blank_cells():
    column = "memory_gpustat_mb"
    (check,) = claim_from(entry(checks=[[f"table6/add-cw-ms-md/{column}", "<", f"max of table6/*/{column}"]])).checks
    assert [cell.row for cell in check.right.items] == ["add-cw", "concat-cw"]
    assert check.left.items == (CellName("table6", "add-cw-ms-md", column),)
    assert check.left.items[0].printed.text == "1948"
    assert str(check) == f"table6/add-cw-ms-md/{column} < max of table6/*/{column}"


def test_a_list_leaves_out_the_rows_that_the_claim_says():
    claim = claim_from(entry(leaving_out=["table2/isdnet"], checks=[["mean of table2/UHR Methods/fps", ">", "1"]]))
    rows = [cell.row for cell in claim.cells]
    assert rows
    assert "isdnet" not in rows


def test_a_group_is_a_list_of_its_rows():
    claim = claim_from(entry(checks=[["min of table1/Local Inference/fps", ">", "1"]]))
    assert [cell.row for cell in claim.cells] == ["unet-local", "fcn8s-local", "deeplabv3plus-local"]


def test_operands_have_a_factor_a_statistic_and_several_items():
    (scaled,) = claim_from(entry(value="1.1 times min of table2/UHR Methods/fps", states="1")).operands
    assert (scaled.factor, scaled.statistic, len(scaled.items)) == (1.1, "min", 4)
    (mean,) = claim_from(entry(value="mean of 74.39 and table2/isdnet/miou_paper", states="1")).operands
    assert [item.value if hasattr(item, "value") else item.row for item in mean.items] == [74.39, "isdnet"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checks": [["max of table1/nobody/fps", ">", "1"]]}, "no row and no group"),
        ({"checks": [["table7/base/fps", ">", "1"]]}, "prints no value"),
        ({"checks": [["table1/*/fps", ">", "1"]]}, "several values"),
        ({"checks": [["table1/isdnet/fps", "~", "1"]]}, "no comparison"),
        ({}, "either checks or one number"),
        ({"value": "1"}, "either checks or one number"),
        ({"states": "1"}, "either checks or one number"),
        ({"value": "1", "sum": ["1", "2"], "states": "1"}, "either checks or one number"),
        ({"value": "1", "states": "1", "checks": [["2", ">", "1"]]}, "either checks or one number"),
    ],
)
def test_a_bad_claim_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"'test'.*{message}"):
        claim_from(entry(**changes))


def test_counts_in_the_words_are_exact_and_other_numbers_rounded():
    claim = claim_from(entry(sum=["455", "74.39", "50x20"], states="455"))
    assert [(part.items[0].value, part.items[0].half_unit) for part in claim.operands] == [
        (455.0, 0.0),
        (74.39, pytest.approx(0.005)),
        (1000.0, 0.0),
    ]
    assert claim.states.half_unit == 0.5
