"""SegFix: targets, offsets, what moves and what stays, the base beneath it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import hrnet_ocr
from baselines.segfix import SYSTEMS
from baselines.segfix.net import ReleasedNorm, SegFixNet, balanced_cross_entropy, losses, published_name
from baselines.segfix.system import STAY, moved, sampled
from baselines.segfix.targets import DIRECTIONS, distance_to_other, targets
from benchmark import registry
from benchmark.system import IGNORE
from benchmark.weights.convert import convert
from benchmark.weights.files import WeightsError, load_state

BY_NAME = {spec.card.name: spec.card for spec in SYSTEMS}
FLIPPED = (4, 3, 2, 1, 0, 7, 6, 5)  # a direction's class after a horizontal flip


def disc(radius, size=64):
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    middle = (size - 1) / 2
    return ((rows - middle) ** 2 + (columns - middle) ** 2 <= radius**2).long()[None]


def scene(height=48, width=56, seed=0):
    """Four classes and ignored pixels in blots."""
    noise = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(seed))
    labels = (F.interpolate(noise, (height, width), mode="bicubic")[0].clamp(0, 0.99) * 5).long()
    return labels.masked_fill(labels == 4, IGNORE)


def directions_of(labels, max_distance):
    """The ground truth's own directions, as the net would return them if it were right."""
    boundary, inside = targets(labels, max_distance)
    return inside.masked_fill((boundary != 1) | (inside == IGNORE), STAY).to(torch.uint8)


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    return registry.build(BY_NAME["segfix-w18"].at(0.25), 5).eval()


IMAGE = torch.rand(1, 3, 70, 101, generator=torch.Generator().manual_seed(1))


def test_without_offsets_labels_stay(system, monkeypatch):
    with torch.inference_mode():
        coarse = system.base.predict(IMAGE)
        monkeypatch.setattr(type(system), "directions", lambda self, x: torch.full(x[:, 0].shape, STAY).byte())
        assert torch.equal(system.predict(IMAGE), coarse)
        assert torch.equal(system.logits(IMAGE).argmax(1).byte(), coarse)


@pytest.mark.parametrize("error", [-4, -3, -2, -1, 1, 2, 3], ids="{:+d} px".format)
def test_a_disc_predicted_too_small_or_too_large_is_corrected(error):
    truth, prediction = disc(20), disc(20 + error)
    wrong = truth != prediction
    assert wrong.any()
    corrected = moved(prediction[None], directions_of(truth, 5), 2 * abs(error))[0]
    assert torch.equal(corrected, truth)


def test_what_lies_beyond_the_band_is_not_corrected():
    truth, prediction = disc(24), disc(12)
    corrected = moved(prediction[None], directions_of(truth, 5), 2)[0]
    assert (corrected != truth).any()


@pytest.mark.parametrize("max_distance", [1, 5])
def test_targets_of_a_flipped_label_are_the_flipped_targets(max_distance):
    for labels in (scene(), disc(15)):
        boundary, inside = targets(labels, max_distance)
        flipped_boundary, flipped_inside = targets(labels.flip(-1), max_distance)
        assert torch.equal(flipped_boundary, boundary.flip(-1))
        table = torch.full((IGNORE + 1,), IGNORE)
        table[:8] = torch.tensor(FLIPPED)
        assert torch.equal(flipped_inside, table[inside].flip(-1))
    assert {index for index in inside.unique().tolist() if index != IGNORE} == set(range(8))


def test_the_table_of_flipped_classes_mirrors_the_vectors():
    assert [DIRECTIONS[after] for after in FLIPPED] == [(down, -right) for down, right in DIRECTIONS]


def test_output_holds_the_labels_of_the_input_only():
    generator = torch.Generator().manual_seed(2)
    labels = torch.tensor([3, 11, 17], dtype=torch.uint8)[torch.randint(0, 3, (1, 1, 40, 50), generator=generator)]
    directions = torch.randint(0, STAY + 1, (1, 40, 50), generator=generator).byte()
    assert set(moved(labels, directions, 2).unique().tolist()) == {3, 11, 17}
    assert not set(sampled(labels, directions, 2).unique().tolist()) <= {3, 11, 17}  # the release's script, as it is


@pytest.mark.slow
def test_the_published_size_and_the_cost_of_the_base():
    base = sum(parameter.numel() for parameter in registry.build(hrnet_ocr.CARD, 7).inference_form().parameters())
    own = sum(parameter.numel() for parameter in SegFixNet(48).parameters())
    assert own == 65_697_344
    assert BY_NAME["segfix"].parameters == own + base  # test_all_systems counts the card's


