"""Whether a method's printed speeds agree across datasets: pixels per second should be about the same on each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from results.paper import DATASETS, PaperTable, Printed, paper_table

TABLES = ("table1", "table2", "table3")  # one dataset each
SCALES = (1.0, 0.8)
AGREE = 1.10  # greatest over least throughput up to which speeds agree: our choice, clocks move speeds by some percent
OTHER_NETS = ("MagNet", "MagNet-Fast", "PointRend", "CascadePSP")  # other nets or other work on each dataset
LEFT_OUT = "Local Inference"  # works on patches, unlike the same net in the other tables

Verdict = Literal["one throughput at full size", "one throughput only at these scales", "no one throughput"]


@dataclass(frozen=True)
class Throughput:
    """One method that several tables print. Throughputs are in 1e6 pixels/s, by table."""

    method: str
    fps: Mapping[str, Printed]
    full_size: Mapping[str, float]
    ratio_full_size: float  # greatest over least throughput, as small as rounding allows
    scales: Mapping[str, float]  # of the image's sides, 1.0 or 0.8, with the least ratio
    at_scales: Mapping[str, float]
    ratio_at_scales: float

    @property
    def verdict(self) -> Verdict:
        """Whether the speeds agree, and at which scales."""
        if self.ratio_full_size <= AGREE:
            return "one throughput at full size"
        return "one throughput only at these scales" if self.ratio_at_scales <= AGREE else "no one throughput"


def throughputs() -> tuple[Throughput, ...]:
    """All methods with a speed in at least two of Tables 1 to 3, in the order of their first rows."""
    by_method: dict[str, dict[str, Printed]] = {}
    for table in map(paper_table, TABLES):
        for row in table.rows:
            if row.group != LEFT_OUT and row.method not in OTHER_NETS:
                by_method.setdefault(row.method, {})[table.name] = row.values["fps"]
    return tuple(_throughput(method, fps) for method, fps in by_method.items() if len(fps) > 1)


def _throughput(method: str, fps: Mapping[str, Printed]) -> Throughput:
    full = dict.fromkeys(fps, 1.0)
    choices = [dict(zip(fps, scales, strict=True)) for scales in itertools.product(SCALES, repeat=len(fps))]
    best = full if _ratio(fps, full) <= AGREE else min(choices, key=lambda scales: _ratio(fps, scales))
    return Throughput(
        method=method,
        fps=fps,
        full_size=_megapixels(fps, full),
        ratio_full_size=_ratio(fps, full),
        scales=best,
        at_scales=_megapixels(fps, best),
        ratio_at_scales=_ratio(fps, best),
    )


def _megapixels(fps: Mapping[str, Printed], scales: Mapping[str, float]) -> dict[str, float]:
    return {name: speed.value * _pixels(paper_table(name), scales[name]) / 1e6 for name, speed in fps.items()}


def _pixels(table: PaperTable, scale: float) -> int:
    height, width = DATASETS[table.dataset].image_size
    return int(height * scale) * int(width * scale)


def _ratio(fps: Mapping[str, Printed], scales: Mapping[str, float]) -> float:
    """Greatest over least throughput, as small as the rounding of the speeds allows; at least 1."""
    pixels = {name: _pixels(paper_table(name), scales[name]) for name in fps}
    lows = [(speed.value - speed.half_unit) * pixels[name] for name, speed in fps.items()]
    highs = [(speed.value + speed.half_unit) * pixels[name] for name, speed in fps.items()]
    return max(1.0, max(lows) / min(highs))


def describe(scales: Mapping[str, float]) -> str:
    """The scales in words: "DeepGlobe 0.8x, Inria Aerial 0.8x, Cityscapes 1.0x"."""
    return ", ".join(f"{DATASETS[paper_table(name).dataset].title} {scale:.1f}x" for name, scale in scales.items())
