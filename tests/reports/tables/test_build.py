import pytest

from benchmark.errors import UnknownNameError
from reports.analysis.ranking import rankings
from reports.tables.build import ReportError, build_tables, missing
from reports.tables.table import SystemFacts
from tests.results.records import GPU, accuracy, cost, record


def facts(name, *rows, title="", fidelity="library", remark=""):
    return SystemFacts(name, title or name, fidelity, 1, remark, rows)


SYSTEMS = [
    facts("isdnet", "table1/isdnet", "table5/d-s", fidelity="reimplemented"),
    facts("unet-local", "table1/unet-local"),
    facts("unet-s5-local", "table1/unet-local", title="UNet-S5-D16"),
    facts("stdc", "table1/stdc"),
    facts("glnet", "table1/glnet"),
    facts("magnet", "table1/magnet"),
]


def the_table(records, name="table1", systems=SYSTEMS):
    (table,) = build_tables(records, systems, [name])
    return table


def row_of(table, slug, *, alternative=False):
    (row,) = [row for row in table.rows if row.row == slug and row.alternative == alternative]
    return {column.name: cell for column, cell in zip(table.columns, row.cells, strict=True)}


ISDNET = [record("accuracy", "isdnet"), record("cost", "isdnet")]


FULL = {"height": 2448, "width": 2448, "threads": None}
AS_THE_PAPER = [  # on its card, at its size, by its schedule
    record(
        "accuracy",
        "isdnet",
        figures=accuracy(images=142, train_images=454, weights="imagenet: file"),
        **{"dataset": "deepglobe", "profile": "paper", "device": GPU, "protocol_changes": FULL},
    ),
    record(
        "cost",
        "isdnet",
        figures=cost(gpustat_mib=512.0),
        **{"dataset": "deepglobe", "profile": "paper", "device": GPU, "protocol_changes": FULL},
    ),
]


def test_paper_ours_and_difference_stand_side_by_side_where_they_are_comparable():
    row = row_of(the_table(AS_THE_PAPER), "isdnet")
    assert {name: cell.text for name, cell in row.items()} == {
        "miou_paper_printed": "73.30",
        "miou_paper_ours": "41.50",
        "miou_paper_difference": "-31.80",
        "fps_printed": "27.70",
        "fps_ours": "5.00",
        "fps_ratio": "0.18",
        "memory_gpustat_mb_printed": "1948",
        "device_gpustat_mib_ours": "512",
        "memory_gpustat_mb_ratio": "0.26",
    }
    assert row["miou_paper_difference"].value == pytest.approx(41.5 - 73.3)
    assert row["fps_ratio"].value == pytest.approx(5.0 / 27.7)


def test_nothing_is_set_against_the_paper_that_its_caption_calls_not_comparable():
    table = the_table(ISDNET)
    assert "FPS and memory are not comparable" in table.caption[1]
    assert "Accuracy is not comparable" in table.caption[1]
    row = row_of(table, "isdnet")
    assert not [name for name in row if name.endswith(("_ratio", "_difference"))]
    assert row["miou_paper_ours"].spread == "(n = 1)"
    assert row["fps_ours"].spread == "[4.76, 5.26]"
    assert row["fps_ours"].records == (ISDNET[1].key,)
    assert row["fps_ours"].protocol == ISDNET[1].protocol_hash
    assert row["fps_ours"].paper == 27.7


def test_all_printed_rows_stand_in_the_order_of_the_paper():
    table = the_table(ISDNET)
    assert [row.method for row in table.rows][:4] == ["UNet", "FCN-8s", "DeepLabv3+", "UNet"]
    assert len(table.rows) == 16
    assert [group for group, _ in table.sections] == ["Local Inference", "Global Inference", "UHR Methods"]


def test_a_missing_value_says_why():
    records = [
        *ISDNET,
        record("cost", "stdc"),
        record("accuracy", "glnet", status="failed", reason="non-finite loss at iteration 3"),
        record("cost", "glnet", status="oom", reason="needed 12 GB"),
        record("accuracy", "magnet", status="unavailable", reason="no code was published"),
    ]
    table = the_table(records)
    texts = {
        slug: (row_of(table, slug)["miou_paper_ours"].text, row_of(table, slug)["fps_ours"].text)
        for slug in ("ppn", "unet-local", "stdc", "glnet", "magnet")
    }
    assert texts == {
        "ppn": ("not yet", "not yet"),
        "unet-local": ("not run", "not run"),
        "stdc": ("not run", "5.00"),
        "glnet": ("failed", "oom"),
        "magnet": ("unavailable", "not run"),
    }
    assert "glnet (cost, seed 0): oom: needed 12 GB" in table.notes
    assert "magnet (accuracy, seed 0): unavailable: no code was published" in table.notes


