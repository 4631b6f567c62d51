"""The split of a call's time: parts by name, the rest, nested parts, nobody asking."""

import time

import pytest

from benchmark.parts import part, split


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
    result, parts_ms = split(call, lambda: None)
    assert result == "labels"
    assert list(parts_ms) == ["base", "iterations", "rest"]
    assert parts_ms["base"] >= 40
    assert parts_ms["iterations"] >= 20
    assert parts_ms["rest"] >= 15
    assert "inner" not in parts_ms


def test_the_device_is_waited_for_at_both_ends_of_a_part():
    waited = []
    split(call, lambda: waited.append(1))
    assert len(waited) == 2 * (1 + 3)  # the whole call, base, twice iterations


def test_a_call_that_names_no_part_has_none():
    assert split(lambda: 1, lambda: None) == (1, {})


def test_without_being_asked_nothing_is_kept_and_after_an_error_nothing_stays():
    assert call() == "labels"

    def broken():
        with part("base"):
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        split(broken, lambda: None)
    assert split(call, lambda: None)[1].keys() == {"base", "iterations", "rest"}
