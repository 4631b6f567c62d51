"""Verified ports against recorded outputs of the official code, from files in the official layout.

Each test also hands what it measured to docs/verified-ports.md, see ``page.py``.
"""

import contextlib
import os

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmark import registry
from benchmark.inference import resize
from benchmark.weights.convert import convert
from benchmark.weights.files import load_weights, save_weights
from tests.ports.recorded import equal, recording, relative, seeded_image, seeded_tensor

pytestmark = pytest.mark.slow  # a net is built, filled and converted
ONLY_THERE = pytest.mark.skipif(not os.environ.get("ISDBENCH_PORTS"), reason="half a minute of a core: nox -s ports")


@pytest.fixture
def converted(tmp_path):
    """Builds a system from official state dicts, written as their authors' files and converted."""

    def build(name, classes, *states):
        files = list(registry.spec(name).key_maps)
        for file, state in zip(files, states, strict=True):
            torch.save(state, tmp_path / file.replace("/", "-"))
        done = convert(registry.card(name), [tmp_path / file for file in files], tmp_path / "out.safetensors")
        assert done.num_classes == classes
        system = registry.build(registry.card(name), classes)
        load_weights(tmp_path / "out.safetensors", system)
        return system.eval()

    return build


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize(("name", "classes"), [("isdnet_deepglobe", 7), ("isdnet_inria", 2)])
def test_isdnet(name, classes, converted, measured):
    official = recording(name)
    system = converted("isdnet", classes, official.state())
    logits = resize(system.logits(seeded_image(333, 501, 1)), (333, 501))[0]
    at = logits[:, ::21, ::21]
    measured("isdnet", f"{classes} classes, 333x501", relative=relative(at, official["logits"]))
    measured("isdnet", f"{classes} classes, 333x501", labels=equal(logits.argmax(0)[::4, ::4], official["labels"]))


def test_glnet(converted, measured):
    """Its global branch, in the copy of the first stage and in the net of the last one."""
    official = recording("glnet")
    system = converted("glnet", 7, official.state("global_fixed"), official.state())
    image = seeded_image(508, 508, 1)
    fixed, own = system.fixed.alone(image).logits[0], system.net.alone(image).logits[0]
    place = "global branch, 508x508"
    measured("glnet", place, relative=relative(fixed[:, ::8, ::8], official["fixed_logits"]))
    measured("glnet", place, relative=relative(own[:, ::8, ::8], official["model_logits"]))
    measured("glnet", place, labels=equal(fixed.argmax(0)[::2, ::2], official["fixed_labels"]))


@ONLY_THERE
def test_glnet_end_to_end(converted, measured):
    official = recording("glnet")
    system = converted("glnet", 7, official.state("global_fixed"), official.state())
    scores, *_ = system.scores(seeded_image(1224, 1224, 2))
    scores = torch.from_numpy(scores[0])
    place = "end to end, 1224x1224"
    measured("glnet", place, relative=relative(scores[:, ::72, ::72], official["scores"]))
    measured("glnet", place, labels=equal(scores.argmax(0)[::8, ::8], official["labels"]))


@ONLY_THERE
@pytest.mark.parametrize(
    ("name", "recorded", "classes", "contexts"),
    [
        ("fctl", "fctl_deepglobe", 7, ("medium", "global")),
        ("fctl-batched", "fctl_deepglobe", 7, ("medium", "global")),
        ("fctl-inria", "fctl_inria", 2, ("ctx2x", "ctx3x")),
    ],
)
def test_fctl(name, recorded, classes, contexts, converted, measured):
    """The middle patch of nine with its two contexts."""
    official = recording(recorded)
    system = converted(name, classes, official.state(), *map(official.state, contexts))
    image = seeded_image(1224, 1224, 3)
    grid = system.grid(image)
    with system.shortened(image, grid.patch) if name == "fctl-batched" else contextlib.nullcontext():
        logits = system.patch_logits(image, grid, [4], system.shared_context(image, grid.patch))[0]
    place = "one patch with its contexts, 508x508"
    measured(system.card.name, place, relative=relative(logits[:, ::24, ::24], official["patch_logits"]))
    measured(system.card.name, place, labels=equal(logits.argmax(0)[::12, ::12], official["patch_labels"]))