def test_seeds_become_median_and_standard_deviation_and_six_have_an_interval():
    records = [record("accuracy", "isdnet", seed=seed, figures=accuracy(40.0 + seed)) for seed in range(6)]
    cell = row_of(the_table(records[:3]), "isdnet")["miou_paper_ours"]
    assert (cell.text, cell.spread, cell.n) == ("41.00", "± 1.00 (n = 3)", 3)
    assert (cell.low, cell.mark) == (None, "")
    assert len(cell.records) == 3
    six = row_of(the_table(records), "isdnet")["miou_paper_ours"]
    assert 40 < six.low < 41 < 44 < six.high < 45


def test_a_failed_seed_is_not_averaged_but_noted():
    records = [record("accuracy", "isdnet"), record("accuracy", "isdnet", seed=1, status="failed", reason="killed")]
    table = the_table(records)
    assert row_of(table, "isdnet")["miou_paper_ours"].spread == "(n = 1)"
    assert "isdnet (accuracy, seed 1): failed: killed" in table.notes


def test_a_second_system_of_a_row_follows_it_only_if_it_ran():
    assert len(the_table(ISDNET).rows) == 16
    table = the_table([*ISDNET, record("accuracy", "unet-s5-local", figures=accuracy(50.0))])
    assert [(row.label, row.alternative) for row in table.rows][:2] == [
        ("UNet", False),
        ("unet-s5-local", True),
    ]
    cells = row_of(table, "unet-local", alternative=True)
    assert cells["miou_paper_printed"].text == ""
    assert cells["miou_paper_ours"].value == 50.0


def test_a_system_of_no_row_is_added_to_comparisons_only():
    records = [*ISDNET, record("accuracy", "theirs", recipe="mine"), record("cost", "a & b\x1b[2J", recipe="mine")]
    systems = [*SYSTEMS, facts("theirs", title="Their net", remark="from a plugin")]
    table = the_table(records, systems=systems)
    assert [(row.group, row.label, row.fidelity) for row in table.rows[16:]] == [
        ("Added", "Their net (theirs)*", "library"),
        ("Added", "a & b [2J", "not stated"),
    ]
    assert "* theirs: from a plugin" in table.notes
    assert "theirs: trained by its own recipe 'mine'" in table.notes
    assert all(row.group != "Added" for row in the_table(records, "table5", systems).rows)


def test_unsettled_timing_and_absent_probes_are_noted():
    records = [record("cost", "isdnet", device=GPU, figures=cost(steady=False))]
    table = the_table(records)
    assert row_of(table, "isdnet")["device_gpustat_mib_ours"].text == "no value"
    assert "isdnet: no device_gpustat_mib: no CUDA device" in table.notes
    assert "isdnet: its latency was still drifting after 3 warm-up samples" in table.notes


def test_what_the_timed_call_did_and_a_busy_machine_are_noted():
    work = {"passes": 1234, "skipped_crops": 2}
    busy = record("cost", "isdnet", figures=cost().model_copy(update={"work": work}))
    busy = busy.model_copy(update={"environment": busy.environment.model_copy(update={"load_average": 14.6})})
    plain = record("cost", "stdc", figures=cost().model_copy(update={"work": {"passes": 1}}))
    notes = the_table([busy, plain]).notes
    assert "isdnet: the timed call did 1,234 passes, 2 skipped crops" in notes
    assert "isdnet: measured on a busy machine (load average 15): its latency may be too high" in notes
    assert not [note for note in notes if note.startswith("stdc")]


@pytest.mark.parametrize(
    ("engine", "name"), [("onnx", "ONNX Runtime"), ("openvino", "OpenVINO"), ("onnx-int8", "ONNX Runtime in int8")]
)
def test_times_of_another_engine_have_a_table_of_their_own_which_says_so(engine, name):
    kept = cost(median_ms=100.0).model_copy(update={"labels_kept": 99.95})
    exported = record("cost", "isdnet", figures=kept, protocol_changes={"engine": engine})
    tables = build_tables([*ISDNET, exported], SYSTEMS, ["table1"])
    own, other = (next(t for t in tables if row_of(t, "isdnet")["fps_ours"].value == fps) for fps in (5.0, 10.0))
    note = f"isdnet: {name} ran its exported file; 99.950 % of the labels are torch's"
    assert (note in own.notes, note in other.notes) == (False, True)
    said = f", timed in {name}"
    assert (said in own.caption[0], said in other.caption[0]) == (False, True)


