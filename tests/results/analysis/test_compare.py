"""What is paired with what, and what counts as a regression: on records whose noise is known."""

import numpy as np
import pytest

from benchmark.errors import UserError
from results.analysis.compare import ComparisonError, compare, load
from results.analysis.latency_statistics import summarise
from results.record import MemoryReading
from results.store import Store
from tests.results.records import accuracy, cost, record

ROUNDS = 8


def costs(generator, slow=1.0, grown=1.0, rounds=ROUNDS, spells=None, jitter=0.08, parameters=1000):
    """Records of one side: a machine whose slow spells fall on both sides, with skewed noise in each sample."""
    made = []
    for turn in range(rounds):
        spell = spells[turn] if spells is not None else np.ones(15)
        samples = summarise("predict", list(50 * slow * spell * np.exp(generator.gamma(0.5, jitter, 15))), 4)
        peak = MemoryReading(mib=500 * grown * float(np.exp(generator.normal(0, 0.004))))
        figures = cost().model_copy(update={"samples": (samples,), "parameters": parameters})
        memory = figures.memory.model_copy(update={"host_peak_with_weights_mib": peak})
        figures = figures.model_copy(update={"memory": memory})
        made.append(record("cost", "isdnet", figures=figures, created=f"2026-11-22T10:{turn:02d}:00+00:00"))
    return made


def spells_of(generator):
    """Slow spells up to fourfold that last some samples, and between rounds a new level each."""
    walk = np.cumsum(generator.normal(0, 0.25, (ROUNDS, 15)), axis=1)
    return np.exp(np.clip(walk + generator.normal(0, 0.5, (ROUNDS, 1)), 0, 1.4))


def sides(seed, **planted):
    generator = np.random.default_rng(seed)
    spells = spells_of(generator)
    base, head, noise = (costs(generator, spells=spells, **changes) for changes in ({}, planted, {}))
    return base, head, noise


def verdicts(comparison):
    return {change.measure: change.verdict for cell in comparison.cells for change in cell.changes}


def test_of_twenty_comparisons_of_the_same_at_most_one_alarms():
    found = [compare(*sides(seed)) for seed in range(20)]
    assert sum(one.verdict == "fail" for one in found) <= 1
    assert sum("improvement" in verdicts(one).values() for one in found) <= 1


@pytest.mark.parametrize(
    ("planted", "measure"),
    [({"slow": 1.1}, "predict_latency_ms"), ({"grown": 1.1}, "host_peak_with_weights_mib")],
)
def test_ten_percent_more_is_caught_nine_times_of_ten(planted, measure):
    found = [verdicts(compare(*sides(seed, **planted)))[measure] for seed in range(100, 110)]
    assert found.count("regression") >= 9


def test_ten_percent_less_is_an_improvement():
    comparison = compare(*sides(1, slow=0.9, grown=0.9))
    assert set(verdicts(comparison).values()) - {"pass"} == {"improvement"}
    assert comparison.verdict == "pass"


def test_noise_as_large_as_the_change_hides_it():
    base, head, _ = sides(2, slow=1.1)
    _, unlike, _ = sides(2, slow=1.15)  # the same spells: a second run of the base that was 15 % slower
    assert verdicts(compare(base, head, base))["predict_latency_ms"] == "regression"
    assert verdicts(compare(base, head, unlike))["predict_latency_ms"] == "inconclusive"


def test_one_record_a_side_tells_large_changes_only():
    """Nothing shows the machine's spread: 10 % slower is left open, twice as slow is not."""
    generator = np.random.default_rng(4)
    (base,), (slower,), (slow,) = (costs(generator, slow=slow, rounds=1) for slow in (1, 1.12, 2))
    (change,) = [one for one in compare([base], [slower]).cells[0].changes if one.quantity == "latency"]
    assert (change.verdict, change.margin) == ("inconclusive", 30.0)
    assert change.basis == "extremes of 1 record a side, noise floor unknown"
    assert verdicts(compare([base], [slow]))["predict_latency_ms"] == "regression"


def test_parameters_are_exact():
    base, head, more = (costs(np.random.default_rng(5), parameters=count) for count in (1000, 1000, 1001))
    assert verdicts(compare(base, head))["parameters"] == "pass"
    assert verdicts(compare(base, more))["parameters"] == "regression"
    assert verdicts(compare(more, base))["parameters"] == "improvement"


