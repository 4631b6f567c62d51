import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pynvml
import pytest
import torch

from benchmark.cost.memory import cuda
from benchmark.cost.memory.host import HighWaterMark, ResourceUsage, SampledResident
from benchmark.cost.memory.probes import Sampled, first_value, peak_readings
from benchmark.errors import ProbeUnavailableError
from benchmark.machine.allocator import MIB
from benchmark.machine.gpu import device_used_mib, torch_uuid
from results.record import MemoryReading

ROOT = Path(__file__).resolve().parents[3]
KNOWN_ALLOCATION = """
import json, time
import numpy as np
from benchmark.cost.memory.host import host_probes
from benchmark.cost.memory.probes import peak_readings

def allocate():
    block = np.ones(200 * 2**20, np.uint8)
    time.sleep(0.05)
    return int(block[-1])

readings = peak_readings(allocate, host_probes())
print(json.dumps({name: reading.model_dump() for name, reading in readings.items()}))
"""


PEAKS = """
import json, sys
from contextlib import nullcontext
import torch
from torch import nn
from benchmark.cost.memory.host import HighWaterMark
from benchmark.cost.memory.probes import peak_readings
from benchmark.machine.allocator import freed_memory_kept

def net(channels, size):
    layers = [nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()) for _ in range(3)]
    body, image = nn.Sequential(*layers).eval(), torch.rand(1, channels, size, size)
    return lambda: body(image)

def peak(call):
    call()
    return peak_readings(call, {"one": HighWaterMark()})["one"].mib

small, others = net(8, 500), [net(24, 400), net(16, 612), net(32, 480)]
with torch.inference_mode(), globals()[sys.argv[1]]():
    peaks = [peak(small)]
    for other in others:
        for _ in range(3):
            other()
        peaks.append(peak(small))
print(json.dumps(peaks))
"""
PAGES = """
import json, resource
import torch
from benchmark.cost.memory.host import resident_mib
from benchmark.cost.memory.probes import peak_readings
from benchmark.machine.allocator import MIB, freed_memory_kept

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(64 * MIB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = pages()
with freed_memory_kept():
    peak_readings(lambda: None, {})  # freed memory returned meanwhile
    with freed_memory_kept():
        pass
    for _ in range(4):
        pages()  # until it has settled which of the free places is taken; each is new once
    kept, kept_mib = pages(), resident_mib()
print(json.dumps(dict(usual=usual, kept=kept, kept_mib=kept_mib, after_mib=resident_mib())))
"""


class FakeProbe:
    def __init__(self, mib=None, fails_at=""):
        self.mib, self.fails_at, self.events = mib, fails_at, []

    def start(self):
        self.events.append("start")
        if self.fails_at == "start":
            raise ProbeUnavailableError("not here")

    def stop(self):
        self.events.append("stop")
        if self.fails_at == "stop":
            raise ProbeUnavailableError("gone")
        return MemoryReading(mib=self.mib)


def test_a_process_that_shrinks_has_a_peak_of_nothing_over_idle():
    probe = SampledResident()
    probe.start()
    probe.idle_mib += 1e6
    assert probe.stop().mib == 0


def test_every_host_probe_sees_a_known_allocation_within_two_percent():
    done = subprocess.run(
        [sys.executable, "-c", KNOWN_ALLOCATION], cwd=ROOT, capture_output=True, text=True, check=True
    )
    readings = json.loads(done.stdout)
    assert set(readings) == {"sampled", "getrusage", "high_water_mark"}
    worked = {name: reading["mib"] for name, reading in readings.items() if reading["mib"] is not None}
    assert "sampled" in worked
    assert all(reading["reason"] for name, reading in readings.items() if name not in worked)
    assert worked == pytest.approx(dict.fromkeys(worked, 200), rel=0.02)


on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap has these options")


@pytest.mark.slow
@on_glibc
@pytest.mark.parametrize("kind", ["nullcontext", "freed_memory_kept"])
def test_the_peak_of_a_net_does_not_depend_on_what_ran_before(kind):
    done = subprocess.run([sys.executable, "-c", PEAKS, kind], cwd=ROOT, capture_output=True, text=True, check=True)
    peaks = json.loads(done.stdout)
    maps = 2 * 8 * 500 * 500 * 4 / MIB
    assert peaks == pytest.approx([peaks[0]] * 4, rel=0.02)
    assert maps < peaks[0] < 2.5 * maps


