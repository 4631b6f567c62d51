"""The GPU's clock, power, temperature and throttling while samples are taken, seen by a thread."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from benchmark.errors import ProbeAbsentError
from results.cell import Model
from results.record import Spread, Telemetry

INTERVAL_S = 0.1
CANNOT_TELL = "the driver does not tell its "


class Look(Model):
    """What NVML said at one moment; None where it says nothing."""

    sm_clock_mhz: float | None
    power_w: float | None
    temperature_c: float | None
    throttle_reasons: tuple[str, ...] | None  # why the clock is held back, if it is


class Watch:
    """Looks at a GPU every ``INTERVAL_S`` while open, the first time at once. ``reason`` says why it sees nothing."""

    def __init__(self, read: Callable[[], Look], interval_s: float = INTERVAL_S) -> None:
        self.read, self.interval_s = read, interval_s
        self.looks: list[Look] = []
        self.asked = 0  # looks that `throttled` has been told of
        self.reason = ""
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._look()
        if not self.reason:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        if self.thread.ident is not None:
            self.thread.join()

    def throttled(self) -> bool | None:
        """Whether the clock was held back at any look since the last question; None where that cannot be seen.

        What the last look saw holds until the next one.
        """
        recent = self.looks[max(self.asked - 1, 0) :]
        self.asked = len(self.looks)
        if self.reason or any(look.throttle_reasons is None for look in recent):
            return None
        return any(look.throttle_reasons for look in recent)

    def _watch(self) -> None:
        while not self.ended.wait(self.interval_s) and not self.reason:
            self._look()

    def _look(self) -> None:
        try:
            self.looks.append(self.read())
        except ProbeAbsentError as absent:
            self.reason = str(absent)


def blind(reason: str) -> Watch:
    """A watch that sees nothing, and says why."""

    def read() -> Look:
        raise ProbeAbsentError(reason)

    return Watch(read)


def summary(looks: Sequence[Look], reason: str) -> Telemetry:
    """What a record keeps of the looks of all rounds; ``reason`` is that of a watch that saw nothing."""
    seen: dict[str, Spread | None] = {
        name: _spread(looks, name) for name in ("sm_clock_mhz", "power_w", "temperature_c")
    }
    told = [look.throttle_reasons for look in looks if look.throttle_reasons is not None]
    mute = [name for name, spread in seen.items() if spread is None] + ([] if told else ["throttle_reasons"])
    return Telemetry(
        looks=len(looks),
        sm_clock_mhz=seen["sm_clock_mhz"],
        power_w=seen["power_w"],
        temperature_c=seen["temperature_c"],
        throttle_reasons=tuple(sorted({why for reasons in told for why in reasons})) if told else None,
        reason=reason or (CANNOT_TELL + ", ".join(mute) if mute else ""),
    )


def _spread(looks: Sequence[Look], name: str) -> Spread | None:
    values = [float(value) for look in looks if (value := getattr(look, name)) is not None]
    return Spread(low=min(values), median=statistics.median(values), high=max(values)) if values else None
