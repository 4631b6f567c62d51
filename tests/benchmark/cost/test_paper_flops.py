from dataclasses import replace

import pytest

from benchmark import registry
from benchmark.card import CustomInference, Downsampled
from benchmark.cost.paper_flops import SCALES, card_hash, count, estimate, wanted
from results.paper.flops import REFRESH, read_flops

COUNTS = read_flops()


def ours():
    """Cards of this repository: other packages' systems are no part of the committed counts."""
    modules = (module for package in ("isdnet", "baselines") for module in registry.modules_with(package, "SYSTEMS"))
    return [spec.card for module in modules for spec in module.SYSTEMS]


def test_every_system_that_feeds_a_printed_speed_is_counted_as_its_card_is():
    stale = [
        f"{card.name} ({dataset})"
        for card, dataset in wanted(ours())
        for found in [[COUNTS.of(card.name, dataset, scale) for scale in SCALES]]
        if any(entry is None or entry.card != card_hash(card) for entry in found)
    ]
    gone = {entry.system for entry in COUNTS.entries} - {card.name for card in ours()}
    assert not gone, f"run '{REFRESH}'"
    assert not stale, f"run '{REFRESH} {' '.join(dict.fromkeys(name.split()[0] for name in stale))}'"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "dataset", "scale"),
    [
        ("stdc", "cityscapes", 1.0),
        ("isdnet-shallow-full", "deepglobe", 1.0),
        ("unet-global", "deepglobe", 0.8),
    ],
)
def test_committed_counts_are_what_the_systems_give(system, dataset, scale):
    assert count(registry.card(system), dataset, scale) == COUNTS.of(system, dataset, scale)


def test_estimates_are_of_images_in_which_tiles_stay_whole():
    estimated = {(entry.dataset, entry.estimated_from) for entry in COUNTS.entries if entry.scale == 1}
    sizes = {("deepglobe", "272x272"), ("inria", "625x625"), ("cityscapes", "128x256")}
    assert {(dataset, size) for dataset, size in estimated if size} == sizes


def test_the_size_is_the_papers_and_its_reduction_that_of_the_official_script():
    sizes = {(entry.dataset, entry.scale): (entry.height, entry.width) for entry in COUNTS.entries}
    assert sizes == {
        ("deepglobe", 1.0): (2448, 2448),
        ("deepglobe", 0.8): (1958, 1958),
        ("inria", 1.0): (5000, 5000),
        ("inria", 0.8): (4000, 4000),
        ("cityscapes", 1.0): (1024, 2048),
        ("cityscapes", 0.8): (819, 1638),
    }


@pytest.mark.parametrize("system", ["unet-global", "isdnet-shallow-full"])
def test_an_estimate_from_a_small_image_is_near_the_count(system):
    total, work, _ = estimate(registry.card(system), "deepglobe", (2448, 2448), (272, 272))
    count = COUNTS.of(system, "deepglobe", 1.0).flops
    stride = 32  # the coarsest maps round up: 272 pixels are 8.5 strides, the map has 9
    assert abs(total / count - 1) < (9 * stride / 272) ** 2 - 1
    assert work["passes"] == 1


@pytest.mark.parametrize(
    ("system", "dataset", "passes"),
    [
        ("glnet", "deepglobe", 38),
        ("glnet", "inria", 123),
        ("fctl", "deepglobe", 73),
        ("fctl-inria", "inria", 363),
        ("magnet", "deepglobe", 21),
        ("magnet-fast", "deepglobe", 7),
        ("magnet-cityscapes", "cityscapes", 85),
        ("magnet-fast-cityscapes", "cityscapes", 13),
    ],
)
def test_passes_of_a_count_are_those_of_the_papers_image(system, dataset, passes):
    assert COUNTS.of(system, dataset, 1.0).work["passes"] == passes


def test_the_fingerprint_follows_what_a_count_depends_on():
    card = registry.card("unet-global")
    assert card_hash(replace(card, citation="another", assumptions=("words",))) == card_hash(card)
    changed = [
        replace(card, inference=Downsampled(0.25)),
        replace(card, inference=CustomInference("own")),
        replace(card, sizes={"patch": 9}),
    ]
    assert len({card_hash(card), *map(card_hash, changed)}) == 4
