"""Packages of others: a changed file is another system, and a record says which package was measured."""

import re
import subprocess

import pytest

from benchmark import registry
from benchmark.machine.other_package import code_hash, described
from benchmark.run import plan
from benchmark.run.options import RunOptions
from benchmark.run.profiles import profile
from tests.packages import declare


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "theirnet"
    (folder / "parts").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "parts" / "block.py").write_text("WIDTH = 16\n", encoding="utf-8")
    declare(tmp_path, "their-net", {"isdbench.systems": {"theirnet": "theirnet.cards"}})
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    code_hash.cache_clear()


def hashed():
    code_hash.cache_clear()
    return code_hash("theirnet.cards")


def test_any_file_of_the_package_counts_but_no_cache(package):
    before = hashed()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "block.pyc").touch()
    (package / ".cache").mkdir()
    (package / ".cache" / "x").touch()
    assert hashed() == before
    (package / "parts" / "block.py").write_text("WIDTH = 32\n", encoding="utf-8")
    assert hashed() != before
    (package / "parts" / "block.py").write_text("WIDTH = 16\n", encoding="utf-8")
    assert hashed() == before
    (package / "net.yaml").touch()
    assert hashed() != before


def test_a_module_without_a_package_is_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "onefile.py").write_text("A = 1\n", encoding="utf-8")
    (tmp_path / "another.py").touch()
    before = code_hash("onefile")
    code_hash.cache_clear()
    (tmp_path / "another.py").write_text("B = 1\n", encoding="utf-8")
    assert code_hash("onefile") == before


def test_version_commit_and_code_are_named(package):
    assert re.fullmatch(r"their-net 0\.1\.0, code [0-9a-f]{12}", described("theirnet.cards"))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", str(package), *words], check=True)
    assert re.search(r", commit [0-9a-f]{40}, code ", described("theirnet.cards"))
    (package / "__init__.py").write_text("A = 1\n", encoding="utf-8")
    assert re.search(r", commit [0-9a-f]{40}, changed, code ", described("theirnet.cards"))


def test_a_changed_package_is_another_cell(package, monkeypatch):
    def key():
        code_hash.cache_clear()
        info, smoke = registry.dataset("synthetic").info, profile("smoke")
        options = RunOptions(profile=smoke, dataset=info, image_size=(612, 612), ratio=smoke.ratio, kinds=("cost",))
        return plan.jobs(registry.card("stdc"), "", options)[0].cell.key

    ours = key()
    monkeypatch.setattr(registry, "other_modules", lambda name: ["theirnet.cards"])
    theirs = key()
    assert theirs != ours
    (package / "parts" / "block.py").write_text("WIDTH = 32\n", encoding="utf-8")
    assert key() not in (ours, theirs)


def test_our_own_systems_are_of_no_other_package():
    assert [name for name in registry.cards() if registry.other_modules(name)] == []
    assert registry.other_modules("segfix(base=stdc)") == []


@pytest.mark.parametrize("name", ["theirs", "segfix(base=theirs)", "ours-on-theirs"])
def test_the_package_of_a_base_counts_too(name, monkeypatch):
    def made():
        stdc, segfix = registry.spec("stdc"), registry.spec("segfix")
        on_theirs = registry.replace(segfix, card=registry.replace(segfix.card, base="theirs"))
        return {
            "theirs": (stdc, "theirnet.cards"),
            "segfix": (segfix, "baselines.segfix"),
            "unet-global": (stdc, "baselines.unet"),
            "ours-on-theirs": (on_theirs, "baselines.segfix"),
        }

    found = made()
    monkeypatch.setattr(registry, "_found", lambda: found)
    assert registry.other_modules(name) == ["theirnet.cards"]
