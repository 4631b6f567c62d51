import time
from types import SimpleNamespace

import pynvml
import pytest

from benchmark.cost.latency import SpeedSettings, TimedCall, take
from benchmark.errors import ProbeUnavailableError
from benchmark.machine.gpu import GpuMonitor, GpuReading, gpu_reading, monitor_without_gpu, telemetry
from results.record import Spread, Telemetry


def reading(clock=1500.0, reasons=()):
    return GpuReading(sm_clock_mhz=clock, power_w=250.0, temperature_c=60.0, throttle_reasons=reasons)


@pytest.fixture
def gpu(monkeypatch):
    """A GPU by name only: NVML answers from this object; a missing answer is NVML's own error."""
    here = SimpleNamespace(mask=0, power_mw=250_000, opened=0)

    def power(handle):
        if here.power_mw is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return here.power_mw

    for name, answer in {
        "nvmlInit": lambda: setattr(here, "opened", here.opened + 1),
        "nvmlShutdown": lambda: setattr(here, "opened", here.opened - 1),
        "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda handle: here.mask,
        "nvmlDeviceGetPowerUsage": power,
        "nvmlDeviceGetClockInfo": lambda handle, kind: 1500,
        "nvmlDeviceGetTemperature": lambda handle, kind: 60,
    }.items():
        monkeypatch.setattr(pynvml, name, answer)
    return here


def test_a_reading_is_what_nvml_reports(gpu):
    assert gpu_reading("GPU-u") == reading()
    assert gpu.opened == 0


@pytest.mark.parametrize(
    ("mask", "reasons"),
    [
        (0x0, ()),
        (0x1 | 0x2, ()),  # idle, application clocks: no throttling
        (0x4, ("power cap",)),
        (0x8 | 0x40, ("hardware slowdown", "thermal, by hardware")),
        (0x20 | 0x80, ("thermal, by software", "power brake")),
    ],
)
def test_the_bits_that_mean_throttling(gpu, mask, reasons):
    gpu.mask = mask
    assert gpu_reading("GPU-u").throttle_reasons == reasons


def test_what_the_driver_does_not_report_is_none_and_named(gpu):
    gpu.power_mw = None
    made = telemetry([gpu_reading("GPU-u")], "")
    assert made.power_w is None
    assert made.reason == "the driver does not report power_w"
    assert made.sm_clock_mhz == Spread(low=1500, median=1500, high=1500)


def test_without_nvml_nothing_is_read_and_the_reason_is_that_of_nvml(monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    with GpuMonitor(lambda: gpu_reading("GPU-u")) as monitor:
        assert monitor.throttled() is None
    made = telemetry(monitor.readings, monitor.reason)
    assert made == Telemetry(reason=monitor.reason)
    assert made.reason.startswith("NVML: ")
    assert (made.readings, made.power_w, made.throttle_reasons) == (0, None, None)


def test_a_monitor_keeps_reading_and_ends():
    with GpuMonitor(reading, interval_s=0.001) as monitor:
        time.sleep(0.1)
    assert len(monitor.readings) > 5
    assert not monitor.thread.is_alive()


def test_a_reading_counts_until_the_next_one_and_each_is_reported_once():
    monitor = GpuMonitor(reading, interval_s=60)
    with monitor:
        assert monitor.throttled() is False
        monitor.readings += [reading(reasons=("power cap",)), reading()]
        assert monitor.throttled() is True
        assert monitor.throttled() is False
        monitor.readings.append(reading(reasons=("power brake",)))
        assert monitor.throttled() is True
        assert monitor.throttled() is True


def test_a_gpu_lost_during_timing_makes_the_flags_unknown():
    def gone():
        if monitor.readings:
            raise ProbeUnavailableError("NVML: GPU is lost")
        return reading()

    monitor = GpuMonitor(gone, interval_s=0.001)
    with monitor:
        time.sleep(0.05)
        assert monitor.throttled() is None
    assert monitor.reason == "NVML: GPU is lost"


def test_samples_under_a_throttling_gpu_are_flagged_and_others_are_not():
    flags = iter([False] * 2 + [False, True, False, True, False, False])
    settings = SpeedSettings(min_samples=6, max_samples=6, seconds_budget=1.0, max_warmup=2)
    call = {"a": TimedCall("predict", lambda: time.sleep(0.001))}
    assert take(call, settings, lambda: None, throttled=lambda: next(flags))["a"].throttled == (1, 3)
    assert take(call, settings, lambda: None, throttled=lambda: None)["a"].throttled is None


def test_telemetry_covers_all_readings():
    made = telemetry([reading(1500), reading(1200, ("power cap",)), reading(1400, ("power brake", "power cap"))], "")
    assert made.sm_clock_mhz == Spread(low=1200, median=1400, high=1500)
    assert made.throttle_reasons == ("power brake", "power cap")
    assert (made.readings, made.reason) == (3, "")


def test_a_monitor_without_a_gpu_starts_no_thread():
    with monitor_without_gpu("the run used no GPU") as monitor:
        assert monitor.thread.ident is None
    assert monitor.reason == "the run used no GPU"
