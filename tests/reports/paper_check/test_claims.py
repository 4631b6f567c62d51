import pytest

from reports.paper_check.claims import audit, finding
from reports.paper_check.our_values import measured
from reports.tables.table import SystemFacts
from results.paper.claims import claim_from, claims
from tests.results.records import GPU, accuracy, cost, record

FOUND = {item.claim.name: item for item in audit([], [])}
H100 = "NVIDIA H100"


@pytest.mark.parametrize(
    ("name", "verdict", "recomputed"),
    [
        ("deepglobe-172x", "arithmetic differs", "213.1 [205.1, 221.6]"),
        ("inria-172x", "holds", "172.5 [153.2, 197.3]"),
        ("ppn-2.5x", "arithmetic differs", "2.147"),
        ("deepglobe-split", "arithmetic differs", "804"),
        ("inria-split", "holds", "180"),
        ("pspnet-isd-3.8x", "holds", "3.848"),
        ("deep-branch-6x", "holds", "5.869"),
        ("losses-0.39", "holds", "0.3900"),
        ("high-frequency-0.6", "holds", "0.6000"),
        ("fctl-8s", "holds", "7.692"),
        ("fctl-26s", "holds within rounding", "25.00 [22.22, 28.57]"),
        ("deepglobe-highest-miou", "holds", "73.30 > 72.96"),
        ("consistently-superior", "contradicted by the paper's own table", "76.02 > 76.70 fails"),
        ("inria-miou-is-class-mean", "contradicted by another source", "74.23 > 80.19 fails"),
        ("figure1-speed-and-accuracy", "depends on the reading", "by the other reading 73.30 > 61.40"),
        ("uhr-accurate-and-lean", "contradicted by the paper's own table", "65.16 > 75.12 fails"),
        (
            "local-inference-more-accurate",
            "contradicted by the paper's own table",
            "46.53 > 50.11 fails; 62.43 > 52.86",
        ),
        ("stdc-printed-twice", "holds", "70.30 == 70.30"),
        ("accuracy-of-rivals-copied", "holds", "66.91 == 66.91"),
        ("rivals-timed-by-the-authors", "in doubt", "1559 ± 0.5 != 1559 fails; 12.90 ± 0.005 != 12.90"),
        ("deepglobe-fps", "holds", "27.70 ± 0.005"),
        ("structure-distillation-needed", "no bound stated", "72.55 - 72.31 = 0.240"),
        (
            "inria-few-memory",
            "no bound stated",
            "4680 / 4332 = 1.08 (table2/fctl/memory_gpustat_mb); 4680 / 2663 = 1.76",
        ),
    ],
)
def test_verdicts_that_a_reader_can_check_by_hand(name, verdict, recomputed):
    assert FOUND[name].verdict == verdict
    assert recomputed in FOUND[name].recomputed


def test_a_number_of_another_dataset_is_traced_to_it():
    assert "the number belongs to Inria Aerial (Table 2): 172.5" in FOUND["deepglobe-172x"].why
    assert FOUND["ppn-2.5x"].why == "stated 2.5"  # PPN is in no other table


def test_a_failing_comparison_names_the_rows_it_fails_against():
    claim = claimed(checks=[["table3/isdnet/fps", ">", "max of table3/*/fps"]])
    why = judged(claim).why
    assert "ICNet 68.55, STDC 62.15" in why
    assert "BiSeNet" not in why
    assert "DeepLabv3 76.70" in FOUND["consistently-superior"].why


def test_a_line_has_the_rule_with_its_tolerance_and_the_source():
    found = FOUND["deepglobe-172x"]
    assert found.rule == "table1/isdnet/fps / table1/fctl/fps is 172 ± 0.5"
    assert found.source == "Table 1"
    assert "BPT" in FOUND["inria-miou-is-class-mean"].source
    assert FOUND["inria-few-memory"].rule.startswith("none")
    assert all(item.rule and item.source and item.recomputed for item in FOUND.values())


def test_a_sum_of_counts_is_exact():
    assert FOUND["deepglobe-split"].rule == "455 + 207 + 142 is 803 ± 0"


def test_what_no_record_can_test_says_why():
    for name in ("rivals-timed-by-the-authors", "accuracy-of-rivals-copied", "ppn-2.5x"):
        found = FOUND[name]
        assert (found.records_verdict, found.records_why) == ("not testable with these records", found.claim.untestable)


def test_one_false_comparison_refutes_a_claim_whatever_is_missing():
    claim = claimed(
        checks=[["table1/isdnet/fps", ">", "table1/ppn/fps"], ["table1/isdnet/fps", ">", "table1/stdc/fps"]]
    )
    found = judged(claim, speed("isdnet", 30), speed("ppn", 10))
    assert (found.records_verdict, found.records_recomputed) == ("not confirmed by our records", "33.33 > 100 fails")
    assert judged(claim, speed("isdnet", 10), speed("ppn", 30)).records_verdict == "not testable with these records"


