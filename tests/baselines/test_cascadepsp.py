"""CascadePSP: what its sheet of facts must show, components, distorted masks, losses, the published file."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines import cascadepsp
from baselines.cascadepsp.losses import cascade_losses
from baselines.cascadepsp.masks import coarse_contours, components, distorted, mask_iou
from baselines.cascadepsp.net import CascadeNet
from baselines.cascadepsp.steps import MaskRefiner, Steps, padded
from benchmark import registry
from benchmark.cli import main
from benchmark.weights.files import load_weights, save_weights

CARD = registry.card("cascadepsp")
SMALL = Steps(side=48, stride=24, margin=2)  # crops every 20 pixels


class Told(nn.Module):
    """A net that answers with a constant probability, or with the mask itself, and keeps what it was asked."""

    def __init__(self, probability=None):
        super().__init__()
        self.probability, self.asked = probability, []

    def forward(self, image, mask, coarse=None):
        self.asked.append((image, mask, coarse))
        answer = 20 * mask if self.probability is None else torch.full_like(mask, self.probability).logit()
        return {"s1": answer, "s4_3": answer}


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return CascadeNet().eval()


def disc(size, radius):
    y, x = np.ogrid[:size, :size]
    return torch.from_numpy(((y - size / 2) ** 2 + (x - size / 2) ** 2 < radius**2) * 2.0 - 1).float()[None, None]


def test_parameters_and_stem(net):
    assert sum(p.numel() for p in net.parameters()) == cascadepsp.PARAMETERS == 67_683_433
    assert net.feats.conv1.weight.shape == (64, 6, 7, 7)
    assert len(net.state_dict()) == 426
    dilations = [[block.conv2.dilation[0] for block in layer] for layer in (net.feats.layer3, net.feats.layer4)]
    assert dilations == [[1, 2, 2, 2, 2, 2], [1, 4, 4]]


def test_three_trunk_passes_in_the_global_call_and_two_in_a_local_one(net):
    inputs = []
    handle = net.feats.conv1.register_forward_pre_hook(lambda layer, given: inputs.append(given[0]))
    image, mask = torch.rand(1, 3, 16, 24), disc(24, 6)[..., :16, :]
    with torch.inference_mode():
        outputs = net(image, mask)
        local = net(image, mask, torch.full_like(mask, 0.3))
    handle.remove()
    assert [list(outputs), len(inputs)] == [["s8_1", "s8_2", "s4_2", "s8_3", "s4_3", "s1"], 5]
    assert "s8_1" not in local
    assert all(maps.shape == (1, 1, 16, 24) for maps in outputs.values())
    cascade = [(mask, mask), (outputs["s8_1"].tanh(),) * 2, (outputs["s8_2"].tanh(), outputs["s4_2"].tanh())]
    for given, (coarse, fine) in zip(inputs, cascade, strict=False):
        torch.testing.assert_close(given, torch.cat([image, mask, coarse, fine], dim=1))
    assert bool((inputs[3][:, 4:] == 0.3).all())  # a given map is used as it is


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((2448, 2448), [0, 418, 836, 1254, 1548], [0, 418, 836, 1254, 1548]),
        ((1024, 2048), [0, 124], [0, 418, 836, 1148]),
        ((300, 899), [0], [0]),
    ],
)
def test_starts_of_the_crops(size, rows, columns):
    assert [Steps().starts(side) for side in size] == [rows, columns]
    assert len(list(Steps().crops(*size))) == len(rows) * len(columns)


def test_candidates_on_inria():
    assert len(list(Steps().crops(5000, 5000))) == 121


def test_the_sizes_of_the_card_keep_the_number_of_crops_at_a_quarter():
    sizes = CARD.at(0.25).sizes
    assert len(list(Steps(sizes["side"], sizes["stride"], sizes["margin"]).crops(612, 612))) == 25


def test_padding_is_zero_for_the_image_and_minus_one_for_masks():
    told = Told(0.5)
    found = padded(told, torch.ones(1, 3, 900, 5), torch.ones(1, 1, 900, 5), torch.ones(1, 1, 900, 5))
    image, mask, coarse = told.asked[0]
    assert image.shape[-2:] == mask.shape[-2:] == coarse.shape[-2:] == (904, 8)
    assert not image[..., 900:, :].any()
    assert bool((mask[..., 5:] == -1).all())
    assert bool((coarse[..., 5:] == -1).all())
    assert found["s1"].shape == (1, 1, 900, 5)


@pytest.mark.parametrize(
    ("size", "padded_size"), [((96, 104), (96, 104)), ((100, 104), (104, 112)), ((104, 99), (112, 104))]
)
def test_where_one_side_is_no_multiple_of_8_both_grow(size, padded_size):
    """``safe_forward`` of the release; of the boxes of components a fifth are such."""
    told = Told(0.5)
    padded(told, torch.ones(1, 3, *size), torch.ones(1, 1, *size))
    assert told.asked[0][0].shape[-2:] == padded_size


@pytest.mark.slow
@pytest.mark.parametrize("size", [(100, 100), (40, 130), (48, 48), (17, 23)])
def test_probabilities_have_the_size_of_the_input(net, size):
    refiner = MaskRefiner(net, SMALL)
    mask = (torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(1)) > 0.5) * 2.0 - 1
    with torch.inference_mode():
        found = refiner.refined(torch.rand(1, 3, *size), mask)
    assert found.shape == mask.shape
    assert bool(((found >= 0) & (found <= 1)).all())


@pytest.mark.parametrize(("share", "runs"), [(0.09, 0), (0.11, 1), (0.89, 1), (0.91, 0)])
def test_a_crop_runs_when_a_tenth_to_nine_tenths_are_foreground(share, runs):
    mask = torch.full((1, 1, 100, 100), -1.0)
    mask[..., : round(100 * share)] = 1
    refiner = MaskRefiner(Told(), Steps(side=100, stride=50, margin=0))
    refiner.refined(torch.rand(1, 3, 100, 100), mask)
    assert (refiner.work.crops, refiner.work.skipped_crops) == (runs, 1 - runs)
    assert refiner.work.passes == 3 + 2 * runs


def test_where_no_crop_ran_the_global_mask_stays():
    told, size = Told(), 160
    refiner = MaskRefiner(told, SMALL)
    found = refiner.refined(torch.rand(1, 3, size, size), disc(size, 60))
    small = F.interpolate(disc(size, 60), (48, 48), mode="area")
    expected = F.interpolate(torch.sigmoid(20 * small), (size, size), mode="bilinear") > 0.5
    ran = torch.zeros(size, size, dtype=torch.bool)
    for rows, columns in SMALL.crops(size, size):
        if 0.1 <= expected[..., rows, columns].float().mean() <= 0.9:
            ran[rows, columns] = True
    assert 0 < ran.float().mean() < 1
    assert torch.equal(found[0, 0][~ran], expected[0, 0][~ran].float())
    _, mask, coarse = told.asked[1]
    assert set(mask.unique().tolist()) == {-1.0, 1.0}  # a local call gets the global mask, and stride 4 as coarse
    assert len(coarse.unique()) > 2


def test_a_crop_loses_its_margin_at_borders_inside_the_image_and_overlaps_are_averaged():
    told = Told(0.75)
    refiner = MaskRefiner(told, Steps(side=48, stride=48, margin=4))
    fine = torch.zeros(1, 1, 48, 88)
    fine[..., :20] = 1
    found = refiner.refined_locally(torch.rand(1, 3, 48, 88), fine, fine)
    assert refiner.work.crops == 1  # columns 0-47; the next crop, 40-87, has no foreground
    torch.testing.assert_close(found[..., :44], torch.full((1, 1, 48, 44), 0.75))
    assert not found[..., 44:].any()


def test_an_empty_mask_stays_empty_without_a_pass(net):
    refiner = MaskRefiner(net, SMALL)
    assert not refiner.refined(torch.rand(1, 3, 60, 60), torch.full((1, 1, 60, 60), -1.0)).any()
    assert refiner.work.passes == 0


def test_only_the_pip_package_enlarges_small_images():
    for enlarge, side in ((False, 24), (True, 48)):
        told = Told()
        MaskRefiner(told, Steps(48, 24, 2, enlarge=enlarge)).refined(torch.rand(1, 3, 24, 24), disc(24, 8))
        assert told.asked[0][0].shape[-1] == side


def test_components_are_joined_over_small_gaps_and_boxed():
    labels = np.zeros((200, 300), np.uint8)
    labels[20:60, 20:60] = 1
    labels[20:60, 64:104] = 1  # a gap of 4 is closed
    labels[20:60, 140:180] = 1  # one of 36 is not
    labels[100:130, 20:50] = 2  # 900 pixels are too few
    found = [one for one in components(labels, disc_size=10, least_side=32) if one.label]
    assert [one.label for one in found] == [1, 1]
    pair, lone = found
    # a disc of an even size loses the first row and column: 21 to 59, with 38 / 8 more on each side 16.25 to 63.75
    assert (lone.rows, lone.columns) == (slice(16, 63), slice(136, 183))
    assert lone.mask.sum() == 39 * 39
    assert pair.mask.sum() == 39 * 39 + 39 * 40
    assert pair.columns == slice(10, 113)


def test_the_boxed_erosion_equals_that_of_the_whole_map():
    import cv2

    from baselines.cascadepsp.masks import closed_regions, disc_element

    random = np.random.default_rng(3)
    own = (cv2.GaussianBlur(random.random((120, 160)), (0, 0), 6) > 0.5).astype(np.uint8)
    kernel = disc_element(10)
    count, numbers = cv2.connectedComponents(cv2.dilate(own, kernel), connectivity=8)
    closed = [cv2.erode((numbers == number).astype(np.uint8), kernel) for number in range(1, count)]
    expected = [one * own for one in closed if one.sum() > 25]
    found = list(closed_regions(own, kernel, 5))
    assert len(found) == len(expected) > 1
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("target", [0.8, 0.95])
def test_a_spoilt_mask_is_near_the_target_and_follows_its_seed(target):
    mask = (disc(112, 35)[0, 0].numpy() > 0).astype(np.uint8)
    one, again, other = (distorted(mask, target, 9, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    coarse = coarse_contours(mask, np.random.default_rng(1))
    assert 0.3 < mask_iou(one, coarse) < target
    assert mask_iou(coarse, mask) > 0.8  # the contours alone spoil it a little
    assert set(np.unique(one)) <= {0, 1}


def test_losses_by_hand():
    truth = torch.zeros(1, 1, 8, 8)
    logits = {name: torch.zeros(1, 1, 8, 8) for name in ("s8_1", "s8_2", "s4_2", "s8_3", "s4_3", "s1")}
    losses = cascade_losses(logits, truth, torch.ones_like(truth))
    entropy, distance = np.log(2), 0.5 + 0.25
    for name, expected in {"s8_1": entropy, "s4_3": 0.5 * entropy + 0.25 * distance, "s1": distance}.items():
        assert losses[name].item() == pytest.approx(expected, rel=1e-5)
    logits["s1"][..., 4:] = 50.0  # an edge from 0.5 to 1 that the truth lacks
    assert cascade_losses(logits, truth, torch.ones_like(truth))["edges"] > losses["edges"]
    unlabelled = cascade_losses(logits, truth, torch.zeros_like(truth))
    assert all(value == 0 for value in unlabelled.values())


@pytest.mark.parametrize("logit", [0.0, 2.0])  # two points tell the weights of two distances apart
def test_the_weights_of_the_six_outputs_by_hand(logit):
    names = ("s8_1", "s8_2", "s4_2", "s8_3", "s4_3", "s1")
    truth = torch.zeros(1, 1, 8, 8)
    losses = cascade_losses({name: torch.full_like(truth, logit) for name in names}, truth, torch.ones_like(truth))
    entropy, distance = np.log(1 + np.exp(logit)), 1 / (1 + np.exp(-logit))
    by_hand = {"s8": entropy, "s4": 0.5 * entropy + 0.25 * distance + 0.25 * distance**2, "s1": distance + distance**2}
    assert {name: losses[name].item() for name in names} == pytest.approx(
        {name: by_hand[name.partition("_")[0]] for name in names}, rel=1e-5
    )


def test_the_edges_are_five_times_the_mean_difference_of_sobel_magnitudes_by_hand():
    def weighed(mask, weights):
        wide = np.pad(mask, 1)
        return np.array([[(wide[y : y + 3, x : x + 3] * weights).sum() for x in range(9)] for y in range(7)])

    def magnitude(mask):
        across = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4
        smooth = weighed(mask, np.full((3, 3), 1 / 9))
        return np.sqrt(weighed(smooth, across) ** 2 + weighed(smooth, across.T) ** 2 + 1e-4)

    random = np.random.default_rng(0)
    logits, truth = random.normal(size=(7, 9)), (random.random((7, 9)) > 0.5) * 1.0
    labelled = np.ones((7, 9))
    labelled[2:4, 5:] = 0
    apart = np.abs(magnitude(1 / (1 + np.exp(-logits))) - magnitude(truth))
    losses = cascade_losses({"s1": _map(logits)}, _map(truth), _map(labelled))
    assert losses["edges"].item() == pytest.approx(5 * apart[labelled > 0].mean(), rel=1e-5)


def _map(values):
    return torch.from_numpy(values)[None, None]


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    return registry.build(CARD.at(0.1), 3).eval()


def test_a_refined_probability_over_one_half_takes_the_label(system, monkeypatch):
    coarse = torch.zeros(1, 3, 64, 64)
    coarse[:, 1, 16:48, 16:48] = 1
    for probability, expected in ((0.4, 1), (0.9, 0)):
        raised = {"found": probability}
        monkeypatch.setattr(
            MaskRefiner,
            "refined",
            lambda self, image, mask, raised=raised: torch.full_like(
                mask, raised["found"] if mask[0, 0, 0, 0] > 0 else 0
            ),
        )
        with torch.inference_mode():
            labels = system.refined(torch.rand(1, 3, 64, 64), coarse).argmax(1)
        # class 0 surrounds class 1; where it is sure of the whole image but the last row and column, it takes that
        assert int(labels[0, 32, 32]) == expected
        assert int(labels[0, 2, 2]) == 0


def test_work_counts_masks_crops_and_passes(system):
    with torch.inference_mode():
        system.predict(torch.rand(1, 3, 120, 110))
    work = system.work
    assert set(work) >= {"passes", "masks", "crops", "skipped_crops"}
    assert work["masks"] > 0
    assert work["passes"] == 1 + 3 * work["masks"] + 2 * work["crops"]


def test_work_counts_crops_on_top_of_the_passes_of_the_base(system, monkeypatch):
    told = Told()  # each mask stays as it is
    monkeypatch.setitem(system._modules, "net", told)
    monkeypatch.setattr(system.base, "work", {"passes": 4})
    labels = (disc(120, 20)[..., :110] > 0).long()[:, 0]  # a disc on class 0: in crops of 90, 15 % or more of it
    monkeypatch.setattr(system.base, "logits", lambda image: F.one_hot(labels, 3).permute(0, 3, 1, 2).float())
    with torch.inference_mode():
        system.predict(torch.rand(1, 3, 120, 110))
    crops = sum(coarse is not None for _, _, coarse in told.asked)
    assert len(told.asked) - crops == 2
    assert crops == 5  # four of the whole image, one of the disc
    assert system.work == {"passes": 4 + 3 * 2 + 2 * 5, "masks": 2, "crops": 5, "skipped_crops": 0}


def test_one_image_is_enough_for_a_step_of_the_base(system):
    system.train().enter_stage("main")
    try:
        losses = system.loss(torch.rand(1, 3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.long))
    finally:
        system.eval()
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.slow
def test_the_published_file_goes_with_a_base(system, tmp_path, capsys):
    torch.save({f"module.{key}": value for key, value in system.net.state_dict().items()}, tmp_path / "model")
    base = {key.removeprefix("net."): value for key, value in system.base.state_dict().items()}
    torch.save(base, tmp_path / "base")  # as segmentation-models-pytorch saves it
    files = [str(tmp_path / name) for name in ("base", "model", "ours.safetensors")]
    assert main(["convert", "cascadepsp", *files]) == 0
    other = registry.build(CARD, 3)
    load_weights(tmp_path / "ours.safetensors", other)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in system.state_dict().items())
    capsys.readouterr()
    assert main(["convert", "cascadepsp", files[1], files[2]]) == 2
    assert "the published file of deeplabv3plus-global, the published file of cascadepsp" in capsys.readouterr().err


@pytest.mark.slow
def test_the_published_file_goes_on_a_base_trained_here(system, tmp_path):
    torch.save(system.net.state_dict(), tmp_path / "model")
    save_weights(tmp_path / "base.safetensors", system.base, recipe="paper", dataset="deepglobe")
    files = [str(tmp_path / name) for name in ("base.safetensors", "model", "ours.safetensors")]
    assert main(["convert", "cascadepsp", *files]) == 0
    other = registry.build(CARD, system.num_classes)
    load_weights(tmp_path / "ours.safetensors", other)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in system.state_dict().items())


def test_imagenet_leaves_the_mask_channels_at_zero(system):
    from torchvision.models import resnet50

    before = {name: value.clone() for name, value in system.state_dict().items()}
    state = resnet50().state_dict()
    system.load_imagenet(state)
    stem = system.net.feats.conv1.weight
    assert torch.equal(stem[:, :3], state["conv1.weight"])
    assert not stem[:, 3:].any()
    assert torch.equal(system.net.feats.layer4[2].conv3.weight, state["layer4.2.conv3.weight"])
    system.load_state_dict(before)
