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

from benchmark.cost.memory import cuda as memory_cuda
from benchmark.cost.memory import host as memory_host
from benchmark.cost.memory import probes as memory
from benchmark.cost.memory.probes import Sampled
from benchmark.errors import ProbeAbsentError
from benchmark.machine import gpu as nvml
from benchmark.machine.allocator import MIB
from results.record import Probe

ROOT = Path(__file__).resolve().parents[3]
KNOWN_ALLOCATION = """
import json, time
import numpy as np
from benchmark import memory
from benchmark.memory_host import host_probes

def allocate():
    block = np.ones(200 * 2**20, np.uint8)
    time.sleep(0.05)
    return int(block[-1])

readings = memory.measure(allocate, host_probes())
print(json.dumps({name: reading.model_dump() for name, reading in readings.items()}))
"""


PEAKS = """
import json, sys
from contextlib import nullcontext
import torch
from torch import nn
from benchmark import memory, memory_host
from benchmark.heap import retentive_heap

def net(channels, size):
    layers = [nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()) for _ in range(3)]
    body, image = nn.Sequential(*layers).eval(), torch.rand(1, channels, size, size)
    return lambda: body(image)

def peak(call):
    call()
    return memory.measure(call, {"one": memory_host.HighWaterMark()})["one"].mib

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
from benchmark import memory
from benchmark.heap import MIB, retentive_heap
from benchmark.memory_host import resident_mb

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(64 * MIB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = pages()
with retentive_heap():
    memory.measure(lambda: None, {})  # forgetful meanwhile
    with retentive_heap():
        pass
    for _ in range(4):
        pages()  # until it has settled which of the free places is taken; each is new once
    retentive, retentive_mb = pages(), resident_mb()
print(json.dumps(dict(usual=usual, retentive=retentive, retentive_mb=retentive_mb, after_mb=resident_mb())))
"""


class FakeProbe:
    def __init__(self, mib=None, absent_at=""):
        self.mib, self.absent_at, self.events = mib, absent_at, []

    def start(self):
        self.events.append("start")
        if self.absent_at == "start":
            raise ProbeAbsentError("not here")

    def stop(self):
        self.events.append("stop")
        if self.absent_at == "stop":
            raise ProbeAbsentError("gone")
        return Probe(mib=self.mib)


def test_every_host_probe_sees_a_known_allocation_within_two_percent():
    done = subprocess.run(
        [sys.executable, "-c", KNOWN_ALLOCATION], cwd=ROOT, capture_output=True, text=True, check=True
    )
    readings = json.loads(done.stdout)
    assert set(readings) == {"sampled", "getrusage", "high_water_mark"}
    at_hand = {name: reading["mib"] for name, reading in readings.items() if reading["mib"] is not None}
    assert "sampled" in at_hand
    assert all(reading["reason"] for name, reading in readings.items() if name not in at_hand)
    assert at_hand == pytest.approx(dict.fromkeys(at_hand, 200), rel=0.02)


on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap has these options")


@on_glibc
@pytest.mark.parametrize("kind", ["nullcontext", "retentive_heap"])
def test_the_peak_of_a_net_does_not_depend_on_what_ran_before(kind):
    done = subprocess.run([sys.executable, "-c", PEAKS, kind], cwd=ROOT, capture_output=True, text=True, check=True)
    peaks = json.loads(done.stdout)
    maps = 2 * 8 * 500 * 500 * 4 / MIB
    assert peaks == pytest.approx([peaks[0]] * 4, rel=0.02)
    assert maps < peaks[0] < 2.5 * maps