def test_passes_of_the_base_are_counted(system):
    with torch.inference_mode():
        labels = system.predict(IMAGE)
        assert system.work == {**system.base.work, "passes": 2}
        assert torch.equal(system.logits(IMAGE).argmax(1).byte(), labels)
        assert system.work == {**system.base.work, "passes": 2}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_moved_is_a_copy_of_the_pixel_along_the_direction(length):
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(2, 3, 9, 11, generator=generator)
    directions = torch.randint(0, STAY + 1, (2, 9, 11), generator=generator).byte()
    result = moved(maps, directions, length)
    for image, row, column in np.ndindex(2, 9, 11):
        down, right = (*DIRECTIONS, (0, 0))[directions[image, row, column]]
        source = min(max(row + down * length, 0), 8), min(max(column + right * length, 0), 10)
        assert torch.equal(result[image, :, row, column], maps[image, :, source[0], source[1]])


def test_the_script_as_released_copies_pixels_where_torch_aligns_corners(monkeypatch):
    generator = torch.Generator().manual_seed(4)
    labels = torch.randint(0, 19, (1, 1, 33, 65), generator=generator).byte()
    directions = torch.randint(0, STAY + 1, (1, 33, 65), generator=generator).byte()
    today, real = sampled(labels, directions, 2), F.grid_sample
    monkeypatch.setattr(F, "grid_sample", lambda *args, **options: real(*args, **{**options, "align_corners": True}))
    assert torch.equal(sampled(labels, directions, 2), moved(labels, directions, 2))
    assert not torch.equal(today, moved(labels, directions, 2))


@pytest.mark.parametrize("limit", [3, 9])
def test_distances_are_euclidean(limit):
    labels = scene(20, 23, seed=5)
    distance = distance_to_other(labels, limit)[0]
    places = torch.cartesian_prod(torch.arange(20), torch.arange(23)).double()
    between = torch.cdist(places, places).reshape(20 * 23, 20 * 23)
    other = labels.flatten()[:, None] != labels.flatten()[None]
    nearest = between.masked_fill(~other, 1e9).amin(1).clamp(max=limit).reshape(20, 23)
    torch.testing.assert_close(distance.double(), nearest)


def test_targets_of_a_straight_edge():
    labels = torch.zeros(1, 12, 30, dtype=torch.int64)
    labels[..., 15:] = 1
    labels[:, :2] = IGNORE
    boundary, inside = targets(labels, 3)
    assert boundary[0, 8].tolist() == [0] * 12 + [1] * 6 + [0] * 12
    assert inside[0, 8, 12:18].tolist() == [0, 0, 0, 4, 4, 4]  # left on the left side, right on the right one
    assert set(inside[0, 3, :8].tolist()) == {6}  # next to what is ignored: down, away from it
    assert set(boundary[0, :2].flatten().tolist()) == set(inside[0, :2].flatten().tolist()) == {IGNORE}
    assert boundary[0, 8].sum() == 6
    alone, nowhere = targets(torch.zeros(1, 12, 30, dtype=torch.int64), 3)
    assert not alone.any()  # the border of the image is no boundary
    assert set(nowhere.unique().tolist()) == {IGNORE}


def test_rare_classes_weigh_more_and_one_class_alone_costs_nothing():
    target = torch.tensor([[[0, 0, 0, 1, IGNORE]]])
    logits = torch.randn(1, 2, 1, 5, generator=torch.Generator().manual_seed(6))
    each = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="none")[0, 0]
    by_hand = (each[:3].sum() * 0.25 + each[3] * 0.75) / (3 * 0.25 + 0.75)
    torch.testing.assert_close(balanced_cross_entropy(logits, target), by_hand)
    assert balanced_cross_entropy(logits, torch.zeros_like(target)) == 0
    assert balanced_cross_entropy(logits, torch.full_like(target, IGNORE)) == 0


def test_directions_are_learnt_where_a_boundary_is_predicted():
    boundary, inside = targets(disc(10, 32), 5)
    mask = torch.zeros(1, 2, 32, 32)
    mask[:, 1, :, :16] = 1  # a boundary everywhere on the left half
    direction = torch.randn(1, 8, 32, 32, generator=torch.Generator().manual_seed(7)).requires_grad_()
    losses(mask, direction, boundary, inside)["direction"].backward()
    learning = direction.grad.abs().amax(1)[0] > 0
    assert torch.equal(learning[:, :16], (inside != IGNORE)[0, :, :16])
    assert not learning[:, 16:].any()


