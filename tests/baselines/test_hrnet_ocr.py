"""The coarse net of Table 3's refiners: counts, published names, resolution, both heads."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.hrnet_ocr.net import HRNetOCR, published_name
from benchmark import registry

CARD = registry.card("hrnet-w18s-ocr")


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    return registry.build(CARD.at(0.25), 5).eval()


def test_parameters_are_those_of_the_published_net():
    net = HRNetOCR(19)
    assert sum(p.numel() for p in net.parameters()) == 6_379_278
    assert len(net.state_dict()) == 924


def test_published_names_cover_the_net(system):
    own = list(system.state_dict())
    published = [name.removeprefix("net.").removeprefix("backbone.") for name in own]
    ours = registry.spec(CARD.name).key_map
    assert [ours(key) for key in published] == own
    assert ours("model.conv1.weight") == "net.backbone.conv1.weight"
    assert published_name("cls_head.bias") == "cls_head.bias"


def test_every_branch_sees_the_full_input(system):
    with torch.inference_mode():
        branches = system.net.backbone(torch.rand(1, 3, 16, 24))
    assert [tuple(branch.shape[1:]) for branch in branches] == [(18, 16, 24), (36, 8, 12), (72, 4, 6), (144, 2, 3)]


def test_it_sees_an_eighth_of_the_side(system):
    seen = []
    handle = system.net.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    try:
        with torch.inference_mode():
            labels = system.predict(torch.rand(1, 3, 128, 256))
    finally:
        handle.remove()
    assert seen == [(16, 32)]
    assert labels.shape == (1, 128, 256)


def test_it_is_magnets_coarse_result_end_to_end(system):
    """OpenCV's own bilinear reduction of the bytes, and probabilities that are enlarged."""
    noisy = np.random.default_rng(4).integers(0, 256, (256, 512, 3), dtype=np.uint8)
    image = torch.from_numpy(noisy).permute(2, 0, 1)[None] / 255
    small = torch.from_numpy(cv2.resize(noisy, (64, 32), interpolation=cv2.INTER_LINEAR)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        labels = system.predict(image)
        logits = system.net(system.normalised(small))
        expected = F.interpolate(logits.softmax(1), (256, 512), mode="bilinear").argmax(1)
        assert len(expected.unique()) > 1
        assert float((labels == expected).double().mean()) >= 0.9999
        antialiased = F.interpolate(image, (32, 64), mode="bilinear", antialias=True)
        other = F.interpolate(system.net(system.normalised(antialiased)), (256, 512), mode="bilinear").argmax(1)
    assert float((other == expected).double().mean()) < 0.99  # otherwise the image would tell nothing


def test_what_a_refiner_gets_is_the_logarithm_of_the_enlarged_probabilities(system):
    logits = torch.randn(1, 5, 4, 8) * 20
    enlarged = system.enlarged(logits, (32, 64))
    torch.testing.assert_close(enlarged.exp(), F.interpolate(logits.softmax(1), (32, 64), mode="bilinear"))
    assert torch.equal(enlarged.argmax(1).to(torch.uint8), system.labels_of(logits, (32, 64)))
    assert enlarged.isfinite().all()


def test_output_is_the_weighted_mean_of_both_heads(system):
    image = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        main, auxiliary = system.net.both(image)
        torch.testing.assert_close(system.net(image), (main + 0.4 * auxiliary) / 1.4)
    assert not torch.allclose(main, auxiliary)


def test_losses_are_both_heads_cross_entropies(system):
    image, target = torch.rand(2, 3, 16, 16), torch.randint(0, 5, (2, 16, 16))
    target[:, :3] = 255
    with torch.inference_mode():
        main, auxiliary = system.net.both(system.normalised(image))
        losses = system.loss(image, target)
    torch.testing.assert_close(losses["cross_entropy"], F.cross_entropy(main, target, ignore_index=255))
    torch.testing.assert_close(losses["auxiliary"], 0.4 * F.cross_entropy(auxiliary, target, ignore_index=255))


def test_a_pixel_attends_to_the_classes_as_written_out(system):
    """Yuan et al. 2020, equations 8-10, pixel by pixel in float64."""
    block = system.net.ocr_distri_head.double()
    pixels, scores = torch.rand(1, 512, 2, 3).double(), torch.rand(1, 5, 2, 3).double()
    attention = block.object_context_block
    try:
        with torch.inference_mode():
            flat = pixels[0].flatten(1)  # [512, 6]
            objects = torch.stack([flat @ row.softmax(0) for row in scores[0].flatten(1)], dim=1)  # [512, 5]
            key, value = (
                layer(objects[None, ..., None])[0, ..., 0] for layer in (attention.f_object, attention.f_down)
            )
            query = attention.f_pixel(pixels)[0].flatten(1)
            mixed = [value @ (key.T @ query[:, pixel] / 256**0.5).softmax(0) for pixel in range(6)]
            context = attention.f_up(torch.stack(mixed, dim=1).view(1, 256, 2, 3))
            expected = block.conv_bn_dropout(torch.cat([context, pixels], dim=1))
            torch.testing.assert_close(block(pixels, scores), expected)
    finally:
        block.float()


def test_an_imagenet_file_fills_the_trunk(system):
    state = {key: torch.full_like(value, 2) for key, value in system.net.backbone.state_dict().items()}
    twin = registry.build(CARD, 5)
    twin.load_imagenet({**state, "classifier.weight": torch.zeros(1000, 2048)})
    assert all(bool((value == 2).all()) for value in twin.net.backbone.state_dict().values())
    del state["stage4.1.branches.3.1.conv2.weight"]
    with pytest.raises(ValueError, match=r"no 'stage4\.1\.branches\.3\.1\.conv2\.weight'"):
        twin.load_imagenet(state)
