"""From tables to cells: which systems, which images, and what makes a cell another cell."""

import dataclasses

import pytest

from benchmark import registry
from benchmark.data.deepglobe import DeepGlobe
from benchmark.errors import UnknownNameError, UserError
from benchmark.run.options import RunOptions
from benchmark.run.plan import plan, recipe_of, reference_jobs, require_shares, size_of, split_of
from benchmark.run.profiles import profile
from benchmark.run.tables import systems_of, world_size
from results.paper import TABLE_NAMES, paper_table
from tests.benchmark.data.fakes import write_deepglobe

SMOKE = profile("smoke")
TRAIN, VAL, TEST = ("119", "266", "855"), ("2774", "16453"), ("606",)


def dataset(tmp_path, ids=(*TRAIN, *VAL, *TEST), size=(64, 64)):
    write_deepglobe(tmp_path, ids, size=size)
    return DeepGlobe(tmp_path)


def options(**changes):
    info = registry.dataset("synthetic").info
    return RunOptions(**{"profile": SMOKE, "dataset": info, "image_size": (612, 612), "ratio": SMOKE.ratio, **changes})


def test_cards_name_every_row_of_the_tables_and_no_other():
    rows = {f"{name}/{row.row}" for name in TABLE_NAMES for row in paper_table(name).rows}
    assert {row for card in registry.cards().values() for row in card.rows} == rows


def test_a_table_runs_the_first_system_of_each_row_in_its_order():
    names = systems_of(paper_table("table1"), registry.cards())
    assert names[:2] == ["unet-local", "fcn8s-local"]
    assert names[-1] == "isdnet"
    assert "unet-s5-local" not in names


def test_each_system_gets_an_accuracy_cell_per_seed_and_one_cost_cell():
    jobs = plan(paper_table("table1"), options(systems=("stdc", "isdnet"), seeds=range(3)))
    kinds = [(job.cell.system, job.cell.kind) for job in jobs]
    assert [kinds.count((name, kind)) for name in ("stdc", "isdnet") for kind in ("accuracy", "cost")] == [3, 1, 3, 1]
    assert len({job.cell.key for job in jobs}) == 8


def test_a_batch_that_devices_cannot_share_is_refused_before_anything_runs():
    with pytest.raises(UserError, match=r"--devices: a batch of 2 of stdc cannot be shared evenly by 3 devices"):
        require_shares([registry.card("stdc")], SMOKE, None, 3)
    require_shares([registry.card("stdc"), registry.card("constant")], SMOKE, "short", 2)


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_a_reference_is_scored_once_beside_every_table_by_no_recipe_of_the_nets(table):
    (job,) = reference_jobs(
        paper_table(table), options(seeds=range(3), recipe="short", recipe_changes={"learning_rate": 1.0})
    )
    assert (job.cell.system, job.cell.kind, job.cell.recipe) == ("constant", "accuracy", "counting")
    assert reference_jobs(paper_table(table), options(kinds=("cost",))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"hardware": "another CPU"},
        {"threads": 1},
        {"imagenet": {"stdc": ("stdc1.pth",)}},
        {"profile": dataclasses.replace(SMOKE, iterations=25)},
        {"ratio": 0.5},
        {"recipe": "library"},
        {"image_size": (600, 612)},
        {"precision": "bf16"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_a_figure_changes_the_key(changes):
    (one,) = plan(paper_table("table1"), options(systems=("stdc",), kinds=("accuracy",)))
    (other,) = plan(paper_table("table1"), options(systems=("stdc",), kinds=("accuracy",), **changes))
    assert one.cell.key != other.cell.key


def test_overrides_are_in_the_key_of_accuracy_and_leave_the_cost_as_it_is():
    plain, changed = (
        plan(paper_table("table1"), options(systems=("stdc",), overrides=words)) for words in ((), ("--crop 64x64",))
    )
    assert changed[0].cell.overrides == ("--crop 64x64",)
    assert [one.cell.key == other.cell.key for one, other in zip(plain, changed, strict=True)] == [False, True]


def test_pixels_on_a_card_scale_with_the_world():
    (job,) = plan(paper_table("table1"), options(systems=("unet-local",), kinds=("cost",)))
    assert (job.card.inference.patch, job.card.inference.overlap) == (128, 30)
    assert world_size(paper_table("table2"), SMOKE.ratio) == (1250, 1250)


def test_a_system_of_another_table_is_refused_and_its_rows_are_named():
    with pytest.raises(UserError, match="icnet: no row of table1; it belongs to table3/icnet"):
        plan(paper_table("table1"), options(systems=("icnet",)))


def test_a_neutral_table_takes_systems_of_any_table_and_shares_the_cells_of_a_printed_one():
    chosen = plan(paper_table("comparison-deepglobe"), options(systems=("icnet", "stdc")))
    assert [job.cell.system for job in chosen] == ["icnet", "icnet", "stdc", "stdc"]
    printed = plan(paper_table("table1"), options(systems=("stdc",)))
    assert {job.cell.key for job in printed} <= {job.cell.key for job in chosen}


def test_an_unknown_recipe_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'library'"):
        recipe_of(registry.card("stdc"), "librari")


def test_the_first_evaluation_split_with_images_is_scored(tmp_path):
    both = split_of(dataset(tmp_path / "both"), SMOKE, 0)
    assert (both.train, both.scored, both.scored_name) == (TRAIN, TEST, "test")
    val = split_of(dataset(tmp_path / "val", (*TRAIN, *VAL)), SMOKE, 0)
    assert (val.scored, val.scored_name) == (VAL, "val")


def test_held_out_images_are_not_trained_on(tmp_path):
    split = split_of(dataset(tmp_path, TRAIN), SMOKE, 1)
    assert (split.train, split.scored, split.scored_name) == (TRAIN[:2], TRAIN[2:], "holdout")
    with pytest.raises(UserError, match="--holdout 3: split 'train' has 3 images"):
        split_of(dataset(tmp_path, TRAIN), SMOKE, 3)


def test_the_size_on_record_is_that_of_the_files(tmp_path):
    assert size_of(dataset(tmp_path, size=(48, 80)), TEST) == (48, 80)
