import pytest

from results.analysis.sweep import growth, largest_that_fits, points
from tests.results.records import GPU, cost, record


def at(side, median_ms=None, host_mib=512.0, status="ok", created="2026-11-22T10:00:00+00:00", **changes):
    figures = cost(median_ms=median_ms, host_mib=host_mib) if median_ms else None
    size = {"height": side, "width": side}
    return record("cost", "isdnet", status=status, figures=figures, created=created, protocol_changes=size, **changes)


def test_points_are_ordered_by_size_with_the_headline_and_the_devices_memory():
    sweep = points([at(1024, 400.0, 300.0), at(512, 100.0, 80.0), at(2048, status="oom")])
    assert [(point.height, point.status, point.latency_ms, point.memory_mib) for point in sweep] == [
        (512, "ok", 100.0, 80.0),
        (1024, "ok", 400.0, 300.0),
        (2048, "oom", None, None),
    ]


def test_of_repeats_the_newest_counts():
    old, new = at(512, 100.0), at(512, 90.0, created="2026-11-22T11:00:00+00:00")
    assert [point.latency_ms for point in points([new, old])] == [90.0]


def test_the_memory_of_a_gpu_is_its_allocators_peak_and_blank_where_that_is():
    (point,) = points([at(512, 100.0, device=GPU)])
    assert point.memory_mib is None


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.7])
def test_a_power_law_is_found_again(exponent):
    sweep = points([at(side, 1e-4 * (side * side) ** exponent) for side in (512, 768, 1024, 2048)])
    found = growth(sweep, "latency_ms")
    assert found.exponent == pytest.approx(exponent)
    assert found.r_squared == pytest.approx(1.0)
    assert found.n == 4


def test_a_constant_does_not_grow():
    found = growth(points([at(side, 100.0, 64.0) for side in (512, 768, 1024)]), "memory_mib")
    assert (found.exponent, found.r_squared) == (0.0, 1.0)


def test_two_points_have_no_growth():
    assert growth(points([at(512, 1.0), at(1024, 4.0), at(2048, status="oom")]), "latency_ms") is None


def test_the_largest_that_fits_lies_below_the_smallest_that_does_not():
    fits, fails = largest_that_fits(points([at(512, 1.0), at(1024, 4.0), at(2048, status="oom")]))
    assert (fits.height, fails.height) == (1024, 2048)
    assert largest_that_fits(points([at(512, 1.0)]))[1] is None
    assert largest_that_fits(points([at(512, status="oom")]))[0] is None
