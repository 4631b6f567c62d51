"""PointRend: its size, its subdivision, what the two rows of the tables see."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from baselines.common.mmseg_adapter import library_config
from baselines.pointrend import CONFIG, PIXELS_PER_POINT, SYSTEMS
from baselines.pointrend.system import PointRendSystem, Subdivision
from benchmark import registry
from tests.baselines.test_cards import configuration

CARDS = [spec.card for spec in SYSTEMS]
BY_NAME = {card.name: card for card in CARDS}
IMAGE = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
PARAMETERS = {2: 28_695_144, 7: 28_700_959, 19: 28_715_119}  # measured on the library's own net, apart from this code


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    system = PointRendSystem(BY_NAME["pointrend-whole"], 7, library_config(CONFIG)).eval()
    with torch.no_grad():  # a fresh point head returns almost 0 everywhere, whatever it sees
        system.net.decode_head[1].fc_seg.weight.mul_(30)
    return system


def logits(system, subdivision, image=IMAGE):
    system.subdivision = subdivision
    with torch.inference_mode():
        return system.logits(image)


def coarse(system, image=IMAGE):
    with torch.inference_mode():
        return system.net.decode_head[0](system.net.extract_feat(system.normalised(image)))


def test_28_700_959_parameters_for_seven_classes(system):
    assert sum(parameter.numel() for parameter in system.parameters()) == PARAMETERS[7]
    for classes in (2, 19):
        other = registry.build(BY_NAME["pointrend"], classes)
        assert sum(parameter.numel() for parameter in other.parameters()) == PARAMETERS[classes]


def test_zero_steps_are_the_plain_fpn_head(system):
    plain = logits(system, Subdivision(steps=0))
    assert torch.equal(plain, coarse(system))
    assert system.work == {"passes": 1, "points": 0}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_step_doubles_the_map_and_predicts_so_many_points(system, steps):
    refined = logits(system, Subdivision(steps=steps, points=50))
    assert refined.shape == (1, 7, 24 * 2**steps, 32 * 2**steps)
    assert system.work == {"passes": 1, "points": 50 * steps}
    enlarged = coarse(system)
    for _ in range(steps):
        enlarged = F.interpolate(enlarged, scale_factor=2, mode="bilinear")
    changed = (refined - enlarged).abs().amax(1) > 1e-6
    # a point that an early step changed spreads to its neighbours when the next steps enlarge the map
    assert 0 < int(changed.sum()) <= 50 * sum(16**step for step in range(steps))
    if steps == 1:
        assert int(changed.sum()) == 50


def test_the_points_are_those_of_the_smallest_margin(system):
    refined = logits(system, Subdivision(steps=1, points=40))
    enlarged = F.interpolate(coarse(system), scale_factor=2, mode="bilinear")
    best, second = enlarged.topk(2, dim=1).values.unbind(1)
    margin = best - second
    touched = (refined - enlarged).abs().amax(1) > 1e-6
    assert float(margin[touched].max()) <= float(margin[~touched].min())


def test_more_points_than_pixels_are_the_pixels_there_are(system):
    logits(system, Subdivision(steps=2, points=10_000_000))
    assert system.work["points"] == 48 * 64 + 96 * 128


def test_the_number_of_points_follows_the_profile_or_the_input():
    assert Subdivision().count(1024, 2048, 1.0) == 8196
    assert Subdivision().count(256, 512, 0.25) == round(8196 / 16)  # the same share of a quarter's pixels
    dense = Subdivision(pixels_per_point=PIXELS_PER_POINT)
    assert dense.count(512, 1024, 1.0) == pytest.approx(8196, rel=0.001)
    assert dense.count(2448, 2448, 1.0) == 93_636
    assert dense.count(612, 612, 0.25) == pytest.approx(93_636 / 16, abs=1)


def test_inference_is_the_librarys(system):
    with torch.inference_mode():
        theirs = system.net.encode_decode(system.normalised(IMAGE), [{"img_shape": (96, 128)}])
        assert torch.equal(logits(system, Subdivision()), theirs)


def test_losses_are_the_librarys_under_the_same_random_points(system):
    crops, labels = torch.rand(2, 3, 64, 64), torch.randint(0, 7, (2, 64, 64))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one[None])) for one in labels]
    torch.manual_seed(3)
    ours = system.loss(crops, labels)
    torch.manual_seed(3)
    theirs = system.net.loss(system.normalised(crops), samples)
    assert set(ours) == {"decode_0.loss_ce", "decode_1.pointloss_ce"}
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize(
    ("name", "size", "seen"),
    [
        ("pointrend-256x128", (1024, 2048), (128, 256)),
        ("pointrend", (2448, 2448), (508, 508)),
        ("pointrend-whole", (1024, 2048), (1024, 2048)),
    ],
)
def test_what_the_net_sees_at_the_papers_image_size(system, name, size, seen, monkeypatch):
    """The rows "as in MagNet" see a reduced image, and labels come back at full size; the full-size row is apart."""
    sizes = []
    monkeypatch.setattr(system, "card", BY_NAME[name])
    monkeypatch.setattr(
        type(system), "forward", lambda self, x: sizes.append(x.shape[-2:]) or torch.zeros(1, 7, *x.shape[-2:])
    )
    with torch.inference_mode():
        assert system.predict(torch.zeros(1, 3, *size)).shape == (1, *size)
    assert sizes == [seen]


def test_the_full_size_rows_are_alternatives_of_the_printed_ones():
    mains = [card for card in CARDS if not card.variant]
    assert {row: card.name for card in mains for row in card.rows} == {
        "table1/pointrend": "pointrend",
        "table3/pointrend": "pointrend-256x128",
    }
    assert all(set(card.rows) == {"table1/pointrend", "table3/pointrend"} for card in CARDS if card.variant)


def test_the_library_recipe_is_the_configurations():
    recipe = BY_NAME["pointrend-whole"].recipes["library"]
    config, batch = configuration(recipe)
    warmup, poly = config.param_scheduler
    assert (recipe.learning_rate, recipe.weight_decay) == (0.01, config.optim_wrapper.optimizer.weight_decay)
    assert (recipe.min_learning_rate, recipe.poly_power, recipe.iterations) == (poly.eta_min, poly.power, poly.end)
    assert (recipe.warmup_iterations, recipe.warmup_ratio) == (warmup.end, warmup.start_factor)
    assert (recipe.crop, recipe.batch) == (config.crop_size, batch)


def test_crops_of_reduced_images_are_no_larger_than_those_images():
    assert BY_NAME["pointrend"].recipes["paper"].on("deepglobe").crop == (508, 508)
    assert BY_NAME["pointrend-256x128"].recipes["paper"].on("cityscapes").crop == (128, 256)
    assert BY_NAME["pointrend-256x128"].recipes["paper"].on("cityscapes").resize == (0.0625, 0.25)
