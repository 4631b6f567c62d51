"""Against the official code: its outputs and losses for weights that both nets shared, and files in its layout.

The recorded values are those of cedricgsh/ISDNet at 7341335 on the weights of ``nets.numbered`` and these inputs.
"""

import re

import pytest
import torch
from safetensors.torch import save_file

from benchmark.errors import WeightsError
from benchmark.weights.convert import convert
from benchmark.weights.files import load_weights
from isdnet.cards import published_key
from isdnet.official_weights import official_key
from tests.isdnet.nets import CARD, image, net, numbered, target, without_dropout

OFFICIAL_LOGITS = {  # of image(131, 99), at the net's stride
    "[0, :, 8, 6]": [-3.1906354, -0.0542796, 7.1823025, -3.2128122, 5.1328158, 0.6787946, -0.3951403],
    "[0, 3, 0, :7]": [-1.2825494, -1.3638159, -1.3929127, -1.6546841, -2.0848093, -1.9350181, -1.6706035],
}
OFFICIAL_LOSSES = {  # of image(131, 99, 2) and target(131, 99, 2), in training, without dropout
    "segmentation": 2.2198191,
    "auxiliary_deep": 2.1673942,
    "auxiliary_fuse16": 2.2838385,
    "auxiliary_fuse8": 2.2077527,
    "auxiliary_stage3": 0.8935537,
    "super_resolution": 0.2417708,
    "structure_distillation": 1.1223065,
}


def test_logits_are_the_official_ones():
    with torch.inference_mode():
        logits = numbered("isdnet").inference_form().eval()(image(131, 99, 2)[:1])
    assert logits.shape == (1, 7, 17, 13)
    column, row = OFFICIAL_LOGITS.values()
    torch.testing.assert_close(logits[0, :, 8, 6], torch.tensor(column), rtol=0, atol=1e-4)
    torch.testing.assert_close(logits[0, 3, 0, :7], torch.tensor(row), rtol=0, atol=1e-4)


def test_losses_are_the_official_ones():
    terms = without_dropout(numbered("isdnet")).train().loss(image(131, 99, 2), target(131, 99, 2))
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(OFFICIAL_LOSSES, abs=1e-4)


def official_state(num_classes: int = 7):
    """A state dict with the keys of the official checkpoint, aliases included, and the numbered net's tensors."""
    own = numbered("isdnet", num_classes).state_dict()
    return {key: own[name] for key in official_names() if (name := official_key(key) or _alias(key)) in own}


BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def _bn(prefix):
    return [f"{prefix}.{part}" for part in BN]


def _conv_bn(*prefixes):
    return [name for prefix in prefixes for name in (f"{prefix}.conv.weight", *_bn(f"{prefix}.bn"))]


def _biased(*prefixes):
    return [f"{prefix}.{part}" for prefix in prefixes for part in ("weight", "bias")]


def _basic_block(prefix, down):
    names = [name for n in (1, 2) for name in (f"{prefix}.conv{n}.weight", *_bn(f"{prefix}.bn{n}"))]
    return names + ([f"{prefix}.downsample.0.weight", *_bn(f"{prefix}.downsample.1")] if down else [])


def _cat_bottleneck(prefix, down):
    names = _conv_bn(*(f"{prefix}.conv_list.{n}" for n in range(4)))
    return names + ([f"{prefix}.avd_layer.0.weight", *_bn(f"{prefix}.avd_layer.1")] if down else [])


def _deep_names():
    names = [f"backbone.stem.{n}.weight" for n in (0, 3, 6)] + [k for n in (1, 4, 7) for k in _bn(f"backbone.stem.{n}")]
    names += [k for n in (1, 2, 3, 4) for i in (0, 1) for k in _basic_block(f"backbone.layer{n}.{i}", n > 1 and i == 0)]
    names += _conv_bn("decode_head.image_pool.1", "decode_head.bottleneck", "auxiliary_head.convs.0")
    names += _conv_bn(*(f"decode_head.aspp_modules.{n}" for n in range(4)))
    return names + _biased("decode_head.conv_seg", "auxiliary_head.conv_seg")


