import pytest

from reports.tables.caption import caption, limitations, title
from reports.tables.columns import measures
from reports.tables.frame import records_frame
from reports.tables.groups import groups
from results.cell import METRIC_VERSION
from results.paper import paper_table
from tests.results.records import accuracy, record

FULL = {"height": 2448, "width": 2448}


def the_group(*records):
    (group,) = groups(records_frame(records))
    return group


def captioned(group, name="table1"):
    paper = paper_table(name)
    return caption(paper, group, measures(paper, group))


def on_deepglobe(images=142, train_images=454, weights="imagenet: file", **changes):
    figures = accuracy(images=images, train_images=train_images, weights=weights)
    settings = {"dataset": "deepglobe", "profile": "paper", "protocol_changes": FULL, **changes}
    return the_group(record("accuracy", "isdnet", figures=figures, **settings))


def test_the_caption_states_all_that_the_figures_rest_on():
    text = captioned(the_group(record("accuracy", "isdnet"), record("cost", "isdnet")))
    for part in (
        "synthetic world", "images of 612x612", "profile smoke", "recipe paper", "fp32 on Test CPU (2 CPU threads)",
        "4 images of split test scored after training on 8", "random (1)", "seed 0 (n = 1)",
        f"metric version {METRIC_VERSION}",
        record("accuracy", "isdnet").protocol_hash, record("cost", "isdnet").protocol_hash, "2026-11-22",
        "commit 0123456789", "RTX 2080 Ti", "mean IoU of six classes (all but unknown)",
    ):  # fmt: skip
        assert part in text


def test_systems_that_trained_for_longer_or_shorter_are_named():
    lengths = {"isdnet": 24, "stdc": 24, "glnet": 6}
    records = [
        record("accuracy", name, figures=accuracy().model_copy(update={"iterations": count}))
        for name, count in lengths.items()
    ]
    assert "training on 8 for 24 iterations, 6 for glnet; systems" in captioned(the_group(*records))


def test_a_synthetic_world_is_never_passed_off_as_the_papers_data():
    group = the_group(record("accuracy", "isdnet"))
    paper = paper_table("table1")
    assert title(paper, group) == ("Table 1 of the paper: comparison on DeepGlobe – ours: synthetic world of 612x612")
    assert "Accuracy is not comparable with the paper's: synthetic world of 612x612" in captioned(group)


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, ""),
        ({"images": 3}, "part of DeepGlobe: 3 of 142 test and 454 of 454 training images"),
        ({"train_images": 9}, "part of DeepGlobe: 142 of 142 test and 9 of 454 training images"),
        ({"split": "holdout"}, "DeepGlobe, split 'holdout', which is none of the official ones"),
        ({"split": "val"}, "part of DeepGlobe: 142 of 207 val and 454 of 454 training images"),
    ],
)
def test_a_part_of_a_dataset_is_called_a_part(changes, limit):
    group = on_deepglobe(**changes)
    assert limitations(group) == limit
    assert limit in title(paper_table("table1"), group)
    assert limit in captioned(group)


def test_a_full_run_of_the_papers_schedule_claims_no_limit():
    text = captioned(on_deepglobe())
    assert "not comparable" not in text
    assert title(paper_table("table1"), on_deepglobe()) == "Table 1 of the paper: comparison on DeepGlobe"


def test_random_weights_and_short_training_are_limits():
    assert "random weights before training" in captioned(on_deepglobe(weights="random: no file"))
    assert "shortened training of profile lite" in captioned(on_deepglobe(profile="lite"))


def test_another_definition_of_the_figure_is_stated():
    group = the_group(record("accuracy", "isdnet", protocol_changes={"height": 1250, "width": 1250}))
    text = captioned(group, "table2")
    assert "IoU of the building class for the paper's figures and the mean IoU of six classes" in text
    assert "another definition of the figure" in text


def test_several_seeds_commits_and_days_are_listed():
    records = [
        record("accuracy", "isdnet", seed=0),
        record("accuracy", "isdnet", seed=1, created="2026-11-24T01:00:00+00:00"),
    ]
    text = captioned(the_group(*records))
    assert "seeds 0, 1; n counts them" in text
    assert "2026-11-22 to 2026-11-24" in text


def test_the_evaluated_scale_is_stated():
    text = captioned(the_group(record("cost", "isdnet", protocol_changes={"evaluated_scale": 0.8})))
    assert "images of 612x612 evaluated at 0.8 of their side" in text


def test_failures_alone_state_that_nothing_was_measured():
    text = captioned(the_group(record("accuracy", "isdnet", status="oom", reason="too large")))
    assert "No accuracy was measured. " in text
    assert "No cost was measured." in text
