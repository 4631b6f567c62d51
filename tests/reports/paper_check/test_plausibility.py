import pytest

from reports.paper_check.plausibility import PEAK_TFLOPS, speeds
from reports.tables.table import SystemFacts
from results.paper import TABLE_NAMES, paper_table
from results.paper.flops import Flops, FlopsFile

SYSTEMS = [
    SystemFacts("net", "Net", "library", 1, rows=("table1/isdnet",)),
    SystemFacts("other", "Other", "library", 1, rows=("table1/isdnet",)),
]
PRINTED = 27.70


def counts(full, reduced=None, system="net", **changes):
    entries = []
    for scale, flops in ((1.0, full), (0.8, full if reduced is None else reduced)):
        settings = {"system": system, "card": "c", "dataset": "deepglobe", "scale": scale, "height": 8, "width": 8}
        entries.append(Flops(**settings, flops=None if flops is None else round(flops), work={}, **changes))
    return FlopsFile(torch="2.15.0", entries=tuple(entries))


def isdnet(file, systems=SYSTEMS):
    return [speed for speed in speeds(systems, file) if (speed.table, speed.row) == ("table1", "isdnet")]


def at_peak(share):
    """FLOPs of an image with which the printed speed asks for a share of the peak."""
    return share * PEAK_TFLOPS * 1e12 / PRINTED


def test_every_printed_speed_is_listed_once_for_each_system():
    listed = [(speed.table, speed.row) for speed in speeds([], FlopsFile(torch="", entries=()))]
    tables = [paper_table(name) for name in TABLE_NAMES]
    assert listed == [(table.name, row.row) for table in tables for row in table.rows if "fps" in row.values]
    assert len(listed) == 55


def test_the_peak_is_that_of_the_card_in_float32():
    assert pytest.approx(14.2, abs=0.06) == PEAK_TFLOPS  # the Founders Edition


def test_a_quoted_speed_has_no_verdict():
    (ppn,) = [one for one in speeds([], FlopsFile(torch="", entries=())) if (one.table, one.row) == ("table1", "ppn")]
    assert ppn.verdict == "quoted"


def test_throughput_is_flops_times_speed():
    (main, _) = isdnet(counts(474e9, 306e9))
    assert main.tflops_per_second == pytest.approx(474e9 * 27.70 / 1e12)
    assert main.tflops_per_second_reduced == pytest.approx(306e9 * 27.70 / 1e12)


@pytest.mark.parametrize(
    ("full", "reduced", "verdict"),
    [
        (0.99, 0.64, "possible"),
        (1.01, 0.65, "possible only at 0.8x"),
        (1.6, 1.02, "exceeds the card's peak"),
        (1.0001, 0.7, "possible"),  # 27.695 FPS would have been printed as 27.70
    ],
)
def test_verdicts(full, reduced, verdict):
    assert isdnet(counts(at_peak(full), at_peak(reduced)))[0].verdict == verdict


def test_further_systems_of_a_row_are_alternatives():
    both = counts(1e9).updated(counts(2e9, system="other"))
    assert [(speed.system, speed.alternative, speed.gflops) for speed in isdnet(both)] == [
        ("net", False, 1.0),
        ("other", True, 2.0),
    ]


def test_what_has_no_count_says_why():
    empty = FlopsFile(torch="", entries=())
    assert [(speed.verdict, speed.note) for speed in isdnet(empty, [])] == [
        ("no count", "no system feeds this row yet")
    ]
    assert isdnet(empty)[0].note == "not counted yet"
    assert isdnet(counts(None, reason="not countable: odd"))[0].note == "not countable: odd"
    assert isdnet(counts(1e9, estimated_from="306x306"))[0].note.startswith("estimated on a synthetic image of 306x306")