def test_scored_images_that_took_other_work_than_the_timed_call_and_the_parts_of_a_call_are_noted():
    scored = accuracy().model_copy(update={"work": {"passes": (42, 50, 44, 46), "masks": (1, 1, 1, 1)}})
    timed = cost().model_copy(update={"work": {"passes": 85, "masks": 28}, "parts_ms": {"base": 12.0, "rest": 3456.0}})
    same = accuracy().model_copy(update={"work": {"passes": (9, 9, 9, 9)}})
    records = [
        record("accuracy", "isdnet", figures=scored),
        record("cost", "isdnet", figures=timed),
        record("accuracy", "stdc", figures=same),
        record("cost", "stdc", figures=cost().model_copy(update={"work": {"passes": 9}})),
    ]
    notes = the_table(records).notes
    assert "isdnet: a scored image took 42 to 50 passes, 1 mask; 0.500 s" in notes
    assert "isdnet: time of each part of the scored call, in ms: base 12.0, rest 3456" in notes
    assert [note for note in notes if note.startswith("stdc")] == ["stdc: the timed call did 9 passes"]


def test_a_quoted_row_is_marked_and_compared_with_nothing():
    others = [one.model_copy(update={"cell": one.cell.model_copy(update={"system": "ppn"})}) for one in AS_THE_PAPER]
    records = [*AS_THE_PAPER, *others]
    cells = row_of(the_table(records, systems=[*SYSTEMS, facts("ppn", "table1/ppn")]), "ppn")
    assert (cells["fps_printed"].text, cells["fps_printed"].spread) == ("12.90", "quoted")
    assert cells["fps_ours"].value == pytest.approx(5.0)
    assert (cells["fps_ratio"].text, cells["fps_ratio"].status) == ("", "quoted")
    assert (cells["miou_paper_difference"].text, cells["miou_paper_difference"].status) == ("", "quoted")


def test_memory_on_a_gpu_is_by_gpustat_and_on_a_cpu_by_resident_set():
    gpu = the_table([record("cost", "isdnet", device=GPU, figures=cost(gpustat_mib=1900.0))])
    assert row_of(gpu, "isdnet")["device_gpustat_mib_ours"].value == 1900.0
    assert "host_peak_with_weights_mib" not in " ".join(gpu.setup)
    assert "another machine" not in " ".join(gpu.caption)
    cpu = the_table(ISDNET)
    assert "host_peak_with_weights_mib), not the paper's gpustat" in " ".join(cpu.setup)
    assert "another machine" in " ".join(cpu.caption)


def test_caption_and_notes_are_of_the_systems_in_the_table():
    elsewhere = record("accuracy", "magnet", status="failed", reason="killed", created="2027-01-01T00:00:00+00:00")
    table = the_table([*ISDNET, elsewhere, record("accuracy", "stdc")], "table5")
    text = " ".join(table.setup)
    assert "2027" not in text
    assert "random (1 system)" in text
    assert table.notes == ()


def test_variants_are_compared_by_speed_with_the_last_row_of_their_group():
    systems = [facts(name, f"table4/{name}") for name in ("pspnet", "pspnet-isd", "segformer-b0")]
    size = {"height": 256, "width": 512}
    speeds = {"pspnet": 100.0, "pspnet-isd": 20.0, "segformer-b0": 50.0}
    records = [
        record("cost", name, figures=cost(median_ms=ms), paper_dataset="cityscapes", protocol_changes=size)
        for name, ms in speeds.items()
    ]
    table = the_table(records, "table4", systems)
    pspnet = row_of(table, "pspnet")
    assert pspnet["speedup_of_last_row_printed"].value == pytest.approx(58.29 / 15.15)
    assert pspnet["speedup_of_last_row_ours"].value == pytest.approx(5.0)
    assert row_of(table, "segformer-b0")["speedup_of_last_row_printed"].value == pytest.approx(41.82 / 13.70)
    assert row_of(table, "segformer-b0")["speedup_of_last_row_ours"].value is None


def test_blank_cells_of_the_paper_stay_blank():
    row = row_of(the_table(ISDNET, "table6", [facts("isdnet", "table6/add")]), "add")
    assert row["memory_gpustat_mb_printed"].text == "–"
    assert row["host_peak_with_weights_mib_ours"].text == "512"


def test_a_table_nothing_was_run_for_is_not_written():
    assert build_tables(ISDNET, SYSTEMS, ["table2", "table3", "table7"]) == []


def test_rows_without_our_values_are_listed_by_reason():
    records = [record("accuracy", "isdnet"), record("cost", "isdnet", status="oom", reason="too large")]
    found = missing(the_table(records, "table1"))
    assert found["oom"] == ["isdnet"]
    assert "bisenetv1" in found["not yet"]


def test_bad_requests_are_named():
    with pytest.raises(UnknownNameError, match=r"unknown table 'table9'"):
        build_tables(ISDNET, SYSTEMS, ["table9"])
    with pytest.raises(ReportError, match=r"no records to report; make some with 'isdbench run table1'"):
        build_tables([], SYSTEMS)


