"""A call timed by parts: names, the rest, nested parts, and parts that are not being timed."""

import time

import pytest

from benchmark.parts import part, time_parts


def spend(ms):
    time.sleep(ms / 1000)


def call():
    with part("base"):
        spend(20)
        with part("inner"):  # a base that is a refiner itself
            spend(20)
    for _ in range(2):
        with part("iterations"):
            spend(10)
    spend(15)
    return "labels"


def test_parts_in_their_order_and_the_rest():
    result, parts_ms = time_parts(call, lambda: None)
    assert result == "labels"
    assert list(parts_ms) == ["base", "iterations", "rest"]
    assert parts_ms["base"] >= 40
    assert parts_ms["iterations"] >= 20
    assert parts_ms["rest"] >= 15
    assert "inner" not in parts_ms


def test_the_device_is_waited_for_at_both_ends_of_a_part():
    waited = []
    time_parts(call, lambda: waited.append(1))
    assert len(waited) == 2 * (1 + 3)  # the whole call, base, twice iterations


def test_a_call_that_names_no_part_has_none():
    assert time_parts(lambda: 1, lambda: None) == (1, {})


def test_parts_outside_of_time_parts_cost_nothing_and_an_error_leaves_nothing_behind():
    assert call() == "labels"

    def broken():
        with part("base"):
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        time_parts(broken, lambda: None)
    assert time_parts(call, lambda: None)[1].keys() == {"base", "iterations", "rest"}
