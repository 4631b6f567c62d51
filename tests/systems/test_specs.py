"""A system is one object: card, builder, key map. Light checks on each; the heavy contract is beside this file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import registry
from benchmark.spec import SystemSpec

SPECS = registry.specs()
MODULES = [
    module.__name__ for package in ("isdnet", "baselines") for module in registry.modules_with(package, "SYSTEMS")
]
LIBRARIES = ("mmsegmentation", "segmentation-models-pytorch")
NOTHING_PUBLISHED = {"densecrf", "densecrf-cpp", "dgf", "dgf-fast"}  # no net, or one that the authors keep
KINDS = ("stdc", "unet-local", "isdnet-shallow-full", "dgf", "magnet-fast-cityscapes", "segfix-w18")  # of builders
PORTS = [name for name, spec in SPECS.items() if spec.card.fidelity == "verified-port"]
DOCUMENT = Path(__file__).parents[2] / "docs" / "verified-ports.md"


@pytest.mark.parametrize("name", KINDS)
def test_its_builder_gives_a_system_of_its_card(name):
    spec = SPECS[name]
    card = spec.card.at(0.1)
    base = (registry.build(registry.card(card.base).at(0.1), 3),) if card.base else ()
    system = spec.build(card, 3, *base)
    assert (system.card, system.num_classes) == (card, 3)


@pytest.mark.parametrize("name", PORTS)
def test_a_verified_port_has_a_key_map(name):
    assert bool(SPECS[name].key_maps) == (name not in NOTHING_PUBLISHED)


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.card.fidelity == "library"])
def test_a_librarys_checkpoint_has_a_key_map(name):
    card = SPECS[name].card
    assert card.source.startswith(LIBRARIES)
    (keys,) = SPECS[name].key_maps.values()
    assert keys("backbone.layer.weight") == "net.backbone.layer.weight"


def test_a_spec_names_the_files_of_its_checkpoint():
    card = registry.card("stdc")
    assert SystemSpec(card, None).key_maps == {}
    assert list(SystemSpec(card, None, str.lower).key_maps) == ["the published file of stdc"]
    assert list(SystemSpec(card, None, {"a.pth": str.lower, "b.pth": str.upper}).key_maps) == ["a.pth", "b.pth"]


def test_a_refiner_on_another_base_keeps_its_builder_and_key_map():
    plain, moved = registry.spec("segfix-w18"), registry.spec("segfix-w18(base=stdc)")
    assert (moved.build, moved.key_map) == (plain.build, plain.key_map)
    assert moved.card == registry.card("segfix-w18(base=stdc)")


def test_every_module_with_systems_imports_no_torch():
    assert len(MODULES) > 15
    code = f"import sys, {', '.join(MODULES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_verified_port_is_in_the_document_and_no_system_that_is_gone():
    text = DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9-]+)`", text))
    known = {*SPECS, "as-intended", "verified-port", "reimplemented"}  # an ending of names; fidelities
    assert set(PORTS) <= named | {"densecrf-cpp"}  # the authors' own code
    assert {name for name in named if "/" not in name} <= known