def test_a_table_of_our_own_has_the_rows_of_table_1_and_no_values_of_the_paper():
    records = [record(kind, "isdnet", dataset="hrf", paper_dataset="hrf") for kind in ("accuracy", "cost")]
    table = the_table(records, "hrf")
    assert table.title.startswith("Methods of Table 1 on")
    assert len(table.rows) == 16
    assert [column.label for column in table.columns][-2:] == ["ours", "ours host"]
    assert row_of(table, "isdnet")["miou_paper_ours"].text == "41.50"
    assert "The paper has no values on this dataset." in table.setup
    assert "not comparable" not in " ".join((*table.caption, *table.setup))
    assert "paper's" not in table.caption[1]


def test_the_accuracy_of_an_untrained_net_is_a_word_and_is_compared_with_nothing():
    after = {"isdnet": 99, "stdc": 100, "unet-local": 300}
    records = [
        record("accuracy", name, figures=accuracy(40.0).model_copy(update={"iterations": count}))
        for name, count in after.items()
    ]
    table = the_table(records)
    cells = {name: row_of(table, name)["miou_paper_ours"] for name in after}
    assert {name: cell.text for name, cell in cells.items()} == {
        "isdnet": "untrained",
        "stdc": "40.00",
        "unet-local": "40.00",
    }
    assert cells["isdnet"].value is None
    assert cells["isdnet"].records
    (ranking,) = rankings([table], records)
    assert {standing.system for standing in ranking.standings} == {"stdc", "unet-local"}


def test_a_table_of_our_own_shows_every_class_while_they_are_few():
    few = accuracy(40.0).model_copy(update={"conventions": {"iou_vessel": 61.0}})
    table = the_table([record("accuracy", "isdnet", dataset="hrf", paper_dataset="hrf", figures=few)], "hrf")
    row = row_of(table, "isdnet")
    assert row["iou_vessel_ours"].text == "61.00"
    assert list(row)[:1] + list(row)[-3:] == [
        *("miou_paper_ours", "boundary_iou_ours", "fps_ours", "host_peak_with_weights_mib_ours")
    ]
    many = few.model_copy(update={"iou": {f"iou_{index}": 1.0 for index in range(9)}})
    table = the_table([record("accuracy", "isdnet", dataset="hrf", paper_dataset="hrf", figures=many)], "hrf")
    assert len(table.columns) == 3


def test_a_reference_row_is_last_and_has_neither_rank_nor_mark_nor_cost():
    systems = [*SYSTEMS, facts("constant", fidelity="reference", title="Most frequent class")]
    counted = accuracy(99.0, weights="counted: labels").model_copy(update={"iterations": 0})
    nets = [
        record("accuracy", name, seed=seed, figures=accuracy(40.0 + seed))
        for name in ("isdnet", "stdc")
        for seed in (0, 1)
    ]
    trained = [one.model_copy(update={"accuracy": one.accuracy.model_copy(update={"iterations": 300})}) for one in nets]
    records = [*trained, record("cost", "isdnet"), record("accuracy", "constant", figures=counted, recipe="counting")]
    for name in ("table1", "table5"):
        table = the_table(records, name, systems)
        row = table.rows[-1]
        assert (row.group, row.label) == ("Reference", "Most frequent class (constant)")
        assert {cell.text for cell in row.cells} == {"99.00", "–", ""}
        assert {cell.mark for cell in row.cells} == {""}
        assert "UNTRAINED" not in " ".join(table.caption)
        assert not any("own recipe" in note for note in table.notes)
    assert not table.untrained
    (ranking,) = rankings([the_table(records, systems=systems)], records)
    assert [standing.system for standing in ranking.standings] == ["stdc", "isdnet"]


def test_a_reference_alone_makes_no_table():
    systems = [*SYSTEMS, facts("constant", fidelity="reference")]
    assert build_tables([record("accuracy", "constant")], systems, ["table1"]) == []


def test_a_neutral_table_has_the_measured_systems_of_any_table_and_no_paper():
    made = [
        record("cost", "stdc", paper_dataset="hrf", dataset="hrf"),
        record("cost", "mine", paper_dataset="hrf", dataset="hrf"),
    ]
    (table,) = build_tables(made, [facts("stdc", "table1/stdc"), facts("mine")], ["comparison-hrf"])
    assert [(row.group, row.system) for row in table.rows] == [("Systems", "stdc"), ("Systems", "mine")]
    assert table.title.startswith("Comparison on hrf of ")
    assert not any("printed" in column.name for column in table.columns)
    assert "Nothing here is compared with the paper" in " ".join([*table.caption, *table.setup])
