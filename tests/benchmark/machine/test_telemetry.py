import time
from types import SimpleNamespace

import pynvml
import pytest

from benchmark.cost.latency import SpeedSettings, TimedCall, take
from benchmark.errors import ProbeAbsentError
from benchmark.machine import gpu as nvml
from benchmark.machine.telemetry import Look, Watch, blind, summary
from results.record import Spread, Telemetry


def look(clock=1500.0, reasons=()):
    return Look(sm_clock_mhz=clock, power_w=250.0, temperature_c=60.0, throttle_reasons=reasons)


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


def test_a_look_is_what_nvml_says(gpu):
    assert nvml.look("GPU-u") == look()
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
    assert nvml.look("GPU-u").throttle_reasons == reasons


def test_what_the_driver_does_not_tell_is_blank_with_its_name(gpu):
    gpu.power_mw = None
    made = summary([nvml.look("GPU-u")], "")
    assert made.power_w is None
    assert made.reason == "the driver does not tell its power_w"
    assert made.sm_clock_mhz == Spread(low=1500, median=1500, high=1500)


def test_without_nvml_everything_is_blank_and_the_reason_is_nvmls(monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    with Watch(lambda: nvml.look("GPU-u")) as watch:
        assert watch.throttled() is None
    made = summary(watch.looks, watch.reason)
    assert made == Telemetry(reason=watch.reason)
    assert made.reason.startswith("NVML: ")
    assert (made.looks, made.power_w, made.throttle_reasons) == (0, None, None)


def test_a_watch_keeps_looking_and_ends():
    with Watch(look, interval_s=0.001) as watch:
        time.sleep(0.1)
    assert len(watch.looks) > 5
    assert not watch.thread.is_alive()


def test_a_look_holds_until_the_next_one_and_each_is_told_of_once():
    watch = Watch(look, interval_s=60)
    with watch:
        assert watch.throttled() is False
        watch.looks += [look(reasons=("power cap",)), look()]
        assert watch.throttled() is True
        assert watch.throttled() is False
        watch.looks.append(look(reasons=("power brake",)))
        assert watch.throttled() is True
        assert watch.throttled() is True


def test_a_gpu_lost_on_the_way_makes_the_flags_unknown():
    def gone():
        if watch.looks:
            raise ProbeAbsentError("NVML: GPU is lost")
        return look()

    watch = Watch(gone, interval_s=0.001)
    with watch:
        time.sleep(0.05)
        assert watch.throttled() is None
    assert watch.reason == "NVML: GPU is lost"


def test_samples_under_a_throttling_gpu_are_flagged_and_others_are_not():
    flags = iter([False] * 2 + [False, True, False, True, False, False])
    settings = SpeedSettings(min_samples=6, max_samples=6, seconds_budget=1.0, max_warmup=2)
    call = {"a": TimedCall("predict", lambda: time.sleep(0.001))}
    assert take(call, settings, lambda: None, throttled=lambda: next(flags))["a"].throttled == (1, 3)
    assert take(call, settings, lambda: None, throttled=lambda: None)["a"].throttled is None


def test_the_summary_is_over_all_looks():
    made = summary([look(1500), look(1200, ("power cap",)), look(1400, ("power brake", "power cap"))], "")
    assert made.sm_clock_mhz == Spread(low=1200, median=1400, high=1500)
    assert made.throttle_reasons == ("power brake", "power cap")
    assert (made.looks, made.reason) == (3, "")


def test_a_blind_watch_starts_no_thread():
    with blind("the run used no GPU") as watch:
        assert watch.thread.ident is None
    assert watch.reason == "the run used no GPU"
