"""FCtL: what its sheet of facts must show, the stages, and the names in the published files."""

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.common.patches import Grid, glnet_grid
from baselines.common.pillow_resize import bilinear
from baselines.fctl import system as fctl_system
from baselines.fctl.attention import WIDTH, ContextAttention, ContextFusion
from baselines.fctl.net import POOLS, PaddedFCN8s
from baselines.fctl.system import region_around, surroundings
from benchmark import registry
from benchmark.accuracy.metrics import confusion, metrics

DEEPGLOBE, INRIA = registry.card("fctl"), registry.card("fctl-inria")


def weightless(card, classes=7):
    """The system at full size with neither values nor cost."""
    with torch.device("meta"):
        return registry.build(card, classes).eval()


@pytest.fixture(scope="module")
def small():
    """The DeepGlobe form for images a tenth of the paper's side: patches of 51."""
    torch.manual_seed(0)
    return registry.build(DEEPGLOBE.at(0.1), 3).eval()


@pytest.fixture(scope="module", params=[DEEPGLOBE, INRIA], ids=lambda card: card.name)
def attentive(request):
    """A form whose contexts count, and each differently: its gammas and features are not those of a fresh net."""
    torch.manual_seed(1)
    system = registry.build(request.param.at(0.1), 3).eval()
    with torch.no_grad():
        for trunk in (system.net.features, *system.encoders.values()):
            for layer in trunk:
                if isinstance(layer, torch.nn.Conv2d):
                    torch.nn.init.kaiming_normal_(layer.weight)
        attentions = (*system.fusion.attentions, system.apprentice_attention)
        for attention, gamma in zip(attentions, (7.0, -5.0, 12.0, 9.0), strict=True):
            attention.gamma.fill_(gamma)
    return system


def test_a_patch_of_508_gives_logits_of_508_from_529_places():
    net = weightless(DEEPGLOBE).net
    with torch.device("meta"), torch.inference_mode():
        pools = net.encode(torch.rand(1, 3, 508, 508))
        attention = ContextAttention(subtract_means=True).weights(pools[2], pools[2])
        assert [tuple(pool.shape[1:]) for pool in pools] == [(256, 89, 89), (512, 45, 45), (512, 23, 23)]
        assert attention.shape == (1, 529, 529)
        assert net.output(pools[2]).shape == (1, 7, 17, 17)
        assert net.decode(*pools, (508, 508)).shape == (1, 7, 508, 508)


PADDINGS = [(padding, size) for padding in (5, 16, 25, 51, 68, 69, 100) for size in ((57, 64), (127, 127), (130, 97))]


@pytest.mark.parametrize(("padding", "size"), [*PADDINGS, (100, (1, 1))])
def test_logits_have_the_size_of_the_image_at_any_padding(padding, size):
    with torch.device("meta"):
        assert PaddedFCN8s(2, padding)(torch.rand(1, 3, *size)).shape == (1, 2, *size)


def test_too_little_padding_is_refused():
    with pytest.raises(ValueError, match="padding 4 must be at least 5"):
        PaddedFCN8s(2, 4)


@pytest.mark.parametrize(("card", "classes", "executed"), [(DEEPGLOBE, 7, 170_037_240), (INRIA, 2, 169_999_945)])
def test_executed_parameters_are_the_releases_without_dead_layers(card, classes, executed):
    lean = weightless(card, classes).inference_form()
    assert sum(p.numel() for p in lean.parameters()) == executed


@pytest.mark.slow
@pytest.mark.parametrize(("card", "classes", "side", "trunk_passes"), [(DEEPGLOBE, 7, 2448, 73), (INRIA, 2, 5000, 363)])
def test_trunk_passes_of_one_view(card, classes, side, trunk_passes):
    system = weightless(card, classes)
    counted = []
    for trunk in (system.net.features, *system.encoders.values()):
        trunk[0].register_forward_hook(lambda layer, inputs, output: counted.append(len(inputs[0])))
    with torch.device("meta"), torch.inference_mode():
        assert system.predict(torch.empty(1, 3, side, side)).shape == (1, side, side)
    assert sum(counted) == trunk_passes == system.work["passes"]
    assert max(counted) == system.released_batch


def test_with_all_gammas_at_zero_it_is_the_fcn_on_patches(small):
    image = torch.rand(1, 3, 90, 70)
    grid = small.grid(image)
    assert len(grid) == 4
    plain = torch.zeros(1, 3, 90, 70)
    with torch.inference_mode():
        for number in range(len(grid)):
            grid.add(plain, small.net(grid.crops(image, [number])), [number])
        torch.testing.assert_close(small.logits(image), plain.double())


