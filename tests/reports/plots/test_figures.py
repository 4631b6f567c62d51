"""Each kind of figure from records made by hand: what it shows, that it is written, that foreign names harm nothing."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from reports.plots import classes, confusion, memory, pareto, sizes, speed, training
from reports.plots.draw import figures, write_figures
from reports.plots.style import FORMATS, write
from reports.tables.build import ReportError, build_tables
from reports.tables.frame import records_frame
from reports.tables.groups import groups
from reports.tables.table import SystemFacts
from tests.results.records import GPU, accuracy, cost, record

HOSTILE = "a & b_c% $x_{1$ <script>"
NAMES = ("isdnet", "stdc", HOSTILE)
FACTS = [SystemFacts(name, name, "library", 1, rows=(f"table1/{name}",) if name != HOSTILE else ()) for name in NAMES]


def made():
    curve = {"loss_curve": (3.0, 2.0, 1.5), "iterations": 300}
    scores = [
        record("accuracy", name, figures=accuracy(40.0 + n).model_copy(update=curve)) for n, name in enumerate(NAMES)
    ]
    costs = [record("cost", name, figures=cost(median_ms=100.0 * (n + 1))) for n, name in enumerate(NAMES)]
    swept = [
        record("cost", name, figures=cost(0.001 * side**2), paper_dataset="", protocol_changes=square(side))
        for name in NAMES
        for side in (512, 1024, 2048)
    ]
    failed = record("cost", "isdnet", status="oom", reason="no", paper_dataset="", protocol_changes=square(4096))
    return [*scores, *costs, *swept, failed]


def hardly_trained(one):
    after = one.accuracy and one.accuracy.model_copy(update={"iterations": 99})
    return one.model_copy(update={"accuracy": after})


def square(side):
    return {"height": side, "width": side}


@pytest.fixture(scope="module")
def records():
    return made()


def texts(figure):
    return [text.get_text() for panel in figure.axes for text in panel.texts]


@pytest.mark.slow
def test_every_kind_is_drawn_and_written(records, tmp_path):
    tables = build_tables(records, FACTS, ["table1"])
    paths = write_figures(records, tables, tmp_path / "new")
    kinds = {path.name.partition("-")[0] for path in paths}
    assert kinds == {"pareto", "memory", "classes", "confusion", "training", "sizes"}
    assert {path.suffix.removeprefix(".") for path in paths} == set(FORMATS)
    for path in paths:
        assert path.stat().st_size > 2000
        if path.suffix == ".png":
            assert np.asarray(Image.open(path).convert("L")).std() > 5


def test_nothing_to_draw_is_no_figure():
    found = figures([record("accuracy", "isdnet", status="failed", reason="x")], [])
    assert [name for name, draw in found if draw() is not None] == []


@pytest.mark.slow
def test_two_processes_write_what_one_writes(records, tmp_path):
    tables = build_tables(records, FACTS, ["table1"])
    one, two = (write_figures(records, tables, tmp_path / str(processes), processes) for processes in (1, 2))
    assert [path.name for path in one] == [path.name for path in two]
    assert all(first.read_bytes() == second.read_bytes() for first, second in zip(one, two, strict=True))


def test_a_folder_that_cannot_be_written_is_one_line(records, tmp_path):
    (tmp_path / "file").touch()
    for processes in (1, 2):
        with pytest.raises(ReportError, match=r"--out .*file.*: cannot write"):
            write_figures(records, [], tmp_path / "file" / "figures", processes)


def test_the_front_is_what_no_system_beats_in_both():
    found = [
        pareto.Point(name, fps, value, None)
        for name, fps, value in (("a", 1, 9), ("b", 2, 5), ("c", 3, 7), ("d", 9, 1))
    ]
    assert [point.label for point in pareto.front(found)] == ["a", "c", "d"]


def test_the_pareto_plot_takes_its_points_from_the_table(records):
    (table, *_) = build_tables(records, FACTS, ["table1"])
    ours = {point.label: point for point in pareto.points(table, "ours")}
    assert ours["isdnet"].fps == pytest.approx(10.0)
    assert ours["isdnet"].accuracy == pytest.approx(40.0)
    assert {point.label for point in pareto.points(table, "printed")} >= {"isdnet", "unet-local", "unet-global"}
    (untrained, *_) = build_tables(list(map(hardly_trained, records)), FACTS, ["table1"])
    assert pareto.points(untrained, "ours") == []
    assert pareto.draw(untrained) is None


def test_no_label_of_the_pareto_plot_covers_another(records):
    """The paper's Table 1 has five systems between 70 and 72 %, three of them as fast as each other."""
    (table, *_) = build_tables(records, FACTS, ["table1"])
    figure = pareto.draw(table)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == len(pareto.points(table, "printed"))
    for number, box in enumerate(boxes):
        assert box.count_overlaps(boxes[:number]) == 0
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_memory_has_a_dot_for_each_probe_with_a_value(records):
    (group, *_) = [group for group in groups(records_frame(records)) if group.image_size == (612, 612)]
    (panel,) = memory.draw(group).axes
    dots = {dots.get_label(): dots.get_offsets()[:, 0].tolist() for dots in panel.collections[1:]}
    assert dots == {
        "host_peak_with_weights_mib": [512.0] * 3,  # the probe of the tables first
        "host_peak_over_idle_mib": [500.0] * 3,
        "weights_mib": [12.0] * 3,
    }
    assert texts(memory.draw(group)) == ["512"] * 3