def _shallow_names():
    names = _conv_bn("features.0", "features.1", "x2.0.0", "x4.0.1")
    for index, alias in {2: "x8.0", 3: "x8.0", 4: "x16.0", 5: "x16.0"}.items():
        for stage in ("features", alias):
            names += _cat_bottleneck(f"{stage}.{index}", down=index in (2, 4))
    return names


def _fusion_names():
    names = _conv_bn(*(f"sr_decoder.conv{n}" for n in (1, 2, 3)))
    for head in ("conv_seg", "conv_seg_aux_16", "conv_seg_aux_8", "sr_decoder.conv_sr"):
        names += _conv_bn(f"{head}.conv_bn_relu") + _biased(f"{head}.conv_out")
    for fuse in ("fuse8", "fuse16"):
        names += [f"{fuse}.g1", f"{fuse}.g2", *_conv_bn(f"{fuse}.context_head", f"{fuse}.smooth")]
        for side in (f"{fuse}.spatial", f"{fuse}.context"):
            names += _biased(f"{side}_mlp.0", f"{side}_mlp.2")
            names += _conv_bn(f"{side}_att.conv_bn_relu", f"{side}_att.conv_1x1")
    return names


def official_names():
    """The 560 keys of the official checkpoint."""
    shallow = [f"refine_head.stdc_net.{name}" for name in _shallow_names()]
    return _deep_names() + shallow + [f"refine_head.{name}" for name in _fusion_names()]


def _alias(key: str) -> str:
    """Our name of the tensor that an alias of the official checkpoint names once more."""
    return official_key(re.sub(r"stdc_net\.x\d+\.0\.", "stdc_net.features.", key))


def test_every_key_of_the_official_checkpoint_has_a_place():
    names = official_names()
    assert len(names) == len(set(names)) == 560  # counted on the official net
    mapped = [official_key(name) for name in names]
    assert mapped.count(None) == 120
    assert sorted(key for key in mapped if key) == sorted(net("isdnet").state_dict())
    assert published_key("refine_head.fuse8.g1") == "fuse8.modulate_shallow.alpha"


@pytest.mark.slow
def test_an_official_checkpoint_converts_without_rest(tmp_path):
    official, out = tmp_path / "iter_80000.pth", tmp_path / "isdnet.safetensors"
    torch.save({"meta": {"epoch": 1}, "state_dict": official_state(2)}, official)
    report = convert(CARD["isdnet"], [official], out)
    assert (report.num_classes, report.converted, len(report.dropped)) == (2, 440, 120)
    assert report.unused == report.missing == ()
    fresh = net("isdnet", 2, seed=5)
    load_weights(out, fresh)
    with torch.inference_mode():
        assert torch.equal(fresh.eval()(image(64, 64)), numbered("isdnet", 2).eval()(image(64, 64)))


def test_unused_and_missing_keys_are_reported(tmp_path):
    state = official_state()
    del state["auxiliary_head.conv_seg.bias"]
    torch.save({**state, "ema.something": torch.zeros(1)}, tmp_path / "odd.pth")
    report = convert(CARD["isdnet"], [tmp_path / "odd.pth"], tmp_path / "out.safetensors")
    assert report.unused == ("ema.something",)
    assert report.missing == ("training_heads.auxiliary.stage3.2.bias",)
    assert report.converted == 439


def _html(path):
    path.write_text("<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>")


def _truncated(path):
    torch.save(official_state(), path)
    path.write_bytes(path.read_bytes()[: 10**6])


def _another_net(path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)


def _lacks_a_layer(path):
    state = official_state()
    del state["refine_head.fuse8.smooth.conv.weight"]
    torch.save(state, path)


def _other_shape(path):
    torch.save({**official_state(), "decode_head.bottleneck.conv.weight": torch.zeros(512, 2560, 3, 3)}, path)


def _code(path):
    torch.save({"state_dict": {"weight": _Runs()}}, path)


