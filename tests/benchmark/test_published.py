"""Published weights: ImageNet files of each backbone, names in published checkpoints."""

import pytest
import torch
import torchvision

from benchmark import registry
from benchmark.published import RESNET18, load_all, mmseg_key

LIBRARY = (
    "unet-local",
    "unet-s5-local",
    "deeplabv3plus-local",
    "deeplabv3plus-r50d8-local",
    "stdc",
    "bisenetv1",
    "bisenetv2",
    "deeplabv3",
    "pspnet",
    "icnet",
    "segformer-b0",
)
BACKBONES = {  # where the ImageNet file goes, in our names
    "unet-local": "net.encoder",
    "deeplabv3plus-local": "net.encoder",
    "deeplabv3plus-r50d8-local": "net.backbone",
    "stdc": "net.backbone.backbone",
    "bisenetv1": "net.backbone.context_path.backbone",
    "deeplabv3": "net.backbone",
    "pspnet": "net.backbone",
    "icnet": "net.backbone.backbone",
    "segformer-b0": "net.backbone",
}
TORCHVISION = {"unet-local": "resnet34", "deeplabv3plus-local": "resnet50", "bisenetv1": "resnet18"}


def build(name):
    return registry.build(registry.card(name), 3)


def fake_file(backbone):
    """Another net's worth of numbers under the backbone's names, and a classifier that no backbone has."""
    generator = torch.Generator().manual_seed(5)
    state = {
        name: torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor + 1
        for name, tensor in backbone.state_dict().items()
    }
    return {**state, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("name", BACKBONES)
def test_imagenet_file_fills_the_whole_backbone_and_nothing_else(name):
    system = build(name)
    state = fake_file(system.get_submodule(BACKBONES[name]))
    before = {key: tensor.clone() for key, tensor in system.state_dict().items()}
    system.load_imagenet(state)
    prefix = BACKBONES[name] + "."
    for key, tensor in system.state_dict().items():
        wanted = state[key.removeprefix(prefix)] if key.startswith(prefix) else before[key]
        assert torch.equal(tensor, wanted), key


@pytest.mark.parametrize("name", BACKBONES)
def test_a_file_of_another_net_is_named_by_its_first_missing_key(name):
    system = build(name)
    state = fake_file(system.get_submodule(BACKBONES[name]))
    missing = [key for key in state if key.endswith("weight") and "fc." not in key][3]
    del state[missing]
    with pytest.raises(ValueError, match=rf"it has no '{missing}'"):
        system.load_imagenet(state)


@pytest.mark.parametrize(("name", "reference"), TORCHVISION.items())
def test_torchvision_files_have_the_backbones_names_and_shapes(name, reference):
    with torch.device("meta"):
        published = getattr(torchvision.models, reference)().state_dict()
    own = build(name).get_submodule(BACKBONES[name]).state_dict()
    assert {key: value.shape for key, value in own.items()} == {key: published[key].shape for key in own}


def test_load_all_names_a_wrong_shape():
    layer = torch.nn.Linear(2, 3)
    with pytest.raises(ValueError, match=r"'weight' is \(3, 5\), expected \(3, 2\)"):
        load_all(layer, {"weight": torch.zeros(3, 5), "bias": torch.zeros(3)})


def test_load_all_takes_files_without_batch_counters():
    norm = torch.nn.BatchNorm2d(2)
    state = {key: tensor + 2 for key, tensor in norm.state_dict().items() if key != "num_batches_tracked"}
    load_all(norm, state)
    assert norm.weight.tolist() == [3, 3]
    assert int(norm.num_batches_tracked) == 0


def test_published_files_carry_their_hash_in_their_name():
    assert (RESNET18.file, RESNET18.sha256) == ("resnet18-f37072fd.pth", "f37072fd")
    assert RESNET18.urls == ("https://download.pytorch.org/models/resnet18-f37072fd.pth",)


@pytest.mark.parametrize("name", LIBRARY)
def test_published_checkpoint_names_cover_the_net(name):
    card = registry.card(name)
    own = registry.build(card, 3).state_dict()
    ours = registry.spec(name).key_map
    published = [key.removeprefix("net.") for key in own]  # a library's checkpoint holds its net's own names
    assert [ours(key) for key in published] == list(own)


def test_what_is_no_weight_of_an_mmseg_net_is_dropped():
    assert mmseg_key("data_preprocessor.mean") is None
    assert mmseg_key("backbone.conv1.weight") == "net.backbone.conv1.weight"


def norm(layer):
    return [f"{layer}.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]


def conv_norm(layer):
    return [f"{layer}.conv.weight", *norm(f"{layer}.bn")]


def authors_stdc():
    """Names that a checkpoint of the authors' repository gives to what inference uses."""
    features = "cp.backbone.features"
    names = [*conv_norm(f"{features}.0"), *conv_norm(f"{features}.1")]
    for block in range(2, 8):
        names += [name for layer in range(4) for name in conv_norm(f"{features}.{block}.conv_list.{layer}")]
        if block % 2 == 0:
            names += [f"{features}.{block}.avd_layer.0.weight", *norm(f"{features}.{block}.avd_layer.1")]
    for arm in ("cp.arm16", "cp.arm32"):
        names += [*conv_norm(f"{arm}.conv"), f"{arm}.conv_atten.weight", *norm(f"{arm}.bn_atten")]
    for layer in ("cp.conv_head32", "cp.conv_head16", "cp.conv_avg", "ffm.convblk", "conv_out.conv"):
        names += conv_norm(layer)
    return [*names, "ffm.conv1.weight", "ffm.conv2.weight", "conv_out.conv_out.weight"]


def test_names_of_the_stdc_authors_cover_the_net_but_for_the_classifiers_bias():
    card = registry.card("stdc")
    ours = registry.spec("stdc").key_map
    lean = registry.build(card, 3).inference_form().state_dict()
    mapped = [ours(name) for name in authors_stdc()]
    assert len(set(mapped)) == len(mapped)
    assert {*mapped, "net.decode_head.conv_seg.bias"} == set(lean)
    assert ours("conv_out16.conv_out.weight") == "net.auxiliary_head.0.conv_seg.weight"
    assert ours("conv_out32.conv.bn.weight") == "net.auxiliary_head.1.convs.0.bn.weight"
    for left_out in (
        "cp.backbone.x8.0.2.conv_list.0.conv.weight",
        "cp.backbone.fc.weight",
        "conv_out_sp8.conv.bn.bias",
    ):
        assert ours(left_out) is None
