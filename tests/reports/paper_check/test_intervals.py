import pytest

from reports.paper_check.intervals import Bounded, combine, compare, evaluate
from results.paper import Printed
from results.paper.claims import CellName, Check, Operand

A, B, C = (CellName("table1", name, "fps") for name in "abc")


def printed(text):
    return Bounded.of(Printed(text))


def near(found, value, low, high):
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high))


def test_a_printed_value_lies_within_half_of_its_last_place():
    near(printed("0.04"), 0.04, 0.035, 0.045)
    near(printed("74.5"), 74.5, 74.45, 74.55)
    near(printed("1948"), 1948, 1947.5, 1948.5)


def test_bounds_of_a_ratio_are_those_of_its_ends():
    near(combine("ratio", [printed("6.90"), printed("0.04")]), 172.5, 6.895 / 0.045, 6.905 / 0.035)


def test_bounds_of_sums_and_differences():
    parts = [Bounded(2, 1, 3), Bounded(-1, -2, 0), Bounded(5, 5, 5)]
    near(combine("value", parts[:1]), 2, 1, 3)
    near(combine("sum", parts), 6, 4, 8)
    near(combine("difference", parts[:2]), 3, 1, 5)


@pytest.mark.parametrize(
    ("name", "expected"), [("min", (1, 0, 2)), ("max", (9, 8, 9.5)), ("mean", (4, 3, 4.5)), ("median", (2, 1, 2))]
)
def test_statistics_of_several_values_times_a_factor(name, expected):
    values = {A: Bounded(1, 0, 2), B: Bounded(2, 1, 2), C: Bounded(9, 8, 9.5)}
    near(evaluate(Operand("", (A, B, C), name), values), *expected)
    near(evaluate(Operand("", (A, B, C), name, 2.0), values), *(2 * part for part in expected))


def test_numbers_of_the_words_are_values_as_well():
    near(evaluate(Operand("", (A, Printed("3.0")), "mean"), {A: Bounded(1, 1, 1)}), 2, 1.975, 2.025)


@pytest.mark.parametrize(
    ("left", "sign", "right", "certain", "possible"),
    [
        (A, ">", B, False, True),  # 1.0 -/+ 0.1 against 0.9 -/+ 0.1
        (A, ">", C, True, True),  # against 0.5
        (C, ">", A, False, False),
        (C, "<", A, True, True),
        (B, ">", A, False, True),
        (A, "==", B, True, True),  # they can be equal
        (A, "==", C, False, False),
        (A, ">=", A, False, True),
        (C, "<=", A, True, True),
    ],
)
def test_comparisons_within_the_bounds(left, sign, right, certain, possible):
    values = {A: Bounded(1.0, 0.9, 1.1), B: Bounded(0.9, 0.8, 1.0), C: Bounded(0.5, 0.4, 0.6)}
    result = compare(Check(Operand("", (left,)), sign, Operand("", (right,))), values)
    assert (result.certain, result.possible) == (certain, possible)


def test_a_strict_comparison_of_equal_points_fails_and_the_other_holds():
    values = {A: Bounded(1, 1, 1)}
    sides = Operand("", (A,)), Operand("", (A,))
    assert not compare(Check(sides[0], "<", sides[1]), values).possible
    assert compare(Check(sides[0], "<=", sides[1]), values).certain
