"""``SHA256SUMS``: written by ``data prepare``, checked by ``data verify`` and by coreutils."""

import shutil
import subprocess

import pytest

from benchmark.cli import main
from benchmark.data.manifest import FILE, manifest_problems, write_manifest
from tests.benchmark.data import fakes

STRANGE = ("with space.png", "line\nbreak.png", "back\\slash.png", "a\udcff.png", "sub/grün.png")


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(STRANGE):
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * number)
    write_manifest(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def prepared(tmp_path, capsys):
    fakes.write_deepglobe(tmp_path / "source", ["119", "2774"])
    words = ("data", "prepare", "--dataset", "deepglobe", "--root", tmp_path / "source", "--out", tmp_path / "out")
    main([str(word) for word in words])
    capsys.readouterr()
    return tmp_path / "out"


def verify(prepared, capsys):
    """The lines about the manifest."""
    status = main(["data", "verify", "--dataset", "deepglobe", "--root", str(prepared)])
    return status, [line for line in capsys.readouterr().out.splitlines() if FILE in line]


def test_a_prepared_folder_is_as_its_manifest_says(prepared, capsys):
    assert len((prepared / FILE).read_text().splitlines()) == 4
    assert verify(prepared, capsys)[1] == []


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no coreutils")
def test_coreutils_read_it_whatever_the_files_are_called(root):
    assert subprocess.run(["sha256sum", "-c", "--strict", "--quiet", FILE], cwd=root, check=False).returncode == 0
    (root / STRANGE[0]).write_text("other")
    assert subprocess.run(["sha256sum", "-c", "--status", FILE], cwd=root, check=False).returncode == 1
    sums = subprocess.run(["sha256sum", *STRANGE[1:]], cwd=root, check=True, capture_output=True).stdout
    (root / FILE).write_bytes(sums)
    assert [problem.file.name for problem in manifest_problems(root)] == [STRANGE[0]]


def test_a_changed_a_missing_and_an_extra_file_are_named(prepared, capsys):
    folder = prepared / "land-train"
    image = (folder / "119_sat.jpg").read_bytes()
    (folder / "119_sat.jpg").unlink()  # a link to the source
    (folder / "119_sat.jpg").write_bytes(image + b"0")
    (folder / "2774_mask.png").unlink()
    (folder / "notes.txt").write_text("mine")
    status, lines = verify(prepared, capsys)
    assert status == 1
    assert [line.removeprefix(f"error: {folder}/").split(";")[0] for line in lines] == [
        "notes.txt: is not in SHA256SUMS",
        "2774_mask.png: is missing, and listed in SHA256SUMS",
        "119_sat.jpg: has changed: another sha256 than in SHA256SUMS",
    ]


def test_preparing_again_adds_files_and_forgives_no_change(prepared, tmp_path, capsys):
    mask = prepared / "land-train" / "119_mask.png"
    data = mask.read_bytes()
    mask.unlink()
    mask.write_bytes(data + b"0")
    fakes.write_deepglobe(tmp_path / "source", ["606"])
    words = ("data", "prepare", "--dataset", "deepglobe", "--root", tmp_path / "source", "--out", prepared)
    main([str(word) for word in words])
    out = capsys.readouterr().out
    assert "119_mask.png: has changed" in out
    assert len((prepared / FILE).read_text().splitlines()) == 6
    assert "606" not in "".join(line for line in out.splitlines() if FILE in line)


@pytest.mark.parametrize("line", ["no sum", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/passwd", f"{'0' * 63}  a"])
def test_a_wrong_line_is_named(root, line):
    (root / FILE).write_text(f"{line}\n")
    (problem,) = manifest_problems(root)
    assert str(problem).startswith(f"{root / FILE}: line 1 is no sha256 and name within the folder")


def test_a_folder_without_a_manifest_has_no_problem_with_it(root):
    (root / FILE).unlink()
    assert manifest_problems(root) == []
