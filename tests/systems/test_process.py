"""Importing and building systems in a process of its own: silent, offline, nothing changed that the process shares."""

import json
import subprocess
import sys

import pytest

BUILD_ALL = """
import json, socket, sys
from pathlib import Path

def refuse(*_, **__):
    raise OSError("building a system must not use the network")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from benchmark import registry
cards = registry.cards()
torch_imported = "torch" in sys.modules

import torch
from tests.systems import global_state
before = {**global_state.settings(), **global_state.generators()}
from tests.systems import architectures
changed = {}
smallest = {}  # of each builder: the first construction of a net may import more
for card in sorted(cards.values(), key=lambda card: card.parameters, reverse=True):
    module, name, _ = architectures.builder(card)
    smallest[module, name] = card
for card in smallest.values():
    try:
        registry.build(card, 2)
    except ModuleNotFoundError as error:
        if not card.extra:
            changed[card.name] = repr(error)
    except Exception as error:
        changed[card.name] = repr(error)
    now = {**global_state.settings(), **global_state.generators()}
    moved = [name for name, value in before.items() if now[name] != value and name != "torch"]  # draws the weights
    before = now
    if moved:
        changed.setdefault(card.name, moved)
report = {"systems": len(smallest), "torch imported": torch_imported, "changed": changed}
Path(sys.argv[1]).write_text(json.dumps(report))
"""


@pytest.mark.slow
def test_the_first_system_of_each_builder_is_silent_offline_and_leaves_no_trace(tmp_path):
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", BUILD_ALL, str(report)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads(report.read_text())
    assert found["systems"] > 10
    assert not found["torch imported"]
    assert found["changed"] == {}