def test_magnet(converted, measured):
    """Backbone and refinement module; the next test goes the way between them."""
    fpn, module = recording("magnet_fpn"), recording("magnet_refine")
    system = converted("magnet", 7, fpn.state(), module.state())
    logits = resize(system(seeded_image(508, 508, 1)), (508, 508))[0]
    measured("magnet", "backbone, 508x508", relative=relative(logits[:, ::30, ::30], fpn["logits"]))
    measured("magnet", "backbone, 508x508", labels=equal(logits.argmax(0)[::8, ::8], fpn["labels"]))
    refined = system.refinement[0](*map(_maps, (11, 12)))[0]
    measured("magnet", "refinement, 128x128", relative=relative(refined[:, ::8, ::8], module["logits"]))
    measured("magnet", "refinement, 128x128", labels=equal(refined.argmax(0)[::2, ::2], module["labels"]))


@ONLY_THERE
@pytest.mark.parametrize(("name", "form"), [("magnet", "full"), ("magnet-fast", "fast")])
def test_magnet_end_to_end(name, form, converted, measured):
    """Three scales, tiles and points; of the fast form the refined tiles and nearly all points come from ties."""
    fpn, module, official = recording("magnet_fpn"), recording("magnet_refine"), recording("magnet_e2e")
    system = converted(name, 7, fpn.state(), module.state())
    found = system.logits(seeded_image(2448, 2448, 4))[0]
    place = "end to end, 2448x2448"
    measured(name, place, labels=equal(found.argmax(0)[::12, ::12], official[f"{form}_labels"]))
    assert equal(found[:, ::102, ::102].round(decimals=2), official[f"{form}_probs"].round(decimals=2)) > 0.99


@pytest.mark.parametrize("name", ["cascadepsp", "cascadepsp-batched"])
def test_cascadepsp(name, measured, tmp_path):
    """The refinement net's three outputs of one mask; its base is a file of ours."""
    official, card = recording("cascadepsp"), registry.card(name)
    torch.manual_seed(0)
    save_weights(tmp_path / "base.safetensors", registry.build(registry.card(card.base), 7), "none", "deepglobe")
    torch.save(official.state(), tmp_path / "cascadepsp.pth")
    out = tmp_path / "out.safetensors"
    convert(card, [tmp_path / "base.safetensors", tmp_path / "cascadepsp.pth"], out)
    system = registry.build(card, 7)
    load_weights(out, system)
    image = system.normalised(seeded_image(224, 224, 1))
    found = system.eval().net(image, _blob(224, 224, 7))
    place = "net, 224x224"
    measured(name, place, relative=relative(found["s1"][0, 0, ::8, ::8].sigmoid(), official["pred"]))
    measured(name, place, relative=relative(found["s8_1"][0, 0, ::16, ::16], official["out_28"]))
    measured(name, place, relative=relative(found["s4_2"][0, 0, ::16, ::16], official["out_56"]))
    measured(name, place, labels=equal(found["s1"][0, 0, ::8, ::8] > 0, official["pred"] > 0.5))


def _blob(height, width, seed):
    """A mask of round shapes ``[1, 1, H, W]``, -1 and 1."""
    generator = np.random.default_rng(seed)
    down, right = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = np.zeros((height, width))
    for _ in range(6):
        frequency_down, frequency_right = generator.uniform(0.5, 3, 2)
        phase = generator.uniform(0, 6.28)
        waves += np.sin(6.28 * (frequency_down * down / height + frequency_right * right / width) + phase)
    return torch.from_numpy(np.where(waves > 0, 1.0, -1.0).astype(np.float32))[None, None]


def _maps(seed):
    """Smooth probabilities ``[1, 7, 128, 128]``."""
    small = np.random.default_rng(seed).standard_normal((1, 7, 16, 16)).astype(np.float32)
    return F.interpolate(2 * torch.from_numpy(small), (128, 128), mode="bilinear").softmax(1)


def test_hrnet_ocr(converted, measured):
    official = recording("magnet_hrnet")
    system = converted("hrnet-w18s-ocr", 19, official.state())
    logits = system(seeded_image(128, 256, 1))[0]
    _, auxiliary = system.net.both(system.normalised(seeded_image(128, 256, 1)))
    place = "net, 128x256"
    measured("hrnet-w18s-ocr", place, relative=relative(logits[:, ::16, ::16], official["logits"]))
    measured("hrnet-w18s-ocr", place, relative=relative(auxiliary[0, :, ::32, ::32], official["aux"]))
    measured("hrnet-w18s-ocr", place, labels=equal(logits.argmax(0)[::2, ::2], official["labels"]))