def test_without_records_nothing_is_testable_and_every_claim_is_judged():
    assert len(FOUND) == len(claims())
    assert {item.records_verdict for item in FOUND.values()} == {"not testable with these records"}
    assert FOUND["deepglobe-split"].records_why == "it rests on no measured value"


SYSTEMS = [
    SystemFacts(name, name, "library", 1, rows=rows)
    for name, rows in {
        "isdnet": ("table1/isdnet", "table5/d-s"),
        "ppn": ("table1/ppn",),
        "fctl": ("table1/fctl",),
    }.items()
]
RATIO = {"ratio": ["table1/isdnet/fps", "table1/ppn/fps"], "states": "2.5"}
AT_LEAST = {**RATIO, "at_least": True}


def claimed(**fields):
    return claim_from({"name": "test", "where": "here", "quote": "words", **fields})


def judged(claim, *records):
    return finding(claim, measured(records, SYSTEMS))


def speed(system, milliseconds, gpu=GPU, side=2448, **changes):
    size = {"height": side, "width": side, "threads": None}
    settings = {"device": gpu, "hardware": gpu, "dataset": "deepglobe", "profile": "paper", "protocol_changes": size}
    return record("cost", system, figures=cost(milliseconds, gpustat_mib=1000.0), **{**settings, **changes})


def trained(system, miou, seed):
    figures = accuracy(miou_paper=miou, images=142, train_images=454, weights="imagenet: file")
    size = {"height": 2448, "width": 2448}
    return record(
        "accuracy", system, figures=figures, dataset="deepglobe", profile="paper", seed=seed, protocol_changes=size
    )


def test_a_ratio_that_our_records_reach_is_confirmed_on_any_gpu():
    found = judged(claimed(**AT_LEAST), speed("isdnet", 10, H100), speed("ppn", 30, H100))
    assert found.records_verdict == "confirmed by our records"
    assert found.records_recomputed.startswith("100 / 33.33 = 3.000 [")
    assert "H100" in found.records_why
    assert found.verdict == "arithmetic differs"  # what the paper's figures say stays


def test_a_ratio_that_our_records_do_not_reach_is_not_confirmed():
    found = judged(claimed(**AT_LEAST), speed("isdnet", 10), speed("ppn", 20))
    assert found.records_verdict == "not confirmed by our records"
    assert "stated 2.5" in found.records_why


def test_more_than_stated_confirms_only_a_claim_of_at_least_that():
    exactly = claimed(**RATIO)
    assert judged(exactly, speed("isdnet", 10), speed("ppn", 30)).records_verdict == "not confirmed by our records"
    assert judged(exactly, speed("isdnet", 10), speed("ppn", 25)).records_verdict == "confirmed by our records"


def test_an_absolute_speed_is_testable_on_the_papers_card_alone():
    claim = claimed(value="table1/isdnet/fps", states="27.70", absolute=True, at_least=True)
    assert judged(claim, speed("isdnet", 36.1)).records_verdict == "confirmed by our records"
    elsewhere = judged(claim, speed("isdnet", 10, H100))
    assert elsewhere.records_verdict == "not testable with these records"
    assert "measured on NVIDIA H100" in elsewhere.records_why


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": 612, "dataset": "synthetic"}, "synthetic images of 612x612"),
        ({"device": "cpu", "hardware": "Test CPU", "gpu": GPU}, "measured on a CPU"),
    ],
)
def test_speeds_at_another_size_or_on_a_cpu_test_nothing(changes, reason):
    found = judged(claimed(**AT_LEAST), speed("isdnet", 10, **changes), speed("ppn", 30, **changes))
    assert found.records_verdict == "not testable with these records"
    assert reason in found.records_why


def test_a_missing_value_is_named():
    found = judged(claimed(**AT_LEAST), speed("isdnet", 10))
    assert found.records_verdict == "not testable with these records"
    assert found.records_why == "table1/ppn/fps: not run"


def test_an_accuracy_claim_needs_seeds_and_an_interval_that_decides():
    claim = claimed(checks=[["table1/isdnet/miou_paper", ">", "table1/ppn/miou_paper"]])
    one = [trained("isdnet", 73.0, 0), trained("ppn", 70.0, 0)]
    assert "n = 1, an interval takes 6 seeds" in judged(claim, *one).records_why
    ppn = [trained("ppn", 70.0 + 0.1 * seed, seed) for seed in range(6)]
    apart = [trained("isdnet", 73.0 + 0.1 * seed, seed) for seed in range(6)]
    assert judged(claim, *ppn, *apart).records_verdict == "confirmed by our records"
    noisy = [trained("isdnet", 66.0 + 3.0 * seed, seed) for seed in range(6)]  # 73.5 in the median
    assert judged(claim, *ppn, *noisy).records_verdict == "not confirmed by our records"


def test_records_of_the_papers_size_are_preferred_to_others():
    small = [speed(name, 10, side=612, dataset="synthetic", profile="smoke") for name in ("isdnet", "ppn")]
    found = judged(claimed(**AT_LEAST), *small, speed("isdnet", 10), speed("ppn", 30))
    assert found.records_verdict == "confirmed by our records"