@pytest.mark.slow
def test_a_patch_takes_from_the_contexts_of_the_release_in_its_order(attentive):
    image, number = torch.rand(2, 3, 90, 130), 4
    grid, fusion, encoders = attentive.grid(image), attentive.fusion, attentive.encoders
    with torch.inference_mode():
        shared = attentive.shared_context(image, grid.patch)
        *skips, local = attentive.net.encode(grid.crops(image, [number]))
        around = {times: surroundings(image, grid, [number], times) for times in (2, 3)}
        if attentive.card.name == "fctl":
            contexts = [local, encoders.medium(around[3]), encoders.large(bilinear(image, grid.patch))]
        else:
            contexts = [encoders.twice(around[2]), encoders.thrice(around[3]), local]
        taken = [attention(local, context) for attention, context in zip(fusion.attentions, contexts, strict=True)]
        assert min(float(one.std()) for one in taken) > 0.05 * float(local.std())
        gates = fusion.gates(taken)
        joined = local + gates[0] * taken[0] + gates[1] * taken[1] + gates[2] * taken[2]
        expected = attentive.net.decode(*skips, joined, grid.patch)
        found = attentive.patch_logits(image, grid, [number, 0], shared)
    torch.testing.assert_close(found[:2], expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


@pytest.mark.slow
def test_logits_are_summed_on_the_host_in_float64_as_released(attentive):
    with torch.inference_mode():
        logits = attentive.logits(torch.rand(2, 3, 90, 130))
    assert (logits.dtype, logits.device.type) == (torch.float64, "cpu")


@pytest.mark.slow
def test_a_step_counts_the_mean_loss_once_for_each_sub_batch_of_each_image(small, monkeypatch):
    monkeypatch.setattr(fctl_system, "focal", lambda logits, target: torch.ones(()))
    image, target = torch.rand(2, 3, 90, 130), torch.zeros(2, 90, 130, dtype=torch.int64)
    patches = len(small.grid(image))
    monkeypatch.setattr(small, "stage", "all")
    assert float(small.loss(image, target)["focal"]) == 2 * math.ceil(patches / 4)
    monkeypatch.setattr(small, "stage", "local")
    assert float(small.loss(image, target)["focal"]) == 2 * math.ceil(patches / 6)


@pytest.mark.slow
def test_in_stages_with_one_context_the_net_in_training_sees_patch_and_surroundings(attentive, monkeypatch):
    apprentice = copy.deepcopy(attentive.net)  # that has learnt something
    with torch.no_grad():
        apprentice.features[0].weight.mul_(-1)
    lent = (apprentice, attentive.apprentice_attention)
    stages = {"medium": (3, *lent)}
    if attentive.card.name == "fctl-inria":
        stages = {"thrice": (3, *lent), "twice": (2, attentive.net, attentive.fusion.attentions[0])}
    image, numbers = torch.rand(1, 3, 90, 130), [4, 0]
    grid = attentive.grid(image)
    for stage, (times, net, attention) in stages.items():
        monkeypatch.setattr(attentive, "stage", stage)
        monkeypatch.setattr(attentive, "apprentice", apprentice if net is apprentice else None)
        with torch.inference_mode():
            *skips, local = net.encode(grid.crops(image, numbers))
            taken = attention(local, net.encode(surroundings(image, grid, numbers, times))[2])
            expected = net.decode(*skips, local + taken, grid.patch)
            found = attentive.stage_logits(image, grid, numbers)
        assert float(taken.std()) > 0.05 * float(local.std()), stage
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


@pytest.mark.parametrize(("times", "side"), [(2, 1016), (3, 1524)])
def test_contexts_at_the_papers_size(times, side):
    with torch.device("meta"):
        picture = torch.empty(1, 3, 2448, 2448)
        grid = weightless(DEEPGLOBE).grid(picture)
        assert region_around(picture, grid, 0, times).shape == (1, 3, side, side)
        assert surroundings(picture, grid, [0, 7], times).shape == (2, 3, 508, 508)


@pytest.mark.parametrize(("times", "border"), [(2, 30), (3, 60)])
def test_contexts_are_centred_black_beyond_the_image_and_reduced_as_by_pillow(times, border):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 170, 3), dtype=np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    grid = Grid.of((200, 170), 60, partial(glnet_grid, least_overlap=6))
    wide = np.pad(pixels, ((border, border), (border, border), (0, 0)))
    for number, (top, left) in enumerate(grid.corners):
        region = Image.fromarray(wide[top : top + 60 * times, left : left + 60 * times])
        expected = torch.from_numpy(np.asarray(region.resize((60, 60), Image.Resampling.BILINEAR)).copy()) / 255
        assert torch.equal(surroundings(image, grid, [number], times)[0].permute(1, 2, 0), expected)
    corner = surroundings(torch.ones(1, 3, 200, 170), grid, [0], times)
    assert not corner[..., : border // times - 1, :].any()


@pytest.mark.parametrize("subtract_means", [True, False])
def test_attention_ignores_what_all_keys_share_and_with_means_what_all_queries_share(subtract_means):
    torch.manual_seed(1)
    attend = ContextAttention(subtract_means=subtract_means)
    local, context = torch.rand(1, WIDTH, 3, 4), torch.rand(1, WIDTH, 3, 4)
    with torch.no_grad():
        attend.query.weight.mul_(10)
        before = attend.weights(local, context)
        attend.key.bias += torch.randn(WIDTH)
        torch.testing.assert_close(attend.weights(local, context), before, rtol=1e-3, atol=1e-5)
        attend.key.bias.zero_()
        attend.query.bias += torch.randn(WIDTH)
        shifted = attend.weights(local, context)
    assert torch.allclose(shifted, before, rtol=1e-3, atol=1e-5) == subtract_means
    torch.testing.assert_close(before.sum(2), torch.ones(1, 12))


def test_gates_sum_to_one_over_the_contexts():
    torch.manual_seed(2)
    fusion = ContextFusion(subtract_means=True)
    with torch.no_grad():
        gates = fusion.gates([torch.randn(2, WIDTH, 3, 3) for _ in range(3)])
    torch.testing.assert_close(gates.sum(0), torch.ones(2, WIDTH, 3, 3))
    assert gates.std() > 0.001


def test_the_column_of_inria_is_the_iou_of_buildings():
    info = registry.dataset("inria").info
    label = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 0, 0]], np.uint8)  # 1 is a building
    guess = np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], np.uint8)
    found = metrics(info, confusion(label, guess, 2))
    assert found.miou_paper == pytest.approx(100 * 2 / 4)
    assert found.iou == pytest.approx({"iou_background": 100 * 6 / 8, "iou_building": 100 * 2 / 4})