def test_magnet_cityscapes_converts_its_four_files(converted):
    """The refinement modules were recorded with seven classes; here their files have nineteen."""
    backbone, module = recording("magnet_hrnet"), recording("magnet_refine")
    wider = {key: [{7: 19, 14: 38}.get(side, side) for side in shape] for key, shape in module.about["shapes"].items()}
    states = []
    for prefix in ("a", "b", "c"):
        made = {key: torch.from_numpy(seeded_tensor(prefix + key, shape)) for key, shape in wider.items()}
        states.append(made)
    system = converted("magnet-cityscapes", 19, backbone.state(), *states)
    for index, state in enumerate(states):
        ours = system.refinement[index].state_dict()
        assert torch.equal(ours["conv1.weight"], state["conv1.weight"])


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("segfix-w18", 18),
        pytest.param("segfix", 48, marks=ONLY_THERE),
        pytest.param("segfix-as-released", 48, marks=ONLY_THERE),
    ],
)
def test_segfix(name, width, measured, monkeypatch, tmp_path):
    """Both heads for an image, and given labels moved along the directions by the release's script.

    The release's norm multiplies by |weight| + 1e-5; ours, where it is the plain one, gets that as its weight. The
    script interpolates labels, which 'segfix' does not; there only the heads are compared.
    """
    official, as_released = recording(f"segfix_w{width}"), name == "segfix-as-released"
    state = official.state()
    norms = [key for key, value in state.items() if key.endswith("weight") and value.dim() == 1]
    state |= {} if as_released else {key: state[key].abs() + 1e-5 for key in norms}
    system = _refiner(name, state, tmp_path)
    image = seeded_image(128, 256, 5)
    mask, direction = system.net(system.normalised(image.flip(1)))  # the release reads blue first
    measured(name, "boundary head, 128x256", relative=relative(mask[0, :, ::8, ::8], official["mask"]))
    measured(name, "direction head, 128x256", relative=relative(direction[0, :, ::8, ::8], official["direction"]))
    if as_released:
        given = torch.from_numpy(_blocks(128, 256))[None]
        monkeypatch.setattr(system.base, "predict", lambda _: given)
        system.base.work = {"passes": 1}
        labels = system.predict(image)[0, ::2, ::2]
        measured(name, "given labels, moved, 128x256", labels=equal(labels, official["labels"]))


def _refiner(name, state, folder):
    """A refiner from an official state dict, converted; its base has random weights."""
    card = registry.card(name)
    torch.manual_seed(0)
    save_weights(folder / "base.safetensors", registry.build(registry.card(card.base), 19), "none", "cityscapes")
    torch.save(state, folder / "official.pth")
    convert(card, [folder / "base.safetensors", folder / "official.pth"], folder / "out.safetensors")
    system = registry.build(card, 19)
    load_weights(folder / "out.safetensors", system)
    return system.eval()


def _blocks(height, width):
    """Labels uint8 ``[H, W]``: squares of 16 pixels of 19 classes."""
    small = np.random.default_rng(6).integers(0, 19, (height // 16 + 1, width // 16 + 1))
    return np.kron(small, np.ones((16, 16), int))[:height, :width].astype(np.uint8)


@pytest.mark.parametrize(("name", "form"), [("dgf", "full"), ("dgf-fast", "fast")])
def test_dgf(name, form, measured):
    """The guide and the guided filter, of given logits; a release of weights has no file of the guide alone."""
    official = recording("dgf")
    system = registry.build(registry.card(name), 19).eval()
    state = official.state()
    for ours, theirs in ((system.guide[0], "guided_map_conv1"), (system.guide[2], "guided_map_conv2")):
        ours.load_state_dict({part: state[f"{theirs}.{part}"] for part in ("weight", "bias")})
    noise = np.random.default_rng(8).standard_normal((1, 19, 64, 128)).astype(np.float32)
    coarse = F.avg_pool2d(torch.from_numpy(noise) * 3, 5, 1, 2) * 4
    found = system.refined(seeded_image(256, 512, 7), coarse)[0]
    place = "filter of given logits, 256x512"
    measured(name, place, relative=relative(found[:, ::32, ::32], official[form]))
    measured(name, place, labels=equal(found.argmax(0)[::4, ::4], official[f"{form}_labels"]))