@on_glibc
def test_a_retentive_heap_takes_each_page_from_the_kernel_once_and_gives_them_back_at_its_end():
    done = subprocess.run([sys.executable, "-c", PAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["retentive"] < seen["usual"] / 10
    assert seen["retentive_mb"] - seen["after_mb"] > 50


def test_absent_probes_are_blank_with_their_reason_and_the_others_read():
    probes = {"good": FakeProbe(5.0), "never": FakeProbe(absent_at="start"), "lost": FakeProbe(absent_at="stop")}
    readings = memory.measure(lambda: None, probes)
    assert readings == {"good": Probe(mib=5.0), "never": Probe(reason="not here"), "lost": Probe(reason="gone")}
    assert probes["never"].events == ["start"]


def test_probes_are_stopped_when_the_call_fails():
    probe = FakeProbe(1.0)
    with pytest.raises(MemoryError):
        memory.measure(lambda: np.empty(10**15), {"one": probe})
    assert probe.events == ["start", "stop"]


def test_the_first_figure_is_taken_or_all_reasons_are_given():
    blank, read = Probe(reason="a"), Probe(mib=2.0)
    assert memory.first_figure([blank, read, Probe(mib=3.0)]) is read
    assert memory.first_figure([blank, Probe(reason="b")]) == Probe(reason="a; b")


def test_a_sampled_probe_keeps_the_highest_look():
    looks = iter([3.0, 8.0, 5.0])
    probe = Sampled(lambda: next(looks, 4.0), 0.001, "fake")
    probe.start()
    probe.thread.join(0.05)
    assert probe.stop() == Probe(mib=8.0, method="fake")
    assert not probe.thread.is_alive()


def test_a_sampled_probe_that_is_absent_says_so():
    def absent():
        raise ProbeAbsentError("no such device")

    assert memory.measure(lambda: None, {"one": Sampled(absent, 0.001, "")})["one"] == Probe(reason="no such device")


def test_a_mark_that_may_not_be_reset_is_absent(monkeypatch):
    def refuse(self, text):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ProbeAbsentError, match=r"no resettable high-water mark: .*Permission denied"):
        memory_host.HighWaterMark().start()


def test_getrusage_is_absent_where_an_earlier_peak_hides_the_call():
    np.ones(64 * MIB, np.uint8)
    reading = memory.measure(lambda: None, {"one": memory_host.ResourceUsage()})["one"]
    assert reading == Probe(reason="an earlier peak of the process hides this one from getrusage")


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
    monkeypatch.setattr(memory_cuda.gpustat, "new_query", lambda: SimpleNamespace(gpus=[listed]))
    return here


def this_process(memory_bytes):
    return SimpleNamespace(pid=psutil.Process().pid, usedGpuMemory=memory_bytes)


def test_the_gpu_probes_fill_their_fields(gpu):
    gpu.processes = [SimpleNamespace(pid=1, usedGpuMemory=5 * MIB), this_process(700 * MIB)]
    readings = memory.measure(lambda: gpu.calls.append("call"), memory_cuda.cuda_probes())
    assert {name: reading.mib for name, reading in readings.items()} == {
        "peak_allocated_mb": 300,
        "peak_reserved_mb": 320,
        "process_nvml_mb": 700,
        "device_gpustat_mb": 901,
    }
    assert gpu.calls.index("empty_cache") < gpu.calls.index("reset_peak_memory_stats") < gpu.calls.index("call")
    assert gpu.calls.count("nvmlInit") == gpu.calls.count("nvmlShutdown")


@pytest.mark.parametrize(
    ("processes", "reason"),
    [([], "lists no process of this id"), ([this_process(None)], "does not tell the memory of single processes")],
)
def test_a_process_that_nvml_cannot_see_is_blank_not_zero(gpu, processes, reason):
    gpu.processes = processes
    reading = memory.measure(lambda: None, memory_cuda.cuda_probes())["process_nvml_mb"]
    assert reading.mib is None
    assert reason in reading.reason


def test_a_machine_without_nvml_says_so_in_each_field(gpu, monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    monkeypatch.setattr(memory_cuda.gpustat, "new_query", missing)
    readings = memory.measure(lambda: None, memory_cuda.cuda_probes())
    assert readings["process_nvml_mb"].reason.startswith("NVML: ")
    assert readings["device_gpustat_mb"].reason.startswith("gpustat: NVMLError")
    assert readings["peak_allocated_mb"].mib == 300
    assert memory_cuda.cuda_context().reason.startswith("NVML: ")


def test_a_gpu_that_gpustat_does_not_list_is_blank(gpu):
    with pytest.raises(ProbeAbsentError, match="gpustat does not list GPU-other"):
        memory_cuda.gpustat_used_mb("GPU-other")


def test_the_context_is_the_growth_of_the_device_without_the_reserve(gpu, monkeypatch):
    monkeypatch.setattr(torch, "zeros", lambda *_, device: setattr(gpu, "used", gpu.used + 452 * MIB))
    assert memory_cuda.cuda_context().mib == 450


def test_a_context_that_was_there_before_is_blank(gpu, monkeypatch):
    monkeypatch.setattr(torch, "zeros", lambda *_, device: None)
    assert memory_cuda.cuda_context().reason == "the CUDA context was there before; measure in a fresh process"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_all_probes_agree_with_a_known_allocation():
    torch.zeros(1, device="cuda")
    uuid = nvml.torch_uuid()
    device_before, held = nvml.device_used_mb(uuid), torch.cuda.memory_allocated() / MIB
    readings = memory.measure(
        lambda: torch.ones(512 * MIB, dtype=torch.uint8, device="cuda").sum(), memory_cuda.cuda_probes()
    )
    assert readings["peak_allocated_mb"].mib - held == pytest.approx(512, rel=0.02)
    assert readings["peak_reserved_mb"].mib >= readings["peak_allocated_mb"].mib
    assert readings["device_gpustat_mb"].mib - device_before == pytest.approx(512, rel=0.05)
    process = readings["process_nvml_mb"]
    assert process.reason if process.mib is None else process.mib > readings["peak_reserved_mb"].mib
