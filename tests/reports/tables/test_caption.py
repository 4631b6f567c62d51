import pytest

from reports.tables.caption import caption, is_untrained, limitations, setup, title
from reports.tables.columns import measures
from reports.tables.frame import records_frame
from reports.tables.groups import groups
from results.cell import METRIC_VERSION
from results.paper import paper_table
from results.training import Training
from tests.results.records import accuracy, record

FULL = {"height": 2448, "width": 2448}


def the_group(*records):
    (group,) = groups(records_frame(records))
    return group


def lines(group, name="table1"):
    return caption(paper_table(name), group)


def explained(group, name="table1"):
    """The caption and the details on how ours were measured."""
    paper = paper_table(name)
    return " ".join([*caption(paper, group), *setup(paper, group, measures(paper, group))])


def on_deepglobe(images=142, train_images=454, weights="imagenet: file", **changes):
    figures = accuracy(images=images, train_images=train_images, weights=weights)
    settings = {"dataset": "deepglobe", "profile": "paper", "protocol_changes": FULL, **changes}
    return the_group(record("accuracy", "isdnet", figures=figures, **settings))


def of_iterations(**counts):
    return the_group(
        *(
            record("accuracy", name, figures=accuracy().model_copy(update={"iterations": count}))
            for name, count in counts.items()
        ),
        *(record("cost", name) for name in counts),
    )


def test_the_caption_has_two_lines_with_data_profile_and_hardware():
    first, second = lines(the_group(record("accuracy", "isdnet"), record("cost", "isdnet")))
    assert first == (
        "Ours: synthetic images of 612x612 pixels (8 for training, 4 scored), seed 0 (n = 1); profile smoke, recipe "
        "paper; fp32 on Test CPU (2 CPU threads)."
    )
    assert "FPS and memory are not comparable with the paper's: another machine" in second
    first, _ = lines(the_group(record("cost", "isdnet")))
    assert "612x612 pixels, no accuracy measured; profile smoke" in first


def test_untrained_nets_are_called_untrained_in_the_caption():
    _, second = lines(of_iterations(isdnet=8, stdc=4))
    assert second.startswith(
        "Our nets are UNTRAINED (4 to 8 training iterations): their accuracy means nothing. FPS and memory are not"
    )
    _, second = lines(of_iterations(isdnet=99, stdc=100))
    assert second.startswith("'untrained': 99 training iterations, too few for an accuracy to mean anything. Acc")
    assert "untrained" not in explained(of_iterations(isdnet=100, stdc=100)).lower()


def test_the_details_say_how_ours_were_measured():
    text = explained(the_group(record("accuracy", "isdnet"), record("cost", "isdnet")))
    for part in (
        "split test", "random (1 system)", f"metric version {METRIC_VERSION}", "commit 0123456789", "2026-11-22",
        "RTX 2080 Ti",
        record("accuracy", "isdnet").protocol_hash, record("cost", "isdnet").protocol_hash,
        "mean IoU of six classes (all but unknown)", "1 / median latency of predict",
        "95 % interval of the median over 6 calls in 1 processes of this machine",
        "one seed (n = 1), so the variance of trainings is unknown",
    ):  # fmt: skip
        assert part in text


def test_systems_that_trained_for_longer_or_shorter_are_named():
    text = explained(of_iterations(isdnet=24, stdc=24, glnet=6))
    assert "training iterations: 24, 6 for glnet; initial" in text


def test_synthetic_images_are_never_passed_off_as_the_papers_data():
    group = the_group(record("accuracy", "isdnet"))
    paper = paper_table("table1")
    assert title(paper, group) == ("Table 1 of the paper: comparison on DeepGlobe – ours: synthetic images of 612x612")
    assert "Accuracy is not comparable with the paper's: synthetic images of 612x612" in explained(group)


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, ""),
        ({"images": 3}, "part of DeepGlobe: 3 of 142 test and 454 of 454 training images"),
        ({"train_images": 9}, "part of DeepGlobe: 142 of 142 test and 9 of 454 training images"),
        ({"split": "holdout"}, "DeepGlobe, split 'holdout', which is not an official one"),
        ({"split": "val"}, "part of DeepGlobe: 142 of 207 val and 454 of 454 training images"),
    ],
)
def test_a_part_of_a_dataset_is_called_a_part(changes, limit):
    group = on_deepglobe(**changes)
    assert limitations(group) == limit
    assert limit in title(paper_table("table1"), group)
    assert limit in explained(group)


def test_a_full_run_of_the_papers_schedule_claims_no_limit():
    text = explained(on_deepglobe())
    assert "not comparable" not in text
    assert title(paper_table("table1"), on_deepglobe()) == "Table 1 of the paper: comparison on DeepGlobe"


def test_random_weights_and_short_training_are_limits():
    assert "training from random weights" in explained(on_deepglobe(weights="random: no file"))
    assert "training shortened by profile lite" in explained(on_deepglobe(profile="lite"))