class _Runs:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (_html, "HTML page"),
        (_truncated, "truncated"),
        (_another_net, "another net: it lacks"),
        (_lacks_a_layer, "lacks 'fuse8.after_sum.conv.weight'"),
        (_other_shape, "'deep.head.bottleneck.conv.weight' of 'isdnet' is"),
        (_code, "not loaded"),
    ],
)
def test_a_wrong_file_gets_one_line_and_nothing_is_written(tmp_path, capsys, make, what):
    official, out = tmp_path / "file.pth", tmp_path / "out.safetensors"
    make(official)
    with pytest.raises(WeightsError, match=str(official)) as caught:
        convert(CARD["isdnet"], [official], out)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert "never run" not in capsys.readouterr().out


def test_the_stdc_file_fills_the_shallow_branch_with_its_first_kernel_twice():
    state = {
        key.removeprefix("refine_head.stdc_net."): value
        for key, value in official_state().items()
        if ".features." in key
    }
    kernel = state["features.0.conv.weight"][:, :3]
    state["features.0.conv.weight"] = kernel
    state["conv_last.conv.weight"] = torch.zeros(1024, 1024, 1, 1)  # of the classifier, which ISDNet has not
    system = net("isdnet")
    deep = {key: value.clone() for key, value in system.deep.state_dict().items()}
    system.load_imagenet(state)
    assert torch.equal(system.shallow.stage1.conv.weight, torch.cat([kernel, kernel], dim=1))
    assert torch.equal(system.shallow.stage4[1].rest[2].conv.weight, state["features.5.conv_list.3.conv.weight"])
    assert all(torch.equal(deep[key], value) for key, value in system.deep.state_dict().items())
    rgb = net("isdnet-shallow-full")
    rgb.load_imagenet(state)
    assert torch.equal(rgb.shallow.stage1.conv.weight, kernel)


def test_the_stdc_file_of_mmsegmentation_is_the_same_net():
    own = numbered("isdnet").shallow.state_dict()
    state = {_mmseg(key): value for key, value in own.items()}
    state["stages.0.conv.weight"] = state["stages.0.conv.weight"][:, :3]
    system = net("isdnet")
    system.load_imagenet(state)
    for key, value in system.shallow.state_dict().items():
        assert key == "stage1.conv.weight" or torch.equal(value, own[key]), key


def _mmseg(key: str) -> str:
    """Our name of a tensor of the shallow branch, in mmsegmentation's words."""
    stage, _, rest = key.partition(".")
    number = int(stage.removeprefix("stage")) - 1
    for mine, theirs in (("first.", "layers.0."), ("reduce.", "downsample.")):
        rest = rest.replace(mine, theirs)
    for index in range(3):
        rest = rest.replace(f"rest.{index}.", f"layers.{index + 1}.")
    return f"stages.{number}.{rest}"


@pytest.mark.slow
def test_the_resnet_file_fills_the_deep_branch():
    state = {
        key.removeprefix("backbone."): value for key, value in official_state().items() if key.startswith("backbone.")
    }
    system = net("isdnet")
    system.load_imagenet({**state, "fc.weight": torch.zeros(1000, 512)})
    expected = numbered("isdnet").deep.backbone.state_dict()
    assert all(torch.equal(expected[key], value) for key, value in system.deep.backbone.state_dict().items())


@pytest.mark.parametrize("name", ["isdnet", "isdnet-deep-full", "isdnet-shallow-full", "isdnet-segformer"])
def test_an_imagenet_file_of_another_net_is_refused(name):
    with pytest.raises(ValueError, match="another net: it has no"):
        net(name).load_imagenet({"conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_segformer_takes_mmsegmentations_mit_file():
    system, other = net("isdnet-segformer"), numbered("isdnet-segformer")
    system.load_imagenet(other.deep.backbone.state_dict())
    assert torch.equal(
        system.deep.backbone.layers[0][0].projection.weight, other.deep.backbone.layers[0][0].projection.weight
    )


@pytest.mark.slow
def test_converted_weights_load_from_safetensors_of_the_official_names_too(tmp_path):
    save_file({key: value.clone() for key, value in official_state().items()}, tmp_path / "official.safetensors")
    report = convert(CARD["isdnet"], [tmp_path / "official.safetensors"], tmp_path / "out.safetensors")
    assert report.missing == ()