@pytest.mark.slow
@on_glibc
def test_a_freed_memory_kept_takes_each_page_from_the_kernel_once_and_gives_them_back_at_its_end():
    done = subprocess.run([sys.executable, "-c", PAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["kept"] < seen["usual"] / 10
    assert seen["kept_mib"] - seen["after_mib"] > 50


def test_a_probe_that_fails_gives_its_reason_and_the_others_their_values():
    probes = {"good": FakeProbe(5.0), "never": FakeProbe(fails_at="start"), "lost": FakeProbe(fails_at="stop")}
    readings = peak_readings(lambda: None, probes)
    assert readings == {
        "good": MemoryReading(mib=5.0),
        "never": MemoryReading(reason="not here"),
        "lost": MemoryReading(reason="gone"),
    }
    assert probes["never"].events == ["start"]


def test_probes_are_stopped_when_the_call_fails():
    probe = FakeProbe(1.0)
    with pytest.raises(MemoryError):
        peak_readings(lambda: np.empty(10**15), {"one": probe})
    assert probe.events == ["start", "stop"]


def test_the_first_value_is_taken_or_all_reasons_are_given():
    blank, read = MemoryReading(reason="a"), MemoryReading(mib=2.0)
    assert first_value([blank, read, MemoryReading(mib=3.0)]) is read
    assert first_value([blank, MemoryReading(reason="b")]) == MemoryReading(reason="a; b")


def test_a_sampled_probe_keeps_the_highest_reading():
    values = iter([3.0, 8.0, 5.0])
    probe = Sampled(lambda: next(values, 4.0), 0.001, "fake")
    probe.start()
    probe.thread.join(0.05)
    assert probe.stop() == MemoryReading(mib=8.0, method="fake")
    assert not probe.thread.is_alive()


def test_a_sampled_probe_that_cannot_read_gives_its_reason():
    def fails():
        raise ProbeUnavailableError("no such device")

    assert peak_readings(lambda: None, {"one": Sampled(fails, 0.001, "")})["one"] == MemoryReading(
        reason="no such device"
    )


def test_a_high_water_mark_that_cannot_be_reset_is_an_error(monkeypatch):
    def refuse(self, text):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(
        ProbeUnavailableError, match=r"the kernel's high-water mark cannot be reset: .*Permission denied"
    ):
        HighWaterMark().start()


def test_getrusage_gives_no_value_after_a_higher_peak():
    np.ones(64 * MIB, np.uint8)
    reading = peak_readings(lambda: None, {"one": ResourceUsage()})["one"]
    assert reading == MemoryReading(reason="getrusage: an earlier peak of the process was higher than this call's")


@pytest.fixture
def gpu(monkeypatch):
    """A GPU by name only: NVML, gpustat and torch's counters answer from this object."""
    here = SimpleNamespace(
        used=900 * MIB, processes=[], allocated=300 * MIB, reserved=320 * MIB, calls=[], listed="GPU-u"
    )
    for name in ("nvmlInit", "nvmlShutdown"):
        monkeypatch.setattr(pynvml, name, lambda name=name: here.calls.append(name))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda uuid: uuid)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda handle: SimpleNamespace(used=here.used))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", lambda handle: here.processes)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid="u"))
    for name in ("synchronize", "empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: here.calls.append(name))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: here.allocated)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: here.reserved)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 2 * MIB)
    listed = SimpleNamespace(uuid="GPU-u", memory_used=901)
    monkeypatch.setattr(cuda.gpustat, "new_query", lambda: SimpleNamespace(gpus=[listed]))
    return here


def this_process(memory_bytes):
    return SimpleNamespace(pid=psutil.Process().pid, usedGpuMemory=memory_bytes)


def test_the_gpu_probes_fill_their_fields(gpu):
    gpu.processes = [SimpleNamespace(pid=1, usedGpuMemory=5 * MIB), this_process(700 * MIB)]
    readings = peak_readings(lambda: gpu.calls.append("call"), cuda.cuda_probes())
    assert {name: reading.mib for name, reading in readings.items()} == {
        "peak_allocated_mib": 300,
        "peak_reserved_mib": 320,
        "process_nvml_mib": 700,
        "device_gpustat_mib": 901,
    }
    assert gpu.calls.index("empty_cache") < gpu.calls.index("reset_peak_memory_stats") < gpu.calls.index("call")
    assert gpu.calls.count("nvmlInit") == gpu.calls.count("nvmlShutdown")


@pytest.mark.parametrize(
    ("processes", "reason"),
    [([], "lists no process of this id"), ([this_process(None)], "does not report the memory of single processes")],
)
def test_a_process_that_nvml_cannot_see_has_a_reason_and_no_value(gpu, processes, reason):
    gpu.processes = processes
    reading = peak_readings(lambda: None, cuda.cuda_probes())["process_nvml_mib"]
    assert reading.mib is None
    assert reason in reading.reason


def test_a_machine_without_nvml_says_so_in_each_field(gpu, monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    monkeypatch.setattr(cuda.gpustat, "new_query", missing)
    readings = peak_readings(lambda: None, cuda.cuda_probes())
    assert readings["process_nvml_mib"].reason.startswith("NVML: ")
    assert readings["device_gpustat_mib"].reason.startswith("gpustat: NVMLError")
    assert readings["peak_allocated_mib"].mib == 300
    assert cuda.cuda_context().reason.startswith("NVML: ")


def test_a_gpu_that_gpustat_does_not_list_is_an_error(gpu):
    with pytest.raises(ProbeUnavailableError, match="gpustat does not list GPU-other"):
        cuda.gpustat_used_mib("GPU-other")


def test_the_context_is_the_growth_of_the_device_without_the_reserve(gpu, monkeypatch):
    monkeypatch.setattr(torch, "zeros", lambda *_, device: setattr(gpu, "used", gpu.used + 452 * MIB))
    assert cuda.cuda_context().mib == 450


def test_a_context_that_existed_already_has_no_value(gpu, monkeypatch):
    monkeypatch.setattr(torch, "zeros", lambda *_, device: None)
    assert cuda.cuda_context().reason == "the CUDA context existed already; measure in a fresh process"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_all_probes_agree_with_a_known_allocation():
    torch.zeros(1, device="cuda")
    uuid = torch_uuid()
    device_before, held = device_used_mib(uuid), torch.cuda.memory_allocated() / MIB
    readings = peak_readings(lambda: torch.ones(512 * MIB, dtype=torch.uint8, device="cuda").sum(), cuda.cuda_probes())
    assert readings["peak_allocated_mib"].mib - held == pytest.approx(512, rel=0.02)
    assert readings["peak_reserved_mib"].mib >= readings["peak_allocated_mib"].mib
    assert readings["device_gpustat_mib"].mib - device_before == pytest.approx(512, rel=0.05)
    process = readings["process_nvml_mib"]
    assert process.reason if process.mib is None else process.mib > readings["peak_reserved_mib"].mib
