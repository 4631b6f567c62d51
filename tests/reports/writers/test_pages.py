import re

import pytest

from benchmark.errors import UserError
from reports.agreement import agreements
from reports.audit import audit
from reports.build import build_tables
from reports.plausibility import speeds
from reports.table import SystemFacts
from reports.throughput import throughputs
from reports.writers.agreement_page import agreement_page
from reports.writers.audit_page import audit_page
from reports.writers.pages import write_page
from results.paper import TABLE_NAMES, paper_table
from results.paper.claims import claims
from results.paper.flops import read_flops
from tests.results.records import cost, record

EVIL = "<script>alert(1)</script> a & b_c%|"
PAGE = audit_page(audit([], []), speeds([], read_flops()), throughputs())


def lines_of(page, heading):
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if re.match(r"\| (?!:?-)", line)][1:]


def test_the_audit_lists_every_claim_and_every_printed_speed():
    assert len(lines_of(PAGE, "Claims")) == len(claims())
    shown = [line.split("|")[6].strip() for line in lines_of(PAGE, "Speeds against the card's peak")]
    tables = [paper_table(name) for name in TABLE_NAMES]
    assert shown == [row.figures["fps"].text for table in tables for row in table.rows if "fps" in row.figures]


def test_a_claim_shows_quote_reading_figures_verdict_and_arithmetic():
    (line,) = [line for line in lines_of(PAGE, "Claims") if "172x faster" in line and "arithmetic differs" in line]
    for words in (
        "abstract",
        "the recent competitor is FCtL",
        "isdnet = 27.70 (table1/isdnet/fps)",
        "213.1",
        "Inria Aerial",
    ):
        assert words in line


def test_the_agreement_page_has_a_verdict_and_the_flipped_pairs():
    systems = [
        SystemFacts(name, EVIL, "library", 1, rows=(f"table1/{name}",))
        for name in ("isdnet", "stdc", "ppn", "fctl", "glnet")
    ]
    records = [
        record("cost", system.name, figures=cost(100.0 * place)) for place, system in enumerate(systems, start=1)
    ]
    page = agreement_page(agreements(build_tables(records, systems, ["table1"])))
    assert "fps: no agreement shown (n = 5; 1 of 10 pairs in the other order, 1 clearly)" in page
    assert "| GLNet over FCtL" in page
    assert "<script>" not in page


def test_without_figures_the_page_says_so():
    assert "No table has a figure of ours" in agreement_page(())


def test_a_page_that_cannot_be_written_names_the_option(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*file: cannot write"):
        write_page(tmp_path / "file", "audit.md", "text")