def test_another_definition_of_miou_is_stated():
    group = the_group(record("accuracy", "isdnet", protocol_changes={"height": 1250, "width": 1250}))
    text = explained(group, "table2")
    assert "IoU of the building class in the paper's column and the mean IoU of six classes" in text
    assert "another definition of mIoU" in text


def test_several_seeds_commits_and_days_are_listed():
    records = [
        record("accuracy", "isdnet", seed=0),
        record("accuracy", "isdnet", seed=1, created="2026-11-24T01:00:00+00:00"),
    ]
    text = explained(the_group(*records))
    assert "seeds 0, 1 (n = 2)" in text
    assert "median ± standard deviation over n seeds" in text
    assert "over the images" in text
    assert "2026-11-22 to 2026-11-24" in text


def test_the_evaluated_scale_is_stated():
    text = explained(the_group(record("cost", "isdnet", protocol_changes={"evaluated_scale": 0.8})))
    assert "Images enter a system at 0.8 of their side" in text


def test_failures_alone_state_that_nothing_was_measured():
    text = explained(the_group(record("accuracy", "isdnet", status="oom", reason="too large")))
    assert "Accuracy: none was measured." in text
    assert "Cost: none was measured." in text


def trained_by(*facts, systems=("isdnet", "stdc"), **changes):
    """A group of systems, each trained with one of ``facts``."""
    records = []
    for name, training in zip(systems, facts, strict=True):
        figures = accuracy().model_copy(update={"iterations": 300, "training": training})
        records.append(record("accuracy", name, figures=figures, profile="desk", recipe="short", **changes))
    return the_group(*records)


def details(group):
    return " ".join(setup(paper_table("table1"), group, measures(paper_table("table1"), group)))


TRAINING = Training(
    batch=4,
    crop=(306, 306),
    optimizer="adamw",
    learning_rate=1e-3,
    rotate="right-angles",
    photometric=False,
    max_class_share=1.0,
    crop_classes=("artery", "vein"),
    settle_batches=16,
)


def test_the_caption_says_what_the_user_changed_and_the_details_what_all_trainings_share():
    group = trained_by(TRAINING, TRAINING, overrides=("--batch 4", "--learning-rate 0.001"))
    first, second = lines(group)
    assert "profile desk, recipe short with --batch 4 --learning-rate 0.001; fp32" in first
    assert second.startswith("Accuracy is not")
    assert (
        "Training: horizontal flips, turns by right angles, colours as they are; every crop holds artery or vein if "
        "one is found in ten draws; batch norm settled on 16 batches at the end." in details(group)
    )


def test_what_differs_between_systems_stands_in_the_details():
    group = trained_by(TRAINING, TRAINING.model_copy(update={"crop": (64, 64), "photometric": True}))
    assert "Training: horizontal flips, turns by right angles; every" in details(group)
    assert (
        "Training settings: adamw, learning rate 0.001, batch 4, crops of 306x306 (isdnet); adamw, learning rate "
        "0.001, batch 4, crops of 64x64 (stdc)." in details(group)
    )


def test_the_details_say_how_often_crops_were_drawn_for_a_class():
    weighted = TRAINING.model_copy(
        update={"crop_classes": (), "class_weights": (("background", 0.25), ("artery", 0.75))}
    )
    told = "each crop is drawn for one class until it holds it, ten times at most; how often for which: background 0.25"
    assert f"{told}, artery 0.75; batch norm" in details(trained_by(weighted, weighted))
    assert "is drawn for one class" not in details(trained_by(TRAINING, TRAINING))


def test_shared_weights_are_said_and_are_not_untrained():
    group = the_group(
        record(
            "accuracy", "unet-local", figures=accuracy().model_copy(update={"iterations": 150, "training": TRAINING})
        ),
        record("accuracy", "unet-global", figures=taken_over("shared: unet-local-0123456789ab.safetensors")),
        record("accuracy", "dgf", figures=taken_over("base: hrnet-ocr-0123456789ab.safetensors")),
    )
    told = "Weights: unet-global scored with the weights of unet-local; dgf refines the trained hrnet-ocr."
    assert told in explained(group)
    assert "untrained" not in explained(group).lower()
    assert not is_untrained(group)


def test_weights_of_an_untrained_net_are_untrained():
    group = the_group(
        record("accuracy", "unet-local", figures=accuracy().model_copy(update={"iterations": 8})),
        record("accuracy", "unet-global", figures=taken_over("shared: unet-local-0123456789ab.safetensors")),
    )
    assert is_untrained(group)


def taken_over(weights):
    return accuracy(weights=weights).model_copy(update={"iterations": 0})


def test_the_ratio_of_reduced_images_is_said():
    group = the_group(record("accuracy", "isdnet", dataset="bracol", paper_dataset="bracol", image_ratio=0.5))
    assert "bracol of 612x612 pixels, 0.5 of the images' sides (" in lines(group, "bracol")[0]
