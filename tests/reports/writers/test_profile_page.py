import re

import pytest

from reports.writers.profile_page import profile_page, savings_lines
from results.analysis.profile import Operation, Profile
from results.record import Ceilings

EVIL = "<script>alert(1)</script>"


def profile():
    operations = [
        Operation(("body", "0"), "convolution", 2, 0.3, 10**11, 10**9),
        Operation((EVIL,), "copy_", 1, 0.6, 0, 10**9),
        Operation(("body", "1"), "relu_", 1, 0.1, 0, 10**9),
    ]
    peaks = {("body", "0"): 12.0, (EVIL,): 34.0}
    return Profile("isdnet", 64, 96, "cpu", EVIL, 0.9, Ceilings(matmul_tflops=1.0, copy_gb_s=10.0), operations, peaks)


def test_parts_sums_bounds_and_savings():
    found = profile()
    whole, body, *_ = found.parts(2)
    assert [part.path for part in found.parts(2)] == [(), ("body",), ("body", "0"), ("body", "1"), (EVIL,)]
    assert (whole.seconds, body.seconds, body.flops, whole.peak_mib) == (pytest.approx(1), 0.4, 10**11, 34.0)
    assert body.bound_seconds == 0.1 + 0.1  # by FLOPs, by bytes
    first, second, third = found.savings()
    assert [one.operator for one in (first, second, third)] == ["copy_", "convolution", "relu_"]
    assert "copy_ takes 600 ms, 500 ms more" in savings_lines([first])[0]
    assert [one.operator for one in found.by_operator()] == ["copy_", "convolution", "relu_"]


def test_bars_lie_inside_their_parents_beside_each_other():
    page = profile_page(profile())
    bars = re.findall(r"left: ([\d.]+)%; width: ([\d.]+)%; top: ([\d.]+)rem", page)
    spans = [(float(left), float(left) + float(width), float(top)) for left, width, top in bars]
    assert spans[0][:2] == (0.0, 100.0)
    assert spans[1:] == [(0.0, 40.0, 1.7), (40.0, 100.0, 1.7), (0.0, 30.0, 3.4), (30.0, 40.0, 3.4)]
    assert "<script>" not in page
