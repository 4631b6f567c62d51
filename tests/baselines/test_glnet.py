"""GLNet: the points that its authors' code shows, the batched form against it, the three stages."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.common.losses import focal
from baselines.common.patches import Grid, glnet_grid
from baselines.glnet import system as glnet_system
from baselines.glnet.inference import BatchedGLNet, ReleasedGLNet, enlarged_on_host, summed_on_host
from baselines.glnet.net import GLNet, GlobalBranch, Merge, cropped, cropped_maps
from benchmark import registry
from benchmark.accuracy.metrics import confusion, metrics
from benchmark.cost.flops import count
from benchmark.errors import UserError
from benchmark.system import IMAGENET_MEAN, IMAGENET_STD
from benchmark.weights.convert import convert
from tests.systems.architectures import image, stir

CARD = registry.card("glnet")
SMALL = CARD.at(0.08)  # patches of 41, 36 of them on the small image
SIDE = 196
FEW = (66, 60)  # four patches
GRID = Grid.of((2448, 2448), 508, lambda side, patch: glnet_grid(side, patch, 50))


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def released():
    torch.manual_seed(0)
    system = ReleasedGLNet(SMALL, 7)
    stir(system)
    with torch.no_grad():  # a fixed branch that is not the helped one
        for parameter in system.fixed.parameters():
            parameter.mul_(1.1)
    return system.eval()


@pytest.fixture(scope="module")
def batched(released):
    with torch.device("meta"):
        system = BatchedGLNet(replace(registry.card("glnet-batched"), sizes=SMALL.sizes), 7)
    own = {key: value for key, value in released.state_dict().items() if key in system.state_dict()}
    system.load_state_dict(own, assign=True)
    system.mean, system.std = released.mean, released.std
    return system.eval()


@pytest.fixture(scope="module")
def scores(released):
    with torch.inference_mode():
        return released.scores(image(SIDE, SIDE))


@pytest.fixture(scope="module")
def few(released):
    with torch.inference_mode():
        return released.scores(image(*FEW))


@pytest.mark.parametrize(("classes", "count"), [(2, 79_108_742), (7, 79_200_917)])
def test_parameters_are_those_of_the_release(classes, count):
    with torch.device("meta"):
        assert parameters(GLNet(classes)) == count


def test_a_second_frozen_copy_is_held_at_test_and_half_of_it_is_of_no_use(released, batched):
    assert parameters(released.fixed) == parameters(released.net) == 79_200_917
    assert parameters(batched.fixed) == 28_064_839
    assert not any(p.requires_grad for system in (released, batched) for p in system.fixed.parameters())


@pytest.mark.slow
def test_the_trunks_run_38_times_in_the_order_of_the_release(released):
    calls = []
    trunks = {"A": released.fixed.resnet_global, "B": released.net.resnet_local, "C": released.net.resnet_global}
    trunks |= {"D": released.net.ensemble_conv}
    hooks = [
        module.register_forward_hook(lambda _, inputs, __, name=name: calls.append((name, len(inputs[0]))))
        for name, module in trunks.items()
    ]
    with torch.inference_mode():
        released.predict(image(SIDE, SIDE))
    for hook in hooks:
        hook.remove()
    assert calls == [("A", 1), *[("B", 6)] * 6, ("C", 1), *[("D", 6)] * 6]
    assert released.work == {"passes": 38, "patches": 36}


def test_a_patch_of_508_has_logits_of_127():
    with torch.device("meta"):
        net = GLNet(7)
        patches, whole = torch.zeros(2, 3, 508, 508), torch.zeros(1, 3, 508, 508)
        seen = net.local(patches, cropped_maps(net.alone(whole).maps, GRID, [0, 1]))
    assert (seen.logits.shape, seen.features.shape) == ((2, 7, 127, 127), (2, 512, 127, 127))
    assert [tuple(level.shape[-2:]) for level in seen.maps.stages] == [(side, side) for side in (127, 64, 32, 16)]


def test_the_result_is_constant_on_blocks_of_four_where_no_patches_overlap():
    patch_logits = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 7, 11, 11)))
    canvas = summed_on_host(
        enlarged_on_host(patch_logits, (44, 44)), Grid((76, 76), (44, 44), ((0, 0), (0, 32), (32, 0), (32, 32)))
    )
    assert canvas.shape == (1, 7, 76, 76)
    alone = canvas[0, :, :32, :32].reshape(7, 8, 4, 8, 4)
    assert (alone == alone[:, :, :1, :, :1]).all()
    assert (np.diff(alone[:, :, 0, :, 0], axis=1) != 0).all()


def test_labels_are_of_the_images_size(scores):
    ensemble, local, whole = scores
    assert ensemble.shape == local.shape == whole.shape == (1, 7, SIDE, SIDE)
    assert ensemble.dtype == np.float64
    assert len(np.unique(ensemble.argmax(1))) > 2  # noise is not all of one class


@pytest.mark.slow
def test_dividing_by_the_overlap_changes_no_label(released, monkeypatch):
    merged = []

    def kept(patches, grid):
        merged.append(patches)
        return summed_on_host(patches, grid)

    monkeypatch.setattr("baselines.glnet.inference.summed_on_host", kept)
    with torch.inference_mode():
        labels = released.predict(image(SIDE, SIDE))
    starts = glnet_grid(SIDE, SMALL.sizes["patch"], SMALL.sizes["least_overlap"])
    seen = [[[] for _ in range(SIDE)] for _ in range(SIDE)]  # of each pixel, the scores in every patch that it lies in
    for scores, (top, left) in zip(merged[0], itertools.product(starts, starts), strict=True):
        for row, column in np.ndindex(scores.shape[1:]):
            seen[top + row][left + column].append(scores[:, row, column])
    assert {len(each) for line in seen for each in line} == {1, 2, 4}
    means = np.array([[np.mean(each, axis=0) for each in line] for line in seen])
    assert np.array_equal(means.argmax(-1), labels[0].numpy())


def test_the_image_goes_in_without_normalisation(released, few):
    inputs = []
    hooks = [
        module.register_forward_pre_hook(lambda _, args: inputs.append(args[0].clone()))
        for module in (released.fixed.resnet_global, released.net.resnet_local)
    ]
    picture = image(*FEW)
    shifted = (picture - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    with torch.inference_mode():
        assert not np.allclose(released.scores(shifted)[0], few[0])
        inputs.clear()
        released.scores(picture)
    for hook in hooks:
        hook.remove()
    assert all(given.min() >= 0 and given.max() <= 1 for given in inputs)
    assert torch.equal(inputs[1][0], picture[0, :, :41, :41])
    torch.testing.assert_close(inputs[0].mean((2, 3)), picture.mean((2, 3)), rtol=0.02, atol=0)


def test_unknown_pixels_count_and_class_0_is_left_out_of_the_mean():
    info = registry.dataset("deepglobe").info
    label = np.array([[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5], [6, 6, 6, 6]], np.uint8)
    guess = label.copy()
    guess[0, :2], guess[3, 0] = 1, 0  # two false positives on unknown ground, one known pixel called unknown
    found = metrics(info, confusion(label, guess, 7))
    assert found.miou_paper == pytest.approx(100 * (2 / 4 + 1 + 1 + 1 + 1 + 3 / 4) / 6)


def test_a_patch_depends_on_the_image_outside_it(released, few):
    picture = image(*FEW)
    picture[..., 42:, 42:] = 0.5
    with torch.inference_mode():
        changed = released.scores(picture)
    for before, after in zip(few[:2], changed[:2], strict=True):  # rows and columns that only the first patch has
        assert np.abs(before - after)[..., :19, :19].max() > 1e-6 * np.abs(before).max()


def test_the_batched_form_gives_the_labels_of_the_released_one(batched, scores, few):
    with torch.inference_mode():
        labels, sums = batched.predict(image(SIDE, SIDE)), batched.logits(image(*FEW))
    assert batched.work == {"passes": 6, "patches": 4}
    assert (labels.numpy() == scores[0].argmax(1)).mean() > 0.9999
    torch.testing.assert_close(sums.double(), torch.from_numpy(few[0]), rtol=0, atol=1e-5 * np.abs(few[0]).max())


@pytest.mark.slow
def test_the_batched_form_multiplies_less_than_half_as_often(released, batched):
    with torch.inference_mode():  # on the same grid of 36 patches as at the paper's size
        assert count(batched, image(SIDE, SIDE)).flops < 0.5 * count(released, image(SIDE, SIDE)).flops


def test_the_batched_form_makes_no_ps3(batched):
    made = []
    layers = (batched.net.fpn_local.smooth, batched.net.fpn_global_ext.smooth, batched.net.ensemble_conv)
    hooks = [layer.register_forward_hook(lambda *_: made.append(1)) for layer in layers]
    with torch.inference_mode():
        batched.predict(image(60, 60))
    for hook in hooks:
        hook.remove()
    assert made == []


def test_merged_maps_of_equal_patches_are_flat():
    with torch.device("meta"):
        branch = GlobalBranch(7)
        shapes = branch.alone(torch.zeros(1, 3, 508, 508)).maps
    maps = shapes.each(lambda level: torch.zeros(1, 2, *level.shape[-2:]))
    merge = Merge(GRID, maps)
    for numbers in GRID.batches(12):
        merge.add(maps.each(lambda level: torch.full((12, 2, *level.shape[-2:]), 3.0)), numbers)
    finest = merge.result().stages[0]
    assert float((finest == 3).float().mean()) > 0.9  # the count at the patches' borders is an approximation
    assert float(finest.min()) > 0
    assert float(finest.max()) <= 12  # four patches counted as one at most


def test_the_focal_loss_by_hand():
    logits = torch.tensor([[[[0.0, 9.0]], [[0.0, 0.0]]]])
    target = torch.tensor([[[1, 255]]])
    assert float(focal(logits, target)) == pytest.approx(0.5**3 * math.log(2))
    assert float(focal(logits, torch.full((1, 1, 2), 255))) == 0
    every_fourth = torch.zeros(1, 4, 8, dtype=torch.long)
    every_fourth[:, 2, 2] = every_fourth[:, 2, 6] = 1  # nearest to the centres of the two blocks of four
    assert float(focal(logits[..., :1].expand(1, 2, 1, 2), every_fourth)) == pytest.approx(0.5**3 * math.log(2))
    confident = torch.tensor([0.0, 9.0]).view(1, 2, 1, 1).expand(1, 2, 1, 2)
    assert float(focal(confident, every_fourth)) < 1e-9  # class 1 at both


def test_a_step_counts_each_mean_loss_once_for_each_sub_batch_of_each_image(released, monkeypatch):
    monkeypatch.setattr(glnet_system, "focal", lambda logits, target: torch.ones(()))
    pair, target = image(SIDE, SIDE, batch=2), torch.zeros(2, SIDE, SIDE, dtype=torch.long)

    def merged(one, grid, wanted):  # quicker than all 36 patches
        return released.net.alone(released.reduced(one)).maps, torch.zeros(len(wanted), 512, 11, 11)

    monkeypatch.setattr(released, "_merged", merged)
    losses = {}
    for stage in ("local", "local-to-global"):
        monkeypatch.setattr(released, "stage", stage)
        with torch.no_grad():
            losses[stage] = {name: float(value) for name, value in released.loss(pair, target).items()}
    del losses["local"]["likeness"]
    # 36 patches are six sub-batches of each of the two images; the global branch sees both images in one
    assert losses == {"local": {"local": 12, "ensemble": 12}, "local-to-global": {"global": 1, "ensemble": 12}}


def test_the_likeness_is_the_mean_square_between_local_and_global_features_by_hand(released, monkeypatch):
    drawn = [0, 9, 35]
    monkeypatch.setattr(glnet_system, "_drawn", lambda grid, images: drawn)
    monkeypatch.setattr(released, "stage", "local")
    pair, by_hand = image(SIDE, SIDE, batch=2), 0.0
    grid = released.grid(pair)
    with torch.no_grad():
        for one in torch.split(pair, 1):
            whole = released.net.alone(released.reduced(one))
            local = released.seen_locally(one, grid, whole.maps, drawn).features
            wanted = torch.nn.functional.interpolate(
                cropped(whole.features, grid, drawn), local.shape[-2:], mode="bilinear"
            )
            by_hand += 0.15 * 6 * float((local - wanted).square().mean())
        found = released.loss(pair, torch.zeros(2, SIDE, SIDE, dtype=torch.long))["likeness"]
    assert float(found) == pytest.approx(by_hand, rel=1e-5)
    assert by_hand > 0


@pytest.mark.slow
def test_each_stage_trains_its_parts_and_keeps_the_statistics_of_the_others(released):
    net, state = released.net, {key: value.clone() for key, value in released.state_dict().items()}
    parts = {
        "global": {"resnet_global", "fpn_global"},
        "local": {"resnet_local", "fpn_local", "ensemble_conv"},
        "local-to-global": {"resnet_global", "fpn_global_ext", "fpn_global", "ensemble_conv"},
    }
    picture, target = image(60, 60, batch=2), torch.randint(0, 7, (2, 60, 60))
    try:
        for stage in released.stages:
            released.train()
            released.enter_stage(stage)
            free = {name.split(".")[1] for name, p in released.named_parameters() if p.requires_grad}
            assert free == parts[stage]
            assert not any(p.requires_grad for p in released.fixed.parameters())
            before = {key: value.clone() for key, value in released.state_dict().items()}
            released.loss(picture, target)
            moved = {key.split(".")[1] for key, value in released.state_dict().items() if not value.equal(before[key])}
            assert moved == {part for part in parts[stage] if part.startswith("resnet")}
        assert released.fixed.resnet_global.conv1.weight.equal(net.resnet_global.conv1.weight)
        assert [name for name, p in net.fpn_global.named_parameters() if p.requires_grad] == [
            "classify.weight",
            "classify.bias",
        ]
    finally:
        released.load_state_dict(state)
        released.requires_grad_(True).eval()
        released.fixed.requires_grad_(False)


def official_names():
    """The 718 keys of a file of the release, without 'module.'."""
    with torch.device("meta"):
        own = GLNet(7).state_dict()
    names = {}
    for key in own:
        part, layer, *rest = key.split(".")
        if part == "fpn_global_ext":
            part, layer = "fpn_global", layer if layer == "smooth" else f"{layer}_ext"
        names.setdefault(part, []).append(".".join([part, layer, *rest]))
    return names


@pytest.mark.parametrize("name", ["glnet", "glnet-batched"])
def test_every_key_of_the_published_files_has_its_place(name, released, batched):
    names = official_names()
    counts = {"resnet_global": 318, "resnet_local": 318, "fpn_global": 52, "fpn_local": 28, "ensemble_conv": 2}
    assert {part: len(keys) for part, keys in names.items()} == counts
    maps = registry.spec(name).key_maps
    files = [f"fpn_deepglobe_{stage}.pth" for stage in ("global", "local2global")]
    assert list(maps) == files
    keys = [key for part in names.values() for key in part]
    mapped = {maps[file](key) for file in files for key in keys} - {None}
    assert mapped == set((released if name == "glnet" else batched).state_dict())
    assert maps[files[1]]("fpn_global.smooth4_2_ext.bias") == "net.fpn_global_ext.smooth4_2.bias"
    assert maps[files[0]]("fpn_global.smooth4_2.bias") == "fixed.fpn_global.smooth4_2.bias"


def test_a_single_file_is_refused_and_both_that_inference_reads_are_named(tmp_path):
    with pytest.raises(UserError, match=r"1 published files given.*order: fpn_deepglobe_global\.pth, .*local2global"):
        convert(CARD, [tmp_path / "a.pth"], tmp_path / "out.safetensors")
