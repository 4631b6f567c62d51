"""MagNet against its published counts and against its procedure written out."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.common.resnet_fpn import ResNetFPN
from baselines.hrnet_ocr.net import HRNetOCR
from baselines.magnet import points
from baselines.magnet import system as magnet_system
from baselines.magnet import training as magnet_training
from baselines.magnet.refinement import Refinement, hard_cross_entropy
from baselines.magnet.tiles import Canvas, Tile, aligned, resized, tiles_of
from benchmark import registry
from benchmark.cli import main
from benchmark.weights.files import load_weights

SIZES = {"magnet": (2448, 2448), "magnet-cityscapes": (1024, 2048)}
PASSES = {"magnet": 21, "magnet-fast": 7, "magnet-cityscapes": 85, "magnet-fast-cityscapes": 13}
CLASSES = 5


def image_of(name):
    """A picture of which the tiles are 1/4 (DeepGlobe) or 1/8 (Cityscapes) of the side, as at the paper's size."""
    size = (64, 128) if "cityscapes" in name else (136, 136)
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3))


def build(name):
    """The system with tiles small enough for `image_of` and a backbone of one convolution."""
    torch.manual_seed(0)
    card = registry.card(name).at(1 / 16 if "cityscapes" in name else 1 / 18)
    with pytest.MonkeyPatch.context() as patch:
        for net in ("ResNetFPN", "HRNetOCR"):
            patch.setattr(magnet_system, net, lambda classes: nn.Conv2d(3, classes, 3, padding=1))
        system = registry.build(card, CLASSES).eval()
    nn.init.normal_(system.backbone.weight)
    for module in system.refinement:
        nn.init.normal_(module.seg_conv.weight, std=0.5)
    return system


@pytest.mark.parametrize(("classes", "net", "modules"), [(7, "magnet", 1), (19, "magnet-cityscapes", 3)])
def test_parameters_are_those_of_the_published_files(classes, net, modules):
    backbone, refinement = {7: (28_064_839, 88_092), 19: (6_379_278, 103_500)}[classes]
    system, module = ResNetFPN(classes) if classes == 7 else HRNetOCR(classes), Refinement(classes)
    assert sum(p.numel() for p in system.parameters()) == backbone
    assert sum(p.numel() for p in module.parameters()) == refinement
    assert registry.build(registry.card(net), 2).settings.modules == modules
    assert len(module.state_dict()) == 60


@pytest.mark.parametrize(("name", "passes"), PASSES.items())
def test_forward_passes(name, passes):
    system, seen = build(name), {"backbone": [], "refinement": []}
    system.backbone.register_forward_hook(lambda _, inputs, __: seen["backbone"].append(inputs[0].shape))
    for module in system.refinement:
        module.register_forward_hook(lambda _, inputs, __: seen["refinement"].append(inputs[0].shape))
    with torch.inference_mode():
        system.predict(image_of(name))
    assert (len(seen["backbone"]), len(seen["refinement"])) == (passes, passes - 1)
    assert {shape[-2:] for shape in seen["backbone"]} == {system.input}
    assert (system.work["passes"], system.work["refinements"]) == (passes, passes - 1)


def test_tiles_of_the_published_sizes_do_not_overlap():
    for name, counts in (("magnet", (1, 4, 16)), ("magnet-cityscapes", (1, 4, 16, 64))):
        card, (height, width) = registry.card(name), SIZES[name]
        tile = (card.sizes["tile_height"], card.sizes["tile_width"])
        for scale, count in zip(registry.build(card, 2).settings.scales, counts, strict=True):
            tiles = tiles_of((round(height * scale), round(width * scale)), tile)
            assert len(tiles) == count
            assert sum(t.size[0] * t.size[1] for t in tiles) == height * width * scale**2
    assert [tile.box[:2] for tile in tiles_of((4, 4), (2, 2))] == [(0, 0), (0, 2), (2, 0), (2, 2)]  # column by column


def test_where_tiles_overlap_the_work_and_the_card_say_so():
    """The release lays such tiles otherwise, so its labels are not claimed there."""
    system = build("magnet")
    with torch.inference_mode():
        system.predict(image_of("magnet"))
        assert "pixels_in_two_tiles" not in system.work
        system.predict(image_of("magnet")[..., :-8, :])
    assert system.work["pixels_in_two_tiles"] > 0
    for name in ("magnet", "magnet-fast", "magnet-cityscapes", "magnet-fast-cityscapes"):
        assert any("moved back to the border" in one for one in registry.card(name).assumptions), name


