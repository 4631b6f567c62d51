"""DenseCRF: the mean field against a brute-force one in float64, on the lattice and with the exact Gaussian.

What agrees, and how closely: the update rule with exact kernels (1e-5); all of it with kernels summed pair by pair
(1e-4) and with the lattice written out point by point (1e-4); the authors' package (1e-4). The lattice itself is an
approximation of the Gaussian, the authors' as ours: 2 % of what the mean field changes on average, 4 % at the worst
pixel, for faint potentials; with the usual ones single pixels fall to another label.
"""

import itertools
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.densecrf.direct_sum import PAIRS, DirectSum
from baselines.densecrf.meanfield import DenseCRF, Potentials, kernels_of, mean_field
from baselines.densecrf.permutohedral import Lattice
from benchmark import registry
from benchmark.parts import time_parts
from benchmark.system import System

USUAL = {
    "smoothness_pixels": 3,
    "smoothness_weight": 3,
    "appearance_pixels": 49,
    "appearance_levels": 5,
    "appearance_weight": 5,
}
FAINT = {**USUAL, "smoothness_weight": 0.1, "appearance_pixels": 20, "appearance_levels": 60, "appearance_weight": 0.1}
GRAINY = {**USUAL, "smoothness_pixels": 1, "appearance_pixels": 67, "appearance_levels": 3, "appearance_weight": 4}
SIZE, CLASSES = (14, 18), 5


def picture(*size, seed=0):
    """Two fields of colour with noise, uint8 ``[3, H, W]`` over 255."""
    rng = np.random.default_rng(seed)
    field = (np.add.outer(np.arange(size[0]), np.arange(size[1])) > sum(size) / 2)[..., None]
    pixels = np.where(field, [200, 90, 40], [60, 120, 90]) + rng.normal(0, 8, (*size, 3))
    return torch.from_numpy(pixels.clip(0, 255).round().astype(np.uint8)).permute(2, 0, 1).float() / 255


def unaries(*size, classes=CLASSES, seed=0):
    """Log probabilities ``[H * W, C]``: blocks of a class each, and noise."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(classes, (1, 1, size[0] // 8 + 1, size[1] // 8 + 1), generator=generator)
    labels = F.interpolate(blocks.float(), scale_factor=8)[0, 0, : size[0], : size[1]].flatten().long()
    noise = torch.randn(labels.numel(), classes, generator=generator)
    return (noise + 2 * F.one_hot(labels, classes)).log_softmax(1)


def features_of(image, settings):
    """Rounded to float32: on which side of a simplex's face a pixel is may hang on it."""
    height, width = image.shape[1:]
    places = np.array([(x, y) for y, x in itertools.product(range(height), range(width))], np.float32)
    levels = (image * 255).round().numpy().reshape(3, -1).T
    appearance = [
        places / np.float32(settings["appearance_pixels"]),
        levels / np.float32(settings["appearance_levels"]),
    ]
    smoothness = places / np.float32(settings["smoothness_pixels"])
    return smoothness.astype(float), np.concatenate(appearance, axis=1).astype(float)


def exact_kernel(features):
    distances = ((features[:, None] - features[None]) ** 2).sum(2)
    return np.exp(-0.5 * distances)