@pytest.mark.slow
def test_the_net_learns_a_disc(system, monkeypatch):
    """Some steps on one image: the band and its directions come out, and a disc predicted too large shrinks."""
    truth = disc(20)
    image = (truth[:, None] * 0.6 + 0.2).expand(-1, 3, -1, -1)
    state = {name: value.clone() for name, value in system.state_dict().items()}
    monkeypatch.setattr(system, "card", BY_NAME["segfix-w18"])  # a band of five pixels: the heads have stride 4
    try:
        system.train()
        system.enter_stage("segfix")
        optimizer = torch.optim.Adam(system.own_parameters(), lr=1e-3)
        for _ in range(20):
            optimizer.zero_grad()
            sum(system.loss(image, truth).values()).backward()
            optimizer.step()
        with torch.inference_mode():  # by the batch's own statistics: the running ones lag behind so few steps
            found = system.directions(image)
    finally:
        system.load_state_dict(state)
        system.requires_grad_(True).eval()
    assert float((found == directions_of(truth, 5)).float().mean()) > 0.9  # 0.65 are off the band
    before, after = disc(21) != truth, moved(disc(21)[None], found, 2)[0] != truth
    assert int(after.sum()) < int(before.sum()) / 2


def test_settings_in_pixels_follow_the_image():
    assert BY_NAME["segfix"].at(0.25).sizes == {"max_distance": 1, "offset": 1}
    assert BY_NAME["segfix"].at(2.0).sizes == {"max_distance": 10, "offset": 4}


def test_any_system_can_be_the_base():
    large, card = (registry.card(f"{name}(base=isdnet)") for name in ("segfix", "segfix-w18"))
    assert large.parameters == 65_697_344 + registry.card("isdnet").parameters
    system = registry.build(card.at(0.25), 7)
    assert (system.base.card.name, system.stages[-1]) == ("isdnet", "segfix")
    assert sum(parameter.numel() for parameter in system.inference_form().parameters()) == card.parameters
    for recipe in large.recipes.values():
        assert recipe.during("segfix").crop == (512, 512)
        assert recipe.iterations == 80_000 + sum(recipe.during(stage).iterations for stage in system.base.stages)


def test_imagenet_files_go_to_the_trunk_they_are_of(system):
    state = {name: value.clone() for name, value in system.state_dict().items()}
    for part in ("net", "base"):
        trunk = system.get_submodule({"net": "net.backbone", "base": "base.net.backbone"}[part])
        system.load_imagenet({name: torch.full_like(value, 2) for name, value in trunk.state_dict().items()})
        assert all(bool((value == 2).all()) for value in trunk.parameters())
        system.load_state_dict(state)


def test_the_released_form_takes_images_and_weights_as_the_release_does():
    torch.manual_seed(0)
    net = SegFixNet(18, as_released=True).eval()
    plain = SegFixNet(18).eval()
    for norm in [layer for layer in net.modules() if isinstance(layer, ReleasedNorm)]:
        norm.weight.data.uniform_(-1.5, 1.5)
    state = net.state_dict()
    norms = {name for name, layer in plain.named_modules() if isinstance(layer, torch.nn.BatchNorm2d)}
    absolute = {
        key: value.abs() + 1e-5 for key, value in state.items() if key.rpartition(".")[0] in norms and "weight" in key
    }
    plain.load_state_dict({**state, **absolute})
    with torch.inference_mode():
        for ours, theirs in zip(net(IMAGE[..., :64, :96]), plain(IMAGE[..., :64, :96]), strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.slow
def test_published_files_of_base_and_refiner_are_converted_together(tmp_path, system):
    heads = ("conv3x3_ocr", "ocr_distri_head", "cls_head", "aux_head")
    base = system.base.net.state_dict().items()
    named = {key if key.startswith(heads) else key.removeprefix("backbone."): value for key, value in base}
    torch.save(named, tmp_path / "base.pth")
    own = {f"module.{key.replace('head.3.', 'head.2.')}": value for key, value in system.net.state_dict().items()}
    torch.save(own, tmp_path / "segfix.pth")
    card, files = BY_NAME["segfix-w18"], [tmp_path / "base.pth", tmp_path / "segfix.pth"]
    done = convert(card, files, tmp_path / "out.safetensors")
    assert (done.num_classes, done.unused, done.missing) == (5, (), ())
    written = load_state(tmp_path / "out.safetensors")
    assert all(torch.equal(written[key], value) for key, value in system.state_dict().items())
    with pytest.raises(WeightsError, match="hrnet-w18s-ocr, the published file of segfix-w18"):
        convert(card, files[:1], tmp_path / "out.safetensors")


def test_names_in_published_checkpoints():
    named = {
        "module.backbone.stage4.2.fuse_layers.3.2.0.1.weight": "backbone.stage4.2.fuse_layers.3.2.0.1.weight",
        "module.mask_head.0.weight": "mask_head.0.weight",
        "module.mask_head.1.running_mean": "mask_head.1.running_mean",
        "mask_head.1.0.bias": "mask_head.1.bias",  # where norm and activation are two layers
        "module.dir_head.2.weight": "dir_head.3.weight",
    }
    assert {key: published_name(key) for key in named} == named