@pytest.mark.parametrize(
    ("name", "size", "refined", "tiles", "expected"),
    [
        ("magnet", (1224, 1224), 4, 4, 1_123_632),
        ("magnet", (2448, 2448), 16, 16, 4_494_528),
        ("magnet-fast", (1224, 1224), 3, 4, 1_011_268),
        ("magnet-fast", (2448, 2448), 3, 16, 1_011_268),
        ("magnet-cityscapes", (256, 512), 4, 4, 32_768),
        ("magnet-cityscapes", (1024, 2048), 64, 64, 32_768),
        ("magnet-fast-cityscapes", (1024, 2048), 4, 64, 117_964),
    ],
)
def test_points_of_a_scale(name, size, refined, tiles, expected):
    system = build(name)
    card = registry.card(name)
    system.tile = (card.sizes["tile_height"], card.sizes["tile_width"])
    assert system.points_at(size, refined, tiles) == expected


@pytest.mark.parametrize(("name", "counts"), [("magnet", (3468, 13_872)), ("magnet-cityscapes", (128, 128, 128))])
def test_full_magnet_replaces_as_many_pixels_as_it_says(name, counts, monkeypatch):
    system, replaced = build(name), []

    def counting(coarse, refined, chosen):
        before = coarse.clone()
        original(coarse, refined, chosen)
        replaced.append(int((coarse != before).any(dim=1).sum()))

    original = points.replace
    monkeypatch.setattr(points, "replace", counting)
    with torch.inference_mode():
        system.predict(image_of(name))
    assert tuple(replaced) == counts
    assert system.work["points"] == sum(counts)


@pytest.mark.parametrize("name", ["magnet", "magnet-cityscapes", "magnet-as-intended", "magnet-fast-as-intended"])
def test_the_result_is_a_probability_map(name):
    with torch.inference_mode():
        result = build(name).logits(image_of(name))
    assert result.min() >= 0
    torch.testing.assert_close(result.sum(dim=1), torch.ones_like(result[:, 0]))


@pytest.mark.parametrize("name", ["magnet", "magnet-fast", "magnet-fast-as-intended"])
def test_where_refined_equals_coarse_nothing_changes(name, monkeypatch):
    system, image = build(name), image_of(name)
    everywhere = torch.ones
    monkeypatch.setattr(
        system, "refined_tiles", lambda current, *_: (current.clone(), everywhere(current.shape[-2:], dtype=torch.bool))
    )
    with torch.inference_mode():
        plain = system.probabilities(resized(image, (34, 34)))
        for side in (68, 136):
            plain = F.interpolate(plain, (side, side), mode="bilinear")
        assert torch.equal(system.logits(image), plain)


def test_the_first_scale_is_the_plain_net_on_the_reduced_image():
    torch.manual_seed(0)
    card = registry.card("magnet").at(0.25)
    system = registry.build(card, CLASSES).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (153, 153, 3), dtype=np.uint8)
    picture, small = (
        torch.from_numpy(values).permute(2, 0, 1)[None] / 255
        for values in (pixels, cv2.resize(pixels, (127, 127), interpolation=cv2.INTER_LINEAR))
    )
    with torch.inference_mode():
        expected = F.interpolate(system.backbone(system.normalised(small)), (127, 127), mode="bilinear").softmax(dim=1)
        torch.testing.assert_close(system.probabilities(picture), expected)
    assert (system.tile, system.input) == ((153, 153), (127, 127))


