"""What comes from strangers cannot act: SECURITY.md, point by point, but for tests that lie beside their code."""

import io
import json
import os
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

from benchmark.cli import main
from benchmark.data import prepare as prepare_module
from benchmark.data.deepglobe import DeepGlobe
from benchmark.data.prepare import prepare
from benchmark.data.synthetic import Synthetic, World, make_world
from benchmark.errors import DataError, UserError
from benchmark.training.checkpoint import load_checkpoint
from results.store import Store
from tests.results.records import record

REPOSITORY = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


class Harmful:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


def test_every_point_of_the_page_names_a_test_that_exists():
    rows = [line for line in (REPOSITORY / "SECURITY.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10
    for row in rows:
        ((file, name),) = NAMED.findall(row)
        assert f"\ndef {name}(" in (REPOSITORY / file).read_text(), row


def test_a_training_checkpoint_with_code_is_not_run(tmp_path, caplog):
    path = tmp_path / "training.pt"
    torch.save({"iteration": 1, "state": Harmful(tmp_path / "trace")}, path)
    assert load_checkpoint(path, logged=1) is None
    assert "not used" in caplog.text
    assert not (tmp_path / "trace").exists()


def zipped(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")


def linked_zip(path, target):
    entry = zipfile.ZipInfo("land-train")
    entry.external_attr = 0o120777 << 16  # a symbolic link
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, str(target))
        archive.writestr("land-train/evil", b"x")


def tarred(path, name, **link):
    with tarfile.open(path, "w") as archive:
        if link:
            entry = tarfile.TarInfo("land-train")
            entry.type, entry.linkname = link["type"], str(link["target"])
            archive.addfile(entry)
        entry = tarfile.TarInfo(name)
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))


@pytest.mark.parametrize(
    "kind", ["zip ..", "zip absolute", "zip link", "tar ..", "tar absolute", "tar link", "tar hard link"]
)
def test_an_archive_writes_nothing_outside_its_folder(tmp_path, kind):
    outside, out = tmp_path / "outside", tmp_path / "work" / "out"
    outside.mkdir()
    archive = tmp_path / ("a.zip" if kind.startswith("zip") else "a.tar")
    {
        "zip ..": lambda: zipped(archive, "../../../outside/evil"),
        "zip absolute": lambda: zipped(archive, str(outside / "evil")),
        "zip link": lambda: linked_zip(archive, outside),
        "tar ..": lambda: tarred(archive, "../../../outside/evil"),
        "tar absolute": lambda: tarred(archive, str(outside / "evil")),
        "tar link": lambda: tarred(archive, "land-train/evil", type=tarfile.SYMTYPE, target=outside),
        "tar hard link": lambda: tarred(archive, "x", type=tarfile.LNKTYPE, target="../../../../etc/hostname"),
    }[kind]()
    with pytest.raises((DataError, UserError)) as caught:
        prepare(DeepGlobe, archive, out)
    assert "\n" not in str(caught.value)
    assert list(outside.iterdir()) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused_before_anything_is_written(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(prepare_module, "HARMLESS_BYTES", 2**20)
    archive, size = tmp_path / f"bomb.{kind}", 2**23
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("land-train/0_sat.jpg", bytes(size))
    else:
        with tarfile.open(archive, "w:gz") as packed:
            entry = tarfile.TarInfo("land-train/0_sat.jpg")
            entry.size = size
            packed.addfile(entry, io.BytesIO(bytes(size)))
    with pytest.raises(DataError, match=r"bomb.* unpack to 8,388,608: no archive of images"):
        prepare(DeepGlobe, archive, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_what_does_not_fit_on_the_disk_is_refused(tmp_path, monkeypatch):
    zipped(tmp_path / "a.zip", "land-train/0_sat.jpg")
    monkeypatch.setattr(prepare_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(DataError, match="has room for 0"):
        prepare(DeepGlobe, tmp_path / "a.zip", tmp_path / "out")


def test_an_encrypted_archive_is_one_line(tmp_path):
    zipped(tmp_path / "a.zip", "land-train/0_sat.jpg")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match="is encrypted; unpack it with its password"):
        prepare(DeepGlobe, tmp_path / "a.zip", tmp_path / "out")


def test_an_id_cannot_name_a_file_elsewhere(tmp_path):
    root = make_world(tmp_path / "world", World(), (64, 64), 1, 1)
    plan = json.loads((root / "world.json").read_text())
    plan["splits"]["test"] = ["../../../../etc/passwd"]
    (root / "world.json").write_text(json.dumps(plan))
    dataset = Synthetic(root)
    with pytest.raises(DataError, match="0 of 1 pairs"):
        dataset.ids("test")
    with pytest.raises((DataError, KeyError)) as caught:
        dataset.read("../../../../etc/passwd")
    assert "root:" not in str(caught.value)


@pytest.mark.slow
def test_a_hostile_record_cannot_act_on_its_readers(tmp_path, capsys):
    hostile = "\x1b]0;owned\x07</script><script>alert(1)</script>[bold](x)|$(touch x)\n\\input{/etc/passwd}"
    store = Store(tmp_path / "records")
    for kind in ("cost", "accuracy"):
        honest = record(kind, hostile, profile=hostile, recipe=hostile, dataset="synthetic")
        made = honest.provenance.model_copy(update={"command": hostile, "git_reason": hostile})
        machine = honest.environment.model_copy(update={"cpu_model": hostile, "platform": hostile})
        store.append(honest.model_copy(update={"provenance": made, "environment": machine}))
    store.append(record("cost", "stdc", status="oom", reason=hostile))
    assert main(["report", "--tables", "table1", "--records", str(store.folder), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    pages = [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".html", ".md", ".tex", ".csv", ".svg")]
    assert {path.suffix for path in pages} >= {".html", ".md", ".tex", ".csv"}
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "\x1b" not in text, path
        assert "\\input{/etc" not in text or path.suffix != ".tex", path
        if path.suffix in (".html", ".md", ".svg"):
            assert "<script>alert" not in text, path