@pytest.mark.parametrize(
    ("card", "free"),
    [
        (DEEPGLOBE, [{"apprentice"}, {"net"}, {"apprentice", "apprentice_attention"}, {"net", "fusion"}]),
        (INRIA, [{"net"}, {"apprentice", "apprentice_attention"}, {"net", "fusion"}, {"net", "fusion"}]),
    ],
)
def test_each_stage_trains_its_own_modules(card, free):
    system = weightless(card)
    for stage, expected in zip(system.stages, free, strict=True):
        system.enter_stage(stage)
        names = [name for name, parameter in system.named_parameters() if parameter.requires_grad]
        assert {name.partition(".")[0] for name in names} == expected, stage
        assert not any("up_" in name for name in names)
        if stage == "twice":
            assert {name[:19] for name in names if name.startswith("fusion")} == {"fusion.attentions.0"}
    assert system.apprentice is None


def test_the_encoder_that_a_stage_trained_is_kept_and_the_net_goes_on_from_its_own(small):
    before = {name: value.clone() for name, value in small.state_dict().items()}
    small.enter_stage("medium")
    with torch.no_grad():
        for parameter in small.apprentice.features.parameters():
            parameter.fill_(0.25)
    small.enter_stage("all")
    assert all(bool((parameter == 0.25).all()) for parameter in small.encoders["medium"].parameters())
    kept = [name for name in before if not name.startswith("encoders.medium")]
    assert all(torch.equal(small.state_dict()[name], before[name]) for name in kept)
    small.load_state_dict(before)


def published(form):
    """Names in the three published files, from the released modules: the net, then its two encoders."""
    convolutions = [place for place, layer in enumerate(PaddedFCN8s(2, 100).features) if hasattr(layer, "weight")]
    starts = dict(zip((3, 4, 5), (0, *POOLS[:2]), strict=True))

    def pools(prefix):
        blocks = [(place, max(block for block, start in starts.items() if start <= place)) for place in convolutions]
        return [f"{prefix}pool{block}.{place - starts[block]}" for place, block in blocks]

    vgg = [f"vgg.features.{place}" for place in convolutions] + [f"vgg.classifier.{number}" for number in (0, 3, 6)]
    heads = ["adj_pool3", "adj_pool4", "output.0", "output.3", "output.6"]
    gates = [*(f"{way}_{number}" for way in ("in", "out") for number in (1, 2, 3)), "trans"]
    fixed = [f"{name}.weight" for name in ("up_output", "up_pool4_out", "up_final")]
    if form is DEEPGLOBE:
        contexts = ("local", "medium", "large")
        lone = [*(f"{name}.gamma" for name in contexts), *(f"{name}.conv_value.weight" for name in contexts)]
        layers = [*gates, *(f"{name}.conv_{kind}" for name in contexts for kind in ("query", "key"))]
    else:
        ends = ("", "_1", "_2")
        lone = [f"big_attention.gamma{end}" for end in ends] + [f"big_attention.conv_value{end}.weight" for end in ends]
        layers = [*gates, *(f"conv_{kind}{end}" for end in ends for kind in ("query", "key"))]
        layers = [f"big_attention.{layer}" for layer in layers]
    both = [f"{layer}.{kind}" for layer in [*vgg, *pools(""), *heads, *layers] for kind in ("weight", "bias")]
    encoder = [f"{layer}.{kind}" for layer in [*vgg, *pools(""), *pools("big_")] for kind in ("weight", "bias")]
    return [*both, *lone, *fixed], encoder, encoder


@pytest.mark.parametrize("card", [DEEPGLOBE, INRIA])
def test_published_files_fill_every_tensor_once(card):
    maps = registry.spec(card.name).key_maps.values()
    ours = [name for keys, file in zip(maps, published(card), strict=True) for name in map(keys, file) if name]
    assert sorted(ours) == sorted(weightless(card).inference_form().state_dict())