def lattice_kernel(features):
    """Splat, blur and slice written out point by point: Adams et al., section 3, with the scales of their appendix."""
    count, d = features.shape
    corners, splat = {}, []
    for feature in features:
        scaled = [x * (2 / 3) ** 0.5 * (d + 1) / ((j + 1) * (j + 2)) ** 0.5 for j, x in enumerate(feature)]
        elevated = np.array([sum(scaled[j:]) - (j * scaled[j - 1] if j else 0) for j in range(d + 1)])
        # the simplex around a point: the differences to the 0-coloured point, sorted, span less than one step
        base = np.round(elevated / (d + 1)) * (d + 1)
        order = np.argsort(base - elevated, kind="stable")
        while base.sum() != 0:
            base[order[-1 if base.sum() > 0 else 0]] -= np.sign(base.sum()) * (d + 1)
            order = np.argsort(base - elevated, kind="stable")
        rest = (elevated - base)[order] / (d + 1)
        for k in range(d + 1):
            point = base + k
            point[order[d + 1 - k :]] -= d + 1
            weight = 1 + rest[d] - rest[0] if k == 0 else rest[d - k] - rest[d - k + 1]
            splat.append((corners.setdefault(tuple(point.astype(int)), len(corners)), weight))
    matrix = np.zeros((len(corners), count))
    for entry, (corner, weight) in enumerate(splat):
        matrix[corner, entry // (d + 1)] += weight
    blurred = matrix
    for axis in range(d + 1):
        neighbours = [np.eye(d + 1, dtype=int)[axis] * -(d + 1) + 1, np.eye(d + 1, dtype=int)[axis] * (d + 1) - 1]
        added = np.zeros_like(blurred)
        for point, index in corners.items():
            for step in neighbours:
                other = corners.get(tuple(np.array(point) + step))
                if other is not None:
                    added[index] += 0.5 * blurred[other]
        blurred = blurred + added
    return matrix.T @ blurred / (1 + 2.0**-d)


def brute_force(log_probabilities, kernels, weights, iterations):
    """Algorithm 1 of Krahenbuhl and Koltun with the Potts model, literally, in float64."""
    log_p = log_probabilities.double().numpy()
    potts = 1 - np.eye(log_p.shape[1])
    scale = [kernel.sum(1) ** -0.5 for kernel in kernels]
    belief = np.exp(log_p)
    for _ in range(iterations):
        energy = -log_p
        for kernel, weight, factor in zip(kernels, weights, scale, strict=True):
            passed = factor[:, None] * (kernel @ (factor[:, None] * belief))
            energy = energy + weight * passed @ potts
        belief = np.exp(energy.min(1, keepdims=True) - energy)
        belief /= belief.sum(1, keepdims=True)
    return belief


def ours(image, log_p, settings, gaussian=Lattice):
    return mean_field(log_p, kernels_of(image, Potentials(**settings), gaussian), 5).softmax(1).numpy()


def weights_of(settings):
    return settings["smoothness_weight"], settings["appearance_weight"]


class Dense:
    def __init__(self, kernel):
        scale = kernel.sum(1) ** -0.5
        self.matrix = torch.from_numpy(scale[:, None] * kernel * scale).float()

    def filter(self, values):
        return self.matrix @ values


def test_the_update_is_that_of_the_paper():
    image, log_p = picture(*SIZE), unaries(*SIZE)
    kernels = [exact_kernel(features) for features in features_of(image, USUAL)]
    expected = brute_force(log_p, kernels, weights_of(USUAL), 5)
    found = mean_field(log_p, [(Dense(kernel), w) for kernel, w in zip(kernels, weights_of(USUAL), strict=True)], 5)
    np.testing.assert_allclose(found.softmax(1).numpy(), expected, atol=1e-5)


# 1.3 pixels, not GRAINY's 1, which puts points on faces of simplices
@pytest.mark.parametrize("settings", [USUAL, {**GRAINY, "smoothness_pixels": 1.3}, FAINT])
def test_the_whole_is_the_brute_force_mean_field_on_the_lattice(settings):
    image, log_p = picture(*SIZE), unaries(*SIZE)
    kernels = [lattice_kernel(features) for features in features_of(image, settings)]
    expected = brute_force(log_p, kernels, weights_of(settings), 5)
    assert np.abs(expected - log_p.exp().numpy()).max() > 0.01  # the mean field does something
    np.testing.assert_allclose(ours(image, log_p, settings), expected, atol=1e-4)


@pytest.mark.parametrize("settings", [USUAL, GRAINY, FAINT])
def test_the_exact_engine_is_the_brute_force_mean_field(settings):
    image, log_p = picture(24, 32), unaries(24, 32)
    expected = brute_force(log_p, [exact_kernel(f) for f in features_of(image, settings)], weights_of(settings), 5)
    assert np.abs(expected - log_p.exp().numpy()).max() > 0.01  # the mean field does something
    np.testing.assert_allclose(ours(image, log_p, settings, DirectSum), expected, atol=1e-4)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_pairs_out_of_reach_are_left_out_and_do_not_count(d):
    features = np.random.default_rng(d).uniform(1000, 1040, (300, d)).astype(np.float32).astype(float)
    kernel = DirectSum(torch.from_numpy(features).float())
    assert 300 < kernel.size < 300**2
    np.testing.assert_allclose(kernel.filter(torch.eye(300)).numpy(), exact_kernel(features), atol=1e-6)


def test_one_row_far_from_all_others_costs_no_memory():
    features = torch.cat([torch.full((1, 1), -1000.0), torch.rand(4000, 1)])
    kernel, start, largest = DirectSum(features), 0, 0
    while start < len(features):
        stop = kernel.stop(start)
        largest = max(largest, (stop - start) * (kernel.end[stop - 1] - kernel.first[start]))
        start = stop
    assert 4000 < largest <= PAIRS


def test_the_exact_engine_is_exact_under_autocast_and_refuses_large_images():
    image, crf = picture(24, 32)[None], refiner(registry.card("densecrf-exact"))
    with torch.inference_mode():
        log_p = unaries(24, 32, classes=2)
        expected = crf.inferred(image[0], log_p)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(crf.inferred(image[0], log_p), expected)
        with pytest.raises(ValueError, match=r"densecrf-exact.*262,144 at most.*1024x2048; take 'densecrf'"):
            crf.inferred(torch.empty(3, 1024, 2048), torch.empty(1024 * 2048, 2))


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_lattice_is_the_one_written_out(d):
    features = np.random.default_rng(d).normal(0, 2, (60, d))
    found = Lattice(torch.from_numpy(features).float()).filter(torch.eye(60)).numpy()
    np.testing.assert_allclose(found, lattice_kernel(features), atol=1e-5)


def test_faint_potentials_agree_with_the_exact_gaussian():
    """To 1e-3 where the mean field moves Q by 0.02: with the usual weights Q doubles and redoubles the difference."""
    image, log_p = picture(24, 32), unaries(24, 32)
    exact = brute_force(log_p, [exact_kernel(f) for f in features_of(image, FAINT)], weights_of(FAINT), 5)
    error, change = np.abs(ours(image, log_p, FAINT) - exact), np.abs(exact - log_p.exp().numpy())
    assert change.max() > 0.01
    assert error.max() < 1e-3
    assert error.max() < 0.06 * change.max()
    assert error.mean() < 0.03 * change.mean()


def test_usual_potentials_give_the_labels_of_the_exact_gaussian():
    image, log_p = picture(24, 32), unaries(24, 32)
    exact = brute_force(log_p, [exact_kernel(f) for f in features_of(image, USUAL)], weights_of(USUAL), 5)
    same = ours(image, log_p, USUAL).argmax(1) == exact.argmax(1)
    assert same.mean() > 0.98


@pytest.mark.parametrize("size", [(40, 56), (96, 128)])
@pytest.mark.parametrize("settings", [USUAL, GRAINY])
def test_the_authors_package_gives_the_same(size, settings):
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    image, log_p = picture(*size), unaries(*size, classes=19)
    crf = densecrf.DenseCRF2D(size[1], size[0], 19)
    crf.setUnaryEnergy((-log_p).T.contiguous().numpy())
    crf.addPairwiseGaussian(sxy=settings["smoothness_pixels"], compat=settings["smoothness_weight"])
    pixels = (image * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    deviations = {"sxy": settings["appearance_pixels"], "srgb": settings["appearance_levels"]}
    crf.addPairwiseBilateral(**deviations, rgbim=pixels, compat=settings["appearance_weight"])
    assert np.abs(np.array(crf.inference(5)).T - ours(image, log_p, settings)).max() < 1e-4


def test_without_weights_nothing_changes():
    image, log_p = picture(*SIZE), unaries(*SIZE)
    off = {**USUAL, "smoothness_weight": 0, "appearance_weight": 0}
    torch.testing.assert_close(mean_field(log_p, kernels_of(image, Potentials(**off)), 5), log_p)


def test_a_constant_image_with_constant_unaries_is_a_fixed_point():
    flat = torch.full((3, *SIZE), 0.4)
    even = torch.full((SIZE[0] * SIZE[1], CLASSES), 1 / CLASSES).log()
    np.testing.assert_allclose(ours(flat, even, USUAL), 1 / CLASSES, atol=1e-6)
    leaning = unaries(1, 1).expand(SIZE[0] * SIZE[1], CLASSES)
    assert (ours(flat, leaning, USUAL).argmax(1) == int(leaning[0].argmax())).all()


def test_classes_may_change_places():
    image, log_p = picture(*SIZE), unaries(*SIZE)
    order = [3, 0, 4, 1, 2]
    np.testing.assert_allclose(ours(image, log_p[:, order], USUAL), ours(image, log_p, USUAL)[:, order], atol=1e-5)


def test_features_too_far_apart_are_refused():
    with pytest.raises(ValueError, match="take larger deviations"):
        Lattice(torch.rand(10, 5) * 1e6)


class Coarse(System):
    """A base that sees which field a pixel is in at an eighth of the side, and errs."""

    def __init__(self):
        super().__init__(registry.card("stdc"), 2)

    def forward(self, image):
        small = F.avg_pool2d(image, 8)[:, :1] - 0.5
        noise = torch.randn(small.shape, generator=torch.Generator().manual_seed(5))
        return 4 * torch.cat([-small, small], dim=1) + 0.7 * torch.cat([noise, -noise], dim=1)

    def loss(self, image, target):
        return {}


def refiner(card=None):
    card = card or registry.card("densecrf")
    return registry.spec(card.name).build(card, 2, Coarse()).eval()


def test_the_map_follows_the_edges_of_the_image():
    image = picture(64, 96)[None]
    truth = (image[0, 0] > 0.5).to(torch.uint8)
    crf = refiner(registry.card("densecrf").at(0.25))
    with torch.inference_mode():
        coarse, fine = ((system.predict(image)[0] == truth).float().mean() for system in (crf.base, crf))
    assert coarse < 0.97
    assert fine > 0.99
    assert crf.work["mean_field_iterations"] == 10
    assert crf.work["lattice_points"] > 100
    assert crf.work["passes"] == 1


def test_settings_in_pixels_scale_and_the_others_do_not():
    crf = refiner(registry.card("densecrf").at(0.25))
    potentials = crf.potentials
    assert (potentials.smoothness_pixels, potentials.appearance_pixels) == (1, 17)
    assert (potentials.smoothness_weight, potentials.appearance_weight, potentials.appearance_levels) == (3, 4, 3)


def test_it_has_no_parameters_and_no_stage_of_its_own():
    crf = refiner()
    assert list(crf.own_parameters()) == []
    assert crf.stages == crf.base.stages
    assert isinstance(crf, DenseCRF)


def test_the_exact_engine_gives_nearly_the_labels_of_the_lattice():
    image = picture(40, 56)[None]
    lattice, exact = refiner(), refiner(registry.card("densecrf-exact"))
    with torch.inference_mode():
        same = lattice.predict(image) == exact.predict(image)
    assert same.float().mean() > 0.98
    assert exact.work["pairs"] > 40 * 56
    assert "lattice_points" not in exact.work
    assert (lattice.card.rows, exact.card.rows) == (("table3/densecrf",), ())


def test_the_time_of_a_prediction_splits_into_base_set_up_and_iterations():
    crf = refiner()
    with torch.inference_mode():
        _, parts_ms = time_parts(lambda: crf.predict(picture(40, 56)[None]), lambda: None)
    assert list(parts_ms) == ["base", "set-up", "iterations", "rest"]
    assert min(parts_ms.values()) > 0


def test_the_other_engine_gives_the_same_probabilities():
    pytest.importorskip("pydensecrf.densecrf")
    image = picture(40, 56)[None]
    with torch.inference_mode():
        found, expected = (refiner(registry.card(name)).logits(image) for name in ("densecrf-cpp", "densecrf"))
    torch.testing.assert_close(found.softmax(1), expected.softmax(1), atol=1e-3, rtol=0)


def test_the_other_engine_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'isdbench\[crf\]'"):
        refiner(registry.card("densecrf-cpp"))
