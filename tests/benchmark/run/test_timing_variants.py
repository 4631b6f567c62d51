import numpy as np
import pytest

from benchmark import registry
from benchmark.errors import UnknownNameError
from benchmark.run.cost_cell import image_of
from benchmark.run.options import RunOptions
from benchmark.run.plan import plan
from benchmark.run.profiles import profile
from benchmark.run.timing_variants import timing_variant
from benchmark.system import IMAGENET_MEAN, IMAGENET_STD
from results.cell import Protocol
from results.paper import paper_table


def protocol_of(kind="cost", **changes):
    info = registry.dataset("synthetic").info
    settings = {
        "profile": profile("smoke"),
        "dataset": info,
        "image_size": (1024, 2048),
        "systems": ("isdnet",),
        "kinds": (kind,),
    }
    (job,) = plan(paper_table("table1"), RunOptions(**{**settings, **changes}))
    return job.cell.protocol


def test_the_official_script_times_swapped_noise_of_four_fifths_up_to_enlarged_logits():
    made = protocol_of(timing="official-fps-script")
    assert (made.evaluated_scale, made.height, made.width) == (0.8, 1638, 819)
    assert (made.input, made.timed_regions) == ("noise", ("full_logits", "predict"))


def test_full_scale_is_the_image_itself_in_the_regions_of_the_profile():
    made = protocol_of()
    assert (made.evaluated_scale, made.height, made.width) == (1.0, 1024, 2048)
    assert (made.input, made.timed_regions) == ("synthetic-land", profile("smoke").timed_regions)


def test_accuracy_is_scored_at_full_scale_and_in_one_layout_whatever_is_timed():
    made = protocol_of("accuracy", timing="official-fps-script", switches={"channels_last": True, "tf32": True})
    assert (made.evaluated_scale, made.height, made.channels_last, made.tf32) == (1.0, 1024, False, True)


@pytest.mark.parametrize("switch", ["tf32", "cudnn_benchmark", "channels_last", "deterministic"])
def test_each_switch_is_a_field_and_changes_the_hash(switch):
    made = protocol_of(switches={switch: True})
    assert getattr(made, switch) is True
    assert made.hash != protocol_of().hash


def test_an_unknown_protocol_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="did you mean 'full-scale'"):
        timing_variant("fullscale")


def test_noise_is_gaussian_once_normalised_but_for_the_tails():
    noise = image_of(Protocol(kind="cost", height=64, width=96, input="noise"))
    assert (noise.dtype, noise.shape) == (np.uint8, (64, 96, 3))
    normalised = (noise / 255 - IMAGENET_MEAN) / IMAGENET_STD
    assert np.abs(np.median(normalised, axis=(0, 1))).max() < 0.05
    assert normalised.std(axis=(0, 1)) == pytest.approx([1, 1, 1], abs=0.08)
    assert np.array_equal(noise, image_of(Protocol(kind="cost", height=64, width=96, input="noise")))
