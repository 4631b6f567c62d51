"""The short recipe: what all systems share, what each keeps of its own, and what refiners start from."""

from dataclasses import replace

import pytest

from benchmark import registry
from benchmark.card import Recipe
from benchmark.run.options import RunOptions
from benchmark.run.plan import plan
from benchmark.run.profiles import SAME_NET, SLOW, profile
from benchmark.run.short_recipe import within
from results.paper import paper_table

SHARED = (
    "optimizer",
    "learning_rate",
    "weight_decay",
    "batch",
    "poly_power",
    "photometric",
    "rotate",
    "settle_batches",
)


def planned(table="table1", dataset="synthetic", dataset_info=None, **changes):
    info = dataset_info or registry.dataset(dataset).info
    settings = {"profile": profile("desk"), "dataset": info, "image_size": (612, 612), "ratio": 0.25}
    return plan(paper_table(table), RunOptions(**{**settings, "kinds": ("accuracy",), **changes}))


def test_all_systems_of_a_table_train_alike_and_keep_their_crops():
    jobs = {job.cell.system: job for job in planned()}
    assert len({tuple(getattr(job.recipe, name) for name in SHARED) for job in jobs.values()}) == 1
    assert {job.cell.recipe for job in jobs.values()} == {"short"}
    for name, job in jobs.items():
        own = next(iter(registry.card(name).recipes.values())).on("deepglobe")
        assert (job.recipe.crop, job.recipe.resize) == (own.crop, own.resize)


def test_stages_keep_their_shares_and_nothing_of_their_optimisers():
    (job,) = planned(systems=("glnet",))
    own = registry.card("glnet").recipes["paper"].on("deepglobe")
    assert {stage: settings["iterations"] for stage, settings in job.recipe.stages.items()} == {
        stage: own.during(stage).iterations for stage in own.stages
    }
    assert all(job.recipe.during(stage).learning_rate == job.recipe.learning_rate for stage in job.recipe.stages)


def test_a_refiner_starts_from_the_trained_weights_of_its_base_and_trains_its_own_stages():
    base, refiner = planned(systems=("cascadepsp",))
    assert base.cell.system == refiner.card.base
    assert refiner.base_weights == base.weights
    assert refiner.cell.base_key == base.cell.key
    assert list(refiner.recipe.stages) == ["refinement"]
    other, _ = planned(systems=("cascadepsp",), seeds=range(1), recipe_changes={"learning_rate": 0.1})
    assert other.cell.key != base.cell.key


def test_a_refiner_with_another_recipe_trains_its_base_itself():
    (job,) = planned(systems=("cascadepsp",), recipe="paper")
    assert (job.base_weights, job.cell.base_key) == (None, "")


def test_a_dataset_says_what_suits_it_for_all_systems():
    (hrf,) = planned("hrf", "hrf", systems=("stdc",))
    assert not hrf.recipe.photometric
    assert hrf.recipe.crop_classes == (1, 2)
    (street,) = planned("table3", systems=("stdc",))  # the synthetic dataset stands for Cityscapes here
    assert street.recipe.rotate == "none"


def test_class_weights_of_a_dataset_hold_for_all_systems():
    info = replace(registry.dataset("hrf").info, name="mine")  # as a card file describes it
    weighted = replace(info, training=replace(info.training, class_weights=(0.2, 1.0, 1.0)))
    plain, weighted_jobs = (
        {job.cell.system: job for job in planned("table1", systems=("stdc", "cascadepsp"), dataset_info=one)}
        for one in (info, weighted)
    )
    assert weighted_jobs.keys() == {"stdc", "deeplabv3plus-global", "cascadepsp"}
    assert {job.recipe.class_weights for job in weighted_jobs.values()} == {(0.2, 1.0, 1.0)}
    assert plain["stdc"].cell.key != weighted_jobs["stdc"].cell.key


@pytest.mark.parametrize("changes", [{"learning_rate": 0.1}, {"crop": (100.0, 100.0)}], ids=lambda one: next(iter(one)))
def test_what_the_user_overrides_is_executed_and_in_the_key(changes):
    (plain,) = planned(systems=("glnet",))
    (changed,) = planned(systems=("glnet",), recipe_changes=changes)
    for stage in changed.recipe.stages:
        assert all(getattr(changed.recipe.during(stage), name) == value for name, value in changes.items())
    assert changed.cell.key != plain.cell.key


@pytest.mark.parametrize(("name", "source"), SAME_NET.items())
def test_the_first_run_trains_a_net_of_two_rows_once(name, source):
    card, other = registry.card(name), registry.card(source)
    assert (card.parameters, card.backbone, card.variant) == (other.parameters, other.backbone, other.variant)
    trained, job = planned(profile=profile("first"), ratio=0.125, systems=(name,))
    assert trained.cell.system == source
    assert (trained.trains, job.trains) == (True, False)
    assert (job.base_weights, job.cell.base_key) == (trained.weights, trained.cell.key)
    assert job.cell.key != trained.cell.key
    (alone,) = planned(systems=(name,))  # profile desk trains each row
    assert alone.trains


def test_no_crop_is_larger_than_the_images():
    jobs = {job.cell.system: job for job in planned(image_size=(128, 250))}  # 512x1000 of the paper's pixels
    assert jobs["isdnet"].recipe.crop == (512, 1000)
    assert jobs["unet-local"].recipe.crop == (512, 512)
    assert all(max(job.recipe.crop) <= 1000 for job in jobs.values())
    assert {stage["crop"] for stage in jobs["glnet"].recipe.stages.values() if "crop" in stage} <= {(512, 1000)}
    assert within(Recipe(source="", crop=(600, 600), iterations=1, batch=1, resize=(0.5, 2.0)), 300, 200).crop == (
        600,
        400,
    )


def test_a_profile_may_change_the_recipe_and_the_user_has_the_last_word():
    quick = replace(profile("desk"), recipe_changes={"learning_rate": 3e-3})
    assert {job.recipe.learning_rate for job in planned(profile=quick) if not job.card.is_reference} == {3e-3}
    assert planned(profile=quick, recipe_changes={"learning_rate": 1e-4})[0].recipe.learning_rate == 1e-4
    assert quick.hash != profile("desk").hash


def test_the_first_run_trains_slow_systems_only_if_they_are_named_and_then_less():
    first = profile("first")
    table = planned(profile=first, kinds=("accuracy", "cost"))
    trained, timed = ({job.cell.system for job in table if job.cell.kind == kind} for kind in ("accuracy", "cost"))
    assert timed - trained == set(SLOW)
    assert planned(profile=first, kinds=("cost",)) == [job for job in table if job.cell.kind == "cost"]
    iterations = {job.cell.system: job.profile.iterations for job in planned(profile=first, systems=tuple(timed))}
    assert {name for name, number in iterations.items() if number < 100} == set(SLOW)


def test_a_refiner_starts_from_the_row_of_its_base_which_may_share_its_weights_too():
    first = planned(profile=profile("first"), systems=("deeplabv3plus-global", "cascadepsp"))
    chain = {job.cell.key: job for job in first}
    refiner = next(job for job in first if job.cell.system == "cascadepsp")
    base = chain[refiner.cell.base_key]
    assert base.cell.system == "deeplabv3plus-global"
    assert chain[base.cell.base_key].cell.system == "deeplabv3plus-local"
    assert sum(job.trains for job in chain.values()) == 2