def halves(size):
    """Probabilities that are sure on the left and unsure on the right."""
    maps = torch.full((1, CLASSES, *size), 0.0)
    maps[:, 0], maps[:, 1] = 0.9, 0.1
    maps[:, :2, :, size[1] // 2 :] = 0.5
    return maps


def test_released_fast_takes_the_least_uncertain_tiles_and_intended_the_most():
    for name, left in (("magnet-fast", {0}), ("magnet-fast-as-intended", {68, 102})):
        system = build(name)
        size = (136, 136)
        chosen = system.chosen_tiles(halves(size), tiles_of(size, system.tile))
        assert len(chosen) == 3
        assert {tile.left for tile in chosen} <= (left if name.endswith("intended") else {0, 34})


def test_released_fast_scores_nothing_where_it_is_refined():
    coarse, refined = halves((32, 32)).flip(3), halves((32, 32))  # refined is sure where coarse is not, on the left
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[:, :16] = True
    intended = points.error_score(coarse, refined, None, (32, 32), 1)
    assert bool((intended[..., 2:-2, 2:14] > 0.7).all())
    assert not intended[..., 18:].any()
    released = points.error_score(coarse, refined, inside, (32, 32), 1)
    assert not released[..., :14].any()


def test_released_fast_replaces_fewer_points_than_intended():
    counts = {}
    for name in ("magnet-fast", "magnet-fast-as-intended"):
        system = build(name)
        with torch.inference_mode():
            system.predict(image_of(name))
        counts[name] = system.work["points"]
    budget = sum(int(side * side * 0.9 * 3 / tiles) for side, tiles in ((68, 4), (136, 16)))
    assert counts["magnet-fast-as-intended"] == budget
    assert counts["magnet-fast"] < 0.8 * budget


def test_overlapping_tiles_are_averaged_or_as_released_divided():
    like, tile = torch.zeros(1, 2, 4, 6), torch.full((1, 2, 4, 4), 0.8)
    for averaged, expected in ((True, 0.8), (False, 0.4)):
        canvas = Canvas(like, 0, averaged=averaged)
        canvas.paste(Tile(0, 0, 4, 4), tile)
        canvas.paste(Tile(0, 2, 4, 6), tile)
        maps, inside = canvas.finished()
        torch.testing.assert_close(maps[..., 2:4], torch.full((1, 2, 4, 2), expected))
        torch.testing.assert_close(maps[..., :2], torch.full((1, 2, 4, 2), 0.8))
        assert bool(inside.all())


def test_the_border_of_a_tile_does_not_count_as_refined():
    canvas = Canvas(torch.zeros(1, 2, 8, 8), 2, averaged=False)
    canvas.paste(Tile(0, 0, 8, 8), torch.full((1, 2, 4, 4), 0.5))
    maps, inside = canvas.finished()
    assert bool((maps == 0.5).all())
    assert inside.sum() == 16


def test_the_order_of_the_two_inputs_matters():
    torch.manual_seed(0)
    module = Refinement(CLASSES).eval()
    fine, coarse = torch.rand(2, 1, CLASSES, 8, 8).softmax(dim=2)
    with torch.inference_mode():
        assert not torch.allclose(module(fine, coarse), module(coarse, fine))


@pytest.mark.parametrize(("name", "fine_first"), [("magnet", False), ("magnet-as-intended", True)])
def test_order_of_the_inputs_in_training(name, fine_first, monkeypatch):
    for module in (magnet_training, magnet_system):  # what is seen from afar is 0.5 everywhere here
        monkeypatch.setattr(module, "aligned", lambda _, boxes, size: torch.full((len(boxes), CLASSES, *size), 0.5))
    system, seen, image = build(name), [], image_of(name)
    system.refinement[0].register_forward_pre_hook(lambda _, inputs: seen.append(bool((inputs[1] == 0.5).all())))
    system.enter_stage("refinement")
    system.loss(image, torch.zeros(1, 136, 136, dtype=torch.int64))
    system.work = {"passes": 0, "refinements": 0}
    with torch.inference_mode():
        system.refined_tiles(torch.rand(1, CLASSES, 136, 136), image, [Tile(0, 0, 34, 34)], system.refinement[0])
    assert seen == [fine_first, True]


def test_each_cityscapes_module_is_trained_at_its_own_scale(monkeypatch):
    system, sides = build("magnet-cityscapes"), []
    system.enter_stage("refinement")
    whole = {(16, 32): 0.25, (32, 64): 0.5, (64, 128): 1.0}
    original = Tile.of
    monkeypatch.setattr(Tile, "of", lambda tile, maps: sides.append(tuple(maps.shape[-2:])) or original(tile, maps))
    losses = system.loss(image_of("cityscapes"), torch.zeros(1, 64, 128, dtype=torch.int64))
    assert list(losses) == ["refinement_0.25", "refinement_0.5", "refinement_1"]
    assert [whole[side] for side in sides[::2]] == [0.25, 0.5, 1.0]


def test_a_training_tile_and_its_box_show_the_same_place():
    system = build("magnet")
    system.enter_stage("refinement")
    ramp = torch.linspace(0, 1, 136).expand(1, 3, 136, 136).contiguous()
    from baselines.magnet.training import random_tile

    for scale in (0.5, 1.0):
        tile, labels, box = random_tile(system, ramp, (ramp[:, 0] * 100).long(), scale)
        afar = aligned(F.interpolate(ramp, system.input, mode="bilinear"), [box], system.input)
        assert (tile - afar).abs()[..., 2:-2].max() < 0.03  # RoIAlign is half a pixel of 28 off
        assert (labels / 100 - tile[:, 0]).abs().max() < 0.03


def test_median_is_numpys():
    maps = torch.rand(1, 1, 9, 70, generator=torch.Generator().manual_seed(0)).mT.contiguous()  # more rows than a band
    padded = np.pad(maps[0, 0].numpy(), 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    torch.testing.assert_close(points.median(maps, 2)[0, 0], torch.from_numpy(np.median(windows, axis=(2, 3))))


def test_error_score_is_that_of_all_pixels_reduced():
    generator = torch.Generator().manual_seed(0)
    coarse, refined = torch.rand(2, 1, CLASSES, 40, 52, generator=generator).softmax(dim=2)
    full = points.certainty(refined) * (1 - points.certainty(coarse))
    expected = points.median(F.interpolate(full, (17, 16)), 1)
    assert torch.equal(points.error_score(coarse, refined, None, (17, 16), 1), expected)


def test_highest_takes_the_largest_scores_and_exactly_so_many():
    score = torch.arange(12.0).view(1, 1, 3, 4)
    chosen = points.highest(score, (3, 4), 5)
    assert chosen.flatten().nonzero().flatten().tolist() == [7, 8, 9, 10, 11]
    assert points.highest(torch.zeros(1, 1, 3, 4), (6, 8), 7).sum() == 7


def test_the_released_mask_takes_all_pixels_inside_and_only_neighbours_outside():
    inside = torch.zeros(90, 70, dtype=torch.bool)
    inside[20:50, 10:40] = True
    near = F.max_pool2d(inside[None, None].float(), 3, stride=1, padding=1)[0, 0] > 0
    everywhere = torch.ones_like(inside)
    taken = points.released_mask(inside, everywhere)
    assert bool(taken[inside].all())
    assert not taken[~near].any()
    assert not points.released_mask(inside, ~inside)[inside].any()


def test_aligned_is_half_a_pixel_off_as_the_release():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    part = aligned(ramp, [(2, 2, 6, 6)], (4, 4))
    torch.testing.assert_close(part[0, 0, 0], torch.tensor([2.5, 3.5, 4.5, 5.5]))


@pytest.mark.parametrize("least", [1, 20, 10_000])
def test_hard_cross_entropy_is_the_sort_written_out(least):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, generator=generator) * 3
    target = torch.randint(0, 3, (2, 8, 8), generator=generator)
    target[:, 0] = 255
    valid = target != 255
    chosen = logits.softmax(dim=1).gather(1, target.clamp(max=2)[:, None])[:, 0][valid].sort().values
    threshold = max(0.7, float(chosen[min(least, len(chosen) - 1)]))
    expected = -chosen[chosen < threshold].log().mean()
    torch.testing.assert_close(hard_cross_entropy(logits, target, least), expected)


def test_hard_cross_entropy_of_easy_pixels_is_that_of_the_hardest():
    logits = torch.full((1, 2, 1, 4), 0.0)
    logits[:, 0] = torch.tensor([5.0, 6.0, 7.0, 8.0])
    loss = hard_cross_entropy(logits, torch.zeros(1, 1, 4, dtype=torch.int64), 2)
    expected = (math.log1p(math.exp(-5)) + math.log1p(math.exp(-6))) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_published_files_become_ours(tmp_path):
    torch.manual_seed(0)
    system = registry.build(registry.card("magnet"), 7)
    backbone = {f"model.{key}": value for key, value in system.backbone.state_dict().items()}
    torch.save(backbone, tmp_path / "fpn.pth")
    torch.save(system.refinement[0].state_dict(), tmp_path / "refinement.pth")
    out = tmp_path / "ours.safetensors"
    files = [str(tmp_path / name) for name in ("fpn.pth", "refinement.pth")]
    assert main(["convert", "magnet", *files, str(out)]) == 0
    other = registry.build(registry.card("magnet"), 7)
    load_weights(out, other)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in system.state_dict().items())


def test_published_names_cover_the_cityscapes_net():
    card = registry.card("magnet-fast-cityscapes")
    own = set(registry.build(card, 3).state_dict())
    backbone, *refinements = registry.spec(card.name).key_maps.values()
    module = Refinement(3).state_dict()
    names = {keys(key) for keys in refinements for key in module}
    assert len(names) == 180
    trunk = {name.removeprefix("backbone.").removeprefix("backbone.") for name in own - names}
    assert {backbone(key) for key in trunk} == own - names
