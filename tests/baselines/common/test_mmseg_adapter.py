"""mmsegmentation's nets behind the contract: sizes, heads, losses, initialisation."""

import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from baselines import bisenetv1, bisenetv2, deeplabv3, deeplabv3plus, icnet, pspnet, segformer, stdc, unet
from baselines.common.mmseg_adapter import build_module, install_mmcv_stub, library_config
from benchmark import registry
from benchmark.inference import pad_to

# Parameters for 2, 7 and 19 classes without training heads, and for 7 classes with them: measured on the library's own
# nets when the project was planned, independently of this code.
SIZES = {
    "stdc": (8_270_754, 8_272_039, 8_275_123, 8_568_378),
    "bisenetv1": (13_271_170, 13_272_455, 13_275_539, 13_421_077),
    "bisenetv2": (3_341_458, 3_346_583, 3_358_883, 14_775_587),
    "deeplabv3": (13_835_362, 13_836_007, 13_837_555, 13_984_046),
    "pspnet": (12_639_074, 12_639_719, 12_641_267, 12_787_758),
    "icnet": (24_871_874, 24_872_519, 24_874_067, 25_169_749),
    "segformer-b0": (3_715_682, 3_716_967, 3_720_051, 3_716_967),
    "deeplabv3plus-r50d8-local": (41_216_466, 41_219_031, 41_225_187, 43_580_638),
    "unet-s5-local": (28_986_690, 28_987_015, 28_987_795, 29_061_326),
}
# Logits' stride and the names of the loss terms, as the configurations have them.
SHAPES = {
    "stdc": (8, {"decode.loss_ce", "aux0.loss_ce", "aux1.loss_ce", "aux2.loss_ce", "aux2.loss_dice"}),
    "bisenetv1": (8, {"decode.loss_ce", "aux0.loss_ce", "aux1.loss_ce"}),
    "bisenetv2": (8, {"decode.loss_ce", *(f"aux{index}.loss_ce" for index in range(4))}),
    "deeplabv3": (8, {"decode.loss_ce", "aux.loss_ce"}),
    "pspnet": (8, {"decode.loss_ce", "aux.loss_ce"}),
    "icnet": (8, {"decode.loss_ce", "aux0.loss_ce", "aux1.loss_ce"}),
    "segformer-b0": (4, {"decode.loss_ce"}),
    "deeplabv3plus-r50d8-local": (4, {"decode.loss_ce", "aux.loss_ce"}),
    "unet-s5-local": (1, {"decode.loss_ce", "aux.loss_ce"}),
}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def build(name, classes):
    return registry.build(registry.card(name), classes)


@pytest.fixture(scope="module")
def nets():
    """Each net once, for 7 classes."""
    return {name: build(name, 7) for name in SIZES}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_parameters_with_and_without_training_heads(nets, name):
    *lean, trained = SIZES[name]
    forms = (build(name, 2), nets[name], build(name, 19))
    assert [count(net.inference_form()) for net in forms] == lean
    assert count(nets[name]) == trained