def scored(hits, seed=0, images=20, with_images=True):
    """An accuracy record of two classes, so many hits of 100 pixels in each class of each image."""
    generator = np.random.default_rng(seed)
    per_image = np.clip(hits + generator.integers(-3, 4, (images, 2)), 0, 100)
    counts = [[[a, 100 - a], [100 - b, b]] for a, b in per_image.tolist()]
    total = np.sum(counts, axis=0)
    ious = np.diag(total) / (total.sum(0) + total.sum(1) - np.diag(total))
    figures = accuracy(miou_paper=100 * float(ious.mean()), images=images).model_copy(
        update={
            "labels_hash": f"{hits}-{seed}",
            "paper_classes": (0, 1) if with_images else (),
            "image_confusions": tuple(" ".join(map(str, np.ravel(one))) for one in counts) if with_images else (),
        }
    )
    return record("accuracy", "isdnet", figures=figures, seed=seed)


def test_accuracy_of_one_seed_by_the_images_it_shares():
    base = [scored(80)]
    assert verdicts(compare(base, [scored(80)])) == {"miou_paper": "pass"}
    assert verdicts(compare(base, [scored(70)])) == {"miou_paper": "regression"}
    assert verdicts(compare(base, [scored(90)])) == {"miou_paper": "improvement"}
    (change,) = compare(base, [scored(79)]).cells[0].changes
    assert change.verdict == "inconclusive"  # less than trainings differ by among themselves
    assert change.basis == "1 seed, 20 images"
    bare = compare([scored(80, with_images=False)], [scored(70, with_images=False)])
    assert (bare.verdict, bare.cells[0].changes[0].low) == ("inconclusive", None)


def test_accuracy_of_several_seeds_by_the_seeds():
    base = [scored(80, seed) for seed in range(6)]
    (change,) = compare(base, [scored(76, seed) for seed in range(6)]).cells[0].changes
    assert (change.verdict, change.basis) == ("regression", "6 seeds")
    assert verdicts(compare(base, base)) == {"miou_paper": "pass"}
    (few,) = compare(base[:5], [scored(70, seed) for seed in range(5)]).cells[0].changes
    assert (few.verdict, few.basis) == ("regression", "5 seeds, 20 images")


def test_one_image_that_collapses_is_no_pass():
    """The median image is as good as before, the mIoU is not: the interval holds both."""
    base = scored(80)
    counts = (" ".join(["0", "2000", "2000", "0"]), *base.accuracy.image_confusions[1:])
    worse = {"image_confusions": counts, "miou_paper": base.accuracy.miou_paper - 8, "labels_hash": "other"}
    head = base.model_copy(update={"accuracy": base.accuracy.model_copy(update=worse)})
    (change,) = compare([base], [head]).cells[0].changes
    assert change.verdict == "inconclusive"
    assert (change.low, change.high) == pytest.approx((-8, 0))


def test_a_system_that_runs_no_more_is_a_regression():
    ok, oom = record("cost", "isdnet"), record("cost", "isdnet", status="oom", reason="too large")
    (change,) = compare([ok], [oom]).cells[0].changes
    assert (change.measure, change.verdict, change.basis) == ("status", "regression", "ok -> oom")
    assert compare([oom], [ok]).verdict == "pass"


def test_cells_of_one_side_only_are_named():
    one, other = record("cost", "isdnet"), record("cost", "stdc")
    comparison = compare([one, other], [one])
    assert comparison.missing == ("stdc (cost, synthetic, 612x612)",)
    assert comparison.verdict == "inconclusive"
    assert compare([one], [one, other]).added == comparison.missing


def test_a_changed_card_is_compared_and_said():
    base, head = record("cost", "isdnet"), record("cost", "isdnet", card_hash="0" * 12)
    (cell,) = compare([base], [head]).cells
    assert cell.notes == ("card differs",)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"protocol_changes": {"threads": 4}}, "threads is 2 in BASE and 4 in HEAD"), ({"device": "RTX"}, None)],
)
def test_other_protocols_are_refused_other_devices_are_other_cells(changes, named):
    base, head = record("cost", "isdnet"), record("cost", "isdnet", **changes)
    if named is None:
        assert compare([base], [head]).missing
    else:
        with pytest.raises(ComparisonError, match=named):
            compare([base], [head])


def test_other_hardware_is_refused():
    base = record("cost", "isdnet")
    head = base.model_copy(update={"environment": base.environment.model_copy(update={"cpu_model": "Other CPU"})})
    with pytest.raises(ComparisonError, match="hardware is Test CPU in BASE and Other CPU in HEAD"):
        compare([base], [head])


def test_folders_and_files_are_read(tmp_path):
    path = Store(tmp_path / "records").append(record("cost", "isdnet"))
    (tmp_path / "records" / "no.json").write_text("{}")
    records, problems = load(path.parent, "BASE")
    assert (len(records), len(problems)) == (1, 1)
    assert load(path, "BASE") == (records, ())
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no record"):
        load(tmp_path / "empty", "BASE")
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "nowhere", "BASE")
