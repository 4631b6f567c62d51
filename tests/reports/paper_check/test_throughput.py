import pytest

from reports.paper_check.throughput import _throughput, describe, throughputs
from results.paper import Printed

FOUND = {item.method: item for item in throughputs()}


def test_isdnets_speeds_agree_only_if_deepglobe_and_inria_were_timed_at_a_reduced_size():
    isdnet = FOUND["ISDNet"]
    assert isdnet.verdict == "one throughput only at these scales"
    assert describe(isdnet.scales) == "DeepGlobe 0.8x, Inria Aerial 0.8x, Cityscapes 1.0x"
    assert isdnet.full_size["table1"] == pytest.approx(27.70 * 2448**2 / 1e6)
    assert isdnet.at_scales["table1"] == pytest.approx(27.70 * 1958**2 / 1e6)
    assert isdnet.at_scales["table3"] == pytest.approx(50.79 * 1024 * 2048 / 1e6)
    assert isdnet.ratio_full_size > 1.6
    assert 1.0 < isdnet.ratio_at_scales < 1.05


def test_nets_whose_speeds_agree_as_printed():
    assert FOUND["BiSeNetV1"].verdict == FOUND["FCN-8s"].verdict == "one throughput at full size"
    assert set(FOUND["BiSeNetV1"].scales.values()) == {1.0}


def test_nets_whose_speeds_agree_at_no_scale():
    slower = {"table1": Printed("10.0"), "table3": Printed("10.0")}  # 6.0 and 2.1 million pixels, 1.56 times at best
    assert _throughput("a net", slower).verdict == "no one throughput"


def test_methods_that_are_other_nets_on_each_dataset_are_left_out():
    assert not {"MagNet", "MagNet-Fast", "PointRend", "CascadePSP"} & set(FOUND)


def test_rounding_is_allowed_for():
    fctl = FOUND["FCtL"]  # 0.13 and 0.04 FPS: 0.78 and 1.00 megapixels/s as printed, 0.81 and 0.88 at the nearest
    assert fctl.ratio_full_size == pytest.approx(0.035 * 5000**2 / (0.135 * 2448**2), rel=1e-6)
    assert fctl.verdict == "one throughput at full size"


def test_local_inference_and_nets_of_one_table_are_left_out():
    assert "UNet" not in FOUND
    assert "PPN" not in FOUND
    assert FOUND["FCN-8s"].fps["table1"].text == "7.91"