@pytest.mark.parametrize("name", SHAPES)
def test_stride_of_logits_and_loss_terms(nets, name):
    stride, terms = SHAPES[name]
    net = nets[name]
    with torch.no_grad():
        assert net.eval()(torch.rand(1, 3, 64, 96)).shape == (1, 7, 64 // stride, 96 // stride)
        assert set(net.train().loss(torch.rand(2, 3, 64, 64), torch.ones(2, 64, 64, dtype=torch.int64))) == terms


def test_the_same_pspnet_on_smaller_images_costs_in_proportion_to_their_pixels():
    flops = {}
    for name in ("pspnet", "pspnet-half", "pspnet-quarter"):
        system = build(name, 19).inference_form().eval().to("meta")
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            system.logits(torch.empty(1, 3, 1024, 2048, device="meta"))
        flops[name] = counter.get_total_flops()
    assert flops["pspnet"] / flops["pspnet-half"] == pytest.approx(4, rel=0.01)
    assert flops["pspnet"] / flops["pspnet-quarter"] == pytest.approx(16, rel=0.02)


def test_icnet_makes_its_three_scales_of_the_image_itself(nets):
    seen = {}
    backbone = nets["icnet"].net.backbone

    def watch(name):
        return lambda _, inputs: seen.setdefault(name, []).append(tuple(inputs[0].shape[-2:]))

    hooks = [backbone.conv_sub1[0].register_forward_pre_hook(watch("full"))]
    hooks += [backbone.backbone.stem.register_forward_pre_hook(watch("half"))]
    hooks += [backbone.backbone.layer3.register_forward_pre_hook(watch("quarter, at 1/8"))]
    with torch.no_grad():
        nets["icnet"].eval()(torch.rand(1, 3, 128, 192))
    for hook in hooks:
        hook.remove()
    assert seen == {"full": [(128, 192)], "half": [(64, 96)], "quarter, at 1/8": [(4, 6)]}


def test_deeplabv3_sees_at_the_rates_of_the_configuration(nets):
    head = nets["deeplabv3"].net.decode_head
    found = {part.dilation for part in head.aspp_modules.modules() if isinstance(part, torch.nn.Conv2d)}
    assert found == {(rate, rate) for rate in (1, 12, 24, 36)}


def test_unet_pads_what_its_sixteen_do_not_divide_and_crops_it_back(nets):
    net, picture = nets["unet-s5-local"].eval(), torch.rand(1, 3, 37, 53)
    with torch.no_grad():
        wanted = net(pad_to(picture, 16))[..., :37, :53]
        assert torch.equal(net.logits(picture), wanted)
    assert net.work == {"passes": 1, "padded_rows": 11, "padded_columns": 11}


def test_weights_of_loss_terms_are_the_configurations(nets):
    assert [head.loss_decode.loss_weight for head in nets["icnet"].net.auxiliary_head] == [0.4, 0.4]
    assert nets["pspnet"].net.auxiliary_head.loss_decode.loss_weight == 0.4
    assert nets["stdc"].net.decode_head.sampler.min_kept == 10_000  # of the hardest pixels


def test_inference_form_shares_weights_and_drops_training_heads(nets):
    net = nets["stdc"]
    lean = net.inference_form()
    assert lean.net.decode_head is net.net.decode_head
    assert not any("auxiliary" in name for name in lean.state_dict())
    assert any("auxiliary" in name for name in net.state_dict())


def test_heads_are_initialised_as_the_library_says(nets):
    weight = nets["pspnet"].net.decode_head.conv_seg.weight
    assert 0.008 < float(weight.detach().std()) < 0.012  # torch's own default would give 0.05
    assert not nets["pspnet"].net.decode_head.conv_seg.bias.any()


def test_stdc_labels_use_the_heads_own_corners(nets):
    net, image = nets["stdc"].eval(), torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        enlarged = torch.nn.functional.interpolate(net(image), (64, 96), mode="bilinear", align_corners=True)
        assert torch.equal(net.predict(image).long(), enlarged.argmax(1))


def test_the_detail_head_keeps_two_classes(nets):
    assert nets["stdc"].net.auxiliary_head[2].num_classes == 2
    assert nets["stdc"].net.auxiliary_head[0].num_classes == 7


@pytest.mark.parametrize(
    "config",
    [module.CONFIG for module in (bisenetv1, bisenetv2, deeplabv3, icnet, pspnet, segformer, stdc)]
    + [unet.S5_CONFIG, deeplabv3plus.STRIDE8_CONFIG],
)
def test_configurations_name_the_card_they_come_from(config):
    assert library_config(config)["type"] == "EncoderDecoder"
    assert any(card.source.endswith(config) for card in registry.cards().values())


def test_a_part_can_be_built_alone_without_network_and_with_plain_batch_norm():
    backbone = {
        "type": "ResNetV1c",
        "depth": 18,
        "norm_cfg": {"type": "SyncBN"},
        "init_cfg": {"type": "Pretrained", "checkpoint": "https://nowhere.invalid/x.pth"},
    }
    module = build_module(backbone)
    kinds = {type(part) for part in module.modules()}
    assert torch.nn.BatchNorm2d in kinds
    assert torch.nn.SyncBatchNorm not in kinds
    assert backbone["norm_cfg"] == {"type": "SyncBN"}  # the caller's configuration is left alone


def test_compiled_ops_say_what_they_are():
    install_mmcv_stub()
    with pytest.raises(RuntimeError, match="'nms' is a compiled op of mmcv"):
        sys.modules["mmcv._ext"].nms()
