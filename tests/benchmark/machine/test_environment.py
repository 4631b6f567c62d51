import os
import platform
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest
import torch

from benchmark.machine.environment import cpu_model, environment, git_state, library_versions, provenance

ROOT = Path(__file__).resolve().parents[3]


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    for name in ("benchmark/environment.py", "results/records/old.json"):
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def test_the_machine_is_described_without_importing_torch():
    code = "import sys; from benchmark.machine.environment import *; "
    code += "print(environment('cpu').gpu_reason, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "the run used no GPU False"


def test_a_cpu_run_has_blank_gpu_fields_and_no_zeros():
    made = environment("cpu")
    assert made.cpu_model
    assert made.cpu_threads >= 1
    assert platform.libc_ver()[0] != "glibc" or made.host_allocator == "glibc, freed blocks kept"
    assert made.memory_gib > 0
    assert made.load_average == pytest.approx(os.getloadavg()[0], abs=2)
    assert made.libraries["torch"] == torch.__version__.split("+")[0]
    assert (made.gpu, made.gpu_memory_mib, made.driver, made.clocks_mhz, made.power_limit_w) == (None,) * 5


def test_libraries_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr("benchmark.machine.environment.LIBRARIES", ("torch", "no-such-distribution"))
    assert list(library_versions()) == ["torch"]


def test_the_processor_is_named_by_the_kernel_or_by_python(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Some CPU @ 2 GHz\n")
    assert cpu_model(file) == "Some CPU @ 2 GHz"
    assert cpu_model(tmp_path / "missing")


@pytest.fixture
def gpu(monkeypatch):
    properties = SimpleNamespace(uuid="u", total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Some GPU")
    for name, answer in {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
        "nvmlSystemGetDriverVersion": lambda: "580.1",
        "nvmlDeviceGetClockInfo": lambda handle, kind: 1000 + kind,
        "nvmlDeviceGetEnforcedPowerLimit": lambda handle: 350_000,
    }.items():
        monkeypatch.setattr(pynvml, name, answer)


def test_a_gpu_is_described_by_torch_and_nvml(gpu):
    made = environment("Some GPU")
    assert (made.gpu, made.gpu_memory_mib, made.driver, made.power_limit_w) == ("Some GPU", 81920, "580.1", 350)
    assert made.clocks_mhz == {"graphics": 1000, "sm": 1001, "memory": 1002}
    assert made.gpu_reason == ""


def test_a_gpu_without_nvml_says_so(gpu, monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    made = environment("Some GPU")
    assert made.gpu == "Some GPU"
    assert (made.driver, made.clocks_mhz) == (None, None)
    assert made.gpu_reason.startswith("NVML: ")


def test_a_clean_checkout_has_a_commit_and_new_records_do_not_make_it_dirty(checkout):
    (checkout / "results/records/new.json").write_text("2\n")
    (checkout / "results/records/old.json").write_text("2\n")
    assert git_state(checkout / "benchmark/environment.py") == (git(checkout, "rev-parse", "HEAD"), False, "")


@pytest.mark.parametrize("name", ["benchmark/environment.py", "benchmark/new.py", "results/paper.csv"])
def test_a_changed_or_new_file_makes_it_dirty(checkout, name):
    (checkout / name).write_text("2\n")
    assert git_state(checkout / "benchmark/environment.py")[1] is True


def test_an_installed_copy_inside_a_foreign_checkout_does_not_borrow_its_commit(checkout):
    copy = checkout / "venv/benchmark/environment.py"
    copy.parent.mkdir(parents=True)
    copy.write_text("1\n")
    commit, dirty, reason = git_state(copy)
    assert (commit, dirty) == (None, None)
    assert reason.startswith("not a git checkout of the suite: error: pathspec")


def test_no_checkout_and_no_git_are_told_apart(tmp_path, monkeypatch):
    file = tmp_path / "environment.py"
    file.touch()
    assert "not a git repository" in git_state(file)[2]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(file) == (None, None, "git is not installed")


def test_provenance_says_when_how_and_how_long():
    made = provenance("isdbench run table1", {"cell": 3}, time.monotonic() - 2, resumed=True)
    assert (made.command, made.seeds, made.resumed) == ("isdbench run table1", {"cell": 3}, True)
    assert 2 <= made.wall_seconds < 30
    assert datetime.fromisoformat(made.created).utcoffset().total_seconds() == 0
    assert (made.git_commit is None) == bool(made.git_reason)
    assert os.environ.get("GIT_OPTIONAL_LOCKS") is None
