"""PPN, as far as a reconstruction can be held to something: selection, counts, and what refinement leaves alone."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from baselines.ppn.system import PPN, ProposalHead, error_shares
from benchmark import registry
from benchmark.inference import resize
from results.paper import TABLE_NAMES, paper_table
from tests.systems.architectures import image, stir

CARD = registry.card("ppn")
SIDE = 196  # 36 patches of 41


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    net = PPN(CARD.at(0.08), 7)
    stir(net)
    return net.eval()


@pytest.fixture
def selecting(system):
    """Set the number of patches for one test."""
    kept = system.selected

    def choose(count):
        system.selected = count
        return system

    yield choose
    system.selected = kept


@pytest.fixture(scope="module")
def chosen(system):
    """All patches of the image, best first."""
    picture = image(SIDE, SIDE)
    with torch.inference_mode():
        scores = system.proposal(system.seen_globally(picture).features, system.grid(picture))[0]
    assert scores.shape == (36,)
    assert len(scores.unique()) == 36  # so the order is one
    return scores.argsort(descending=True).tolist()


def test_without_patches_the_result_is_the_global_branch_enlarged(selecting):
    system, picture = selecting(0), image(SIDE, SIDE)
    with torch.inference_mode():
        expected = resize(system.seen_globally(picture).logits, (SIDE, SIDE))
        assert torch.equal(system.logits(picture), expected)
        assert torch.equal(system.predict(picture)[0], expected.argmax(1)[0].to(torch.uint8))
    assert system.work == {"passes": 1, "patches": 0}


def test_pixels_outside_the_selected_patches_never_change(selecting, chosen):
    picture = image(SIDE, SIDE)
    with torch.inference_mode():
        plain, refined = selecting(0).logits(picture), selecting(3).logits(picture)
    grid = selecting(3).grid(picture)
    inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    for number in chosen[:3]:
        inside[grid.window(number)] = True
    assert torch.equal(plain[..., ~inside], refined[..., ~inside])
    assert (plain[..., inside] != refined[..., inside]).float().mean() > 0.99


def test_refined_logits_are_averaged_where_selected_patches_overlap(selecting):
    system, picture = selecting(36), image(60, 60)  # four patches, all of them selected
    grid = system.grid(picture)
    with torch.inference_mode():
        features = system.seen_globally(picture).features
        patches = resize(system.fused(picture, grid, features, range(4)), grid.patch)
        expected = torch.zeros(1, 7, 60, 60)
        grid.add(expected, patches, range(4))
        torch.testing.assert_close(system.logits(picture), expected / grid.coverage(expected), rtol=1e-4, atol=1e-4)
    assert system.work == {"passes": 5, "patches": 4}


def test_the_patches_with_the_highest_scores_are_selected(selecting, chosen):
    system = selecting(5)
    assert system.proposed(torch.tensor([0.1, 0.9, 0.3, 0.9, -1.0, 0.9, 0.5])) == [1, 2, 3, 5, 6]
    assert system.proposed(torch.zeros(36)) == [0, 1, 2, 3, 4]  # the first ones of equals
    assert system.proposed(torch.tensor([2.0, 1.0])) == [0, 1]
    seen = []
    hook = system.refine_trunk.register_forward_pre_hook(lambda _, args: seen.extend(args[0]))
    with torch.inference_mode():
        picture = image(SIDE, SIDE)
        system.predict(picture)
    hook.remove()
    wanted = system.normalised(system.grid(picture).crops(picture, sorted(chosen[:5])))
    assert torch.equal(torch.stack(seen), wanted)
    assert system.work["patches"] == 5


def test_passes_are_one_global_one_proposal_and_the_selected_patches(selecting):
    system, calls = selecting(7), {"global": 0, "proposal": 0, "refinement": 0}

    def count(name):
        def hook(module, inputs, output):
            calls[name] += len(inputs[0])

        return hook

    modules = zip(calls, (system.whole.resnet_global, system.proposal, system.refine_trunk), strict=True)
    hooks = [module.register_forward_hook(count(name)) for name, module in modules]
    with torch.inference_mode():
        system.predict(image(SIDE, SIDE))
    for hook in hooks:
        hook.remove()
    assert calls == {"global": 1, "proposal": 1, "refinement": 7}
    assert system.work == {"passes": 8, "patches": 7}


def test_the_card_says_that_the_printed_values_are_no_measure_of_it():
    assert CARD.fidelity == "reimplemented"
    told = " ".join((CARD.remark, *CARD.assumptions))
    for word in (
        "no reference implementation",
        "cannot be graded",
        "quoted from the PPN paper, not measured",
        "71.90",
        "12.90",
        "9 highest",
    ):
        assert word in told
    assert CARD.rows == ("table1/ppn",)
    quoted = [row.row for name in TABLE_NAMES for row in paper_table(name).rows if row.quoted]
    assert quoted == ["ppn"]


def test_work_grows_by_the_same_amount_with_each_patch(selecting):
    flops = []
    for count in (0, 1, 4):
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            selecting(count).predict(image(SIDE, SIDE))
        flops.append(counter.get_total_flops())
    assert flops[2] - flops[0] == 4 * (flops[1] - flops[0]) > 0


def test_the_head_learns_which_patches_are_wrong():
    """On features that show where the global branch errs, the head finds the worse patches."""
    torch.manual_seed(0)
    grid = PPN.grid(_Sized, torch.zeros(1, 3, SIDE, SIDE))
    features = torch.randn(1, 512, 12, 12) * 0.1
    features[..., :6, :] += 1
    head = ProposalHead()
    critical = torch.tensor([number < 18 for number in range(36)]).float()[None]
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    for _ in range(15):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(head(features, grid), critical).backward()
        optimizer.step()
    best = head(features, grid)[0].argsort(descending=True)[:12].tolist()
    assert all(number < 18 for number in best)


class _Sized:
    card = replace(CARD.at(0.08))


def test_the_share_of_wrong_pixels_of_each_patch():
    grid = PPN.grid(_Sized, torch.zeros(1, 3, 60, 60))  # patches of 41 at 0 and 19
    logits = torch.zeros(2, 7, 60, 60)
    logits[:, 3] = 1
    target = torch.full((2, 60, 60), 3)
    target[0, :19] = 5  # rows that only the upper two patches have
    target[1, :19] = 255
    shares = error_shares(logits, target, grid)
    torch.testing.assert_close(shares, torch.tensor([[19 / 41, 19 / 41, 0, 0], [0, 0, 0, 0]]))


def test_patches_with_more_errors_than_the_mean_of_their_image_are_critical(system, monkeypatch):
    monkeypatch.setattr(system, "stage", "proposal")
    pictures = image(60, 60, batch=3)  # four patches each
    with torch.no_grad():
        seen = system.seen_globally(pictures)
        answers = torch.nn.functional.interpolate(
            seen.logits.argmax(1, keepdim=True).float(), (60, 60), mode="nearest-exact"
        )
        target = answers[:, 0].long()
        target[0, :30] = (target[0, :30] + 1) % 7  # the upper patches are wrong, the lower ones a little, too
        target[1, :, :4] = (target[1, :, :4] + 1) % 7  # a few columns of the left patches are wrong
        scores = system.proposal(seen.features, system.grid(pictures)).double().sigmoid()
        found = system.loss(pictures, target)["proposal"]  # the third image has no errors: none is above the mean
    critical = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)
    by_hand = -torch.where(critical, scores, 1 - scores).log().mean()
    assert float(found) == pytest.approx(float(by_hand), rel=1e-5)


def test_each_stage_trains_its_part(system):
    parts = {
        "global": {"whole"},
        "proposal": {"proposal"},
        "refinement": {"refine_trunk", "refine_fpn", "fusion"},
    }
    free = {}
    for stage in system.stages:
        system.enter_stage(stage)
        free[stage] = {name.split(".")[0] for name, p in system.named_parameters() if p.requires_grad}
        trained = {name for name, module in system.train().named_children() if module.training}
        assert trained == parts[stage]
    system.requires_grad_(True).eval()
    assert free == parts
