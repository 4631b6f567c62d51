"""Blocks of documents: replaced, never typed; those of this repository are what the committed records say."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.commands.report import system_facts
from reports.analysis.findings import findings
from reports.tables.build import build_tables
from reports.writers.blocks import BLOCKS, contents, renewed
from results.store import Store
from tests.reports.writers.example import EXAMPLE

ROOT = Path(__file__).parents[3]


def test_a_block_is_replaced_and_the_rest_stays():
    text = "before\n<!-- isdbench table1-brief -->\nstale\n<!-- end -->\nafter\n"
    new = renewed(text, contents([EXAMPLE]))
    assert new.startswith("before\n<!-- isdbench table1-brief -->\n**Table 1 of the paper: an example**\n")
    assert new.endswith("|\n<!-- end -->\nafter\n")
    assert "stale" not in new
    assert renewed(new, contents([EXAMPLE])) == new


def test_a_block_of_a_table_that_was_not_asked_for_stays():
    stale = "<!-- isdbench table2 -->\nkept\n<!-- end -->\n"
    text = "<!-- isdbench table1 -->\nstale\n<!-- end -->\n" + stale
    new = renewed(text, contents([EXAMPLE], ["table1"]))
    assert new.endswith(stale)
    assert EXAMPLE.title in new
    assert "kept" not in renewed(text, contents([EXAMPLE]))


def test_the_brief_table_has_no_accuracy_of_untrained_nets_where_another_table_exists():
    untrained = replace(EXAMPLE, untrained=True)
    fewer = replace(EXAMPLE, title="trained", rows=EXAMPLE.rows[:1])
    assert "trained" in contents([untrained, fewer])["table1-brief"]
    assert EXAMPLE.title in contents([untrained])["table1-brief"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- isdbench table1 -->\n", "has no '<!-- end -->'"),
        ("<!-- isdbench x -->\n<!-- end -->", "no block is named 'x'"),
    ],
)
def test_a_bad_block_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        renewed(text, contents([]))


@pytest.fixture(scope="module")
def blocks():
    records = Store(ROOT / "results/records").read().records
    facts = system_facts()
    return contents(build_tables(records, facts, BLOCKS) if records else [], found=findings(records, facts))


@pytest.mark.parametrize(
    ("name", "block"), [("README.md", "table1-brief"), ("docs/RESULTS.md", "table1"), ("docs/FINDINGS.md", "findings")]
)
def test_the_documents_show_the_committed_records(name, block, blocks):
    """To renew them: isdbench report --records results/records --no-figures --refresh README.md docs/*S.md."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert f"<!-- isdbench {block} -->" in text
    assert renewed(text, blocks) == text


def test_results_has_every_table():
    text = (ROOT / "docs/RESULTS.md").read_text(encoding="utf-8")
    assert all(f"<!-- isdbench {name} -->" in text for name in BLOCKS)