def test_memory_is_in_falling_order_and_of_one_device():
    costs = [
        record("cost", name, device=GPU, figures=cost(gpustat_mib=value))
        for name, value in (("isdnet", 1000.0), ("stdc", 3000.0), ("fctl", 2000.0))
    ]
    (group,) = groups(records_frame(costs))
    (panel,) = memory.draw(group).axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["stdc", "fctl", "isdnet"]
    assert [dots.get_label() for dots in panel.collections[1:]] == ["device_gpustat_mib"]


def test_classes_shows_numbers_and_leaves_absent_ones_blank(records):
    assert texts(classes.draw(records[:1])) == ["40", "–"]


def test_confusion_rows_are_shares():
    assert confusion.shares(((3, 1), (0, 0)))[0].tolist() == [0.75, 0.25]
    assert np.isnan(confusion.shares(((3, 1), (0, 0)))[1]).all()


def test_all_matrices_are_in_one_picture():
    whole = confusion.mosaic([np.full((2, 2), value) for value in (0.1, 0.2, 0.3)], across=2)
    assert whole.shape == (8, 8)
    assert [whole[top, left] for top, left in ((1, 0), (1, 4), (5, 0))] == [0.1, 0.2, 0.3]
    assert np.isfinite(whole).sum() == 12


def test_training_draws_the_curves_that_were_kept(records):
    panel = training.draw(records).axes[0]
    curves = [line.get_ydata() for line in panel.lines if len(line.get_ydata()) == 3]
    assert len(curves) == 3
    assert curves[0][0] < curves[0][1] < curves[0][2]  # the axis points down: the loss falls
    assert texts(training.draw(records))[0] == "3 to 1.5  [1.5, 3]"
    assert training.draw([record("accuracy", "isdnet")]) is None


def test_only_costs_at_the_papers_pixels_make_a_curve(records):
    """A table's cell on a small image of the world has patches of another size."""
    names = [name for name, _ in figures(records, []) if name.startswith("sizes")]
    assert names == ["sizes-1", "sizes-1-a-b-c-x-1-script", "sizes-1-isdnet", "sizes-1-stdc"]
    assert [
        name for name, _ in figures([one for one in records if one.cell.paper_dataset], []) if "sizes" in name
    ] == []


def test_one_system_has_its_growth_and_the_largest_that_fits(records):
    own = [one for one in records if one.cell.system == "isdnet" and one.cell.paper_dataset == ""]
    figure = sizes.draw_one("isdnet", own)
    latency, memory_ = figure.axes
    assert latency.get_title() == "grows as pixels ** 1.00 (R2 1.000, n = 3)"
    assert memory_.get_title().startswith("grows as pixels ** 0.00")
    points, line = latency.lines
    assert line.get_ydata() == pytest.approx(points.get_ydata())
    assert "largest that fits: 2048x2048; 4096x4096 does not" in figure.get_supxlabel()
    assert sizes.draw_one("isdnet", own[:1]) is None


def test_sizes_draws_growth_and_marks_where_memory_ended(records):
    figure = sizes.draw(records_frame([one for one in records if one.cell.paper_dataset == ""]))
    first = figure.axes[0].lines
    assert sorted(line.get_label() for line in first if not line.get_label().startswith("_")) == sorted(NAMES)
    assert [line.get_marker() for line in first].count("x") == 1


def test_names_at_the_ends_of_lines_cover_neither_each_other_nor_the_title():
    assert sizes.apart([0.2, 0.5]) == [0.2, 0.5]
    assert sizes.apart([0.2, 0.21, 0.22], 0.1) == pytest.approx([0.2, 0.3, 0.4])
    assert sizes.apart([0.9, 0.95, 1.0], 0.1) == pytest.approx([0.8, 0.9, 1.0])


def test_the_same_records_give_the_same_bytes(records, tmp_path):
    figure = classes.draw(records)
    first, second = write(figure, tmp_path / "1", "a"), write(figure, tmp_path / "2", "a")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_lines_of_a_long_title_fit_the_figure(records):
    (table, *_) = build_tables(records, FACTS, ["table1"])
    figure = pareto.draw(dataclasses.replace(table, title="Table 1 of the paper: " + "a long subject " * 20))
    figure.draw_without_rendering()
    title = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= title.x0 < title.x1 <= figure.bbox.x1
    assert title.y1 <= figure.bbox.y1


def test_untrained_nets_have_no_figure_but_their_cost(records):
    hardly = [
        one.model_copy(update={"accuracy": accuracy().model_copy(update={"iterations": 8})}) if one.accuracy else one
        for one in records
        if one.cell.paper_dataset
    ]
    assert [name for name, _ in figures(hardly, [])] == ["memory-deepglobe"]


def test_a_figure_that_shows_a_part_says_so():
    many = [record("accuracy", f"system{index}") for index in range(50)]
    assert "The first 40 of 50." in classes.draw(many).get_supxlabel()
    assert "The first 16 of 50." in confusion.draw(many).get_supxlabel()


def test_a_speed_plot_joins_the_printed_value_with_ours_in_the_order_of_ours():
    systems = {"stdc": 50.0, "isdnet": 30.0, "bisenetv1": 40.0, "ppn": 20.0}
    facts = [SystemFacts(name, name, "library", 1, rows=(f"table1/{name}",)) for name in systems]
    costs = [record("cost", name, figures=cost(median_ms=1000.0 / fps)) for name, fps in systems.items()]
    (table,) = build_tables(costs, facts, ["table1"])
    assert speed.speeds(table) == [  # PPN's printed value is quoted from another paper
        ("bisenetv1", 14.20, pytest.approx(40.0)),
        ("stdc", 14.00, pytest.approx(50.0)),
        ("isdnet", 27.70, pytest.approx(30.0)),
    ]
    figure = speed.draw(table)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["isdnet", "bisenetv1", "stdc"]
    (table,) = build_tables(costs[:2], facts, ["table1"])
    assert speed.draw(table) is None
