import pytest

from reports.paper_check.intervals import Bounded, compare, evaluate
from results.paper import Printed


def printed(text):
    return Bounded.of(Printed(text))


def near(figure, value, low, high):
    assert (figure.value, figure.low, figure.high) == pytest.approx((value, low, high))


def test_a_printed_figure_lies_within_half_of_its_last_place():
    near(printed("0.04"), 0.04, 0.035, 0.045)
    near(printed("74.5"), 74.5, 74.45, 74.55)
    near(printed("1948"), 1948, 1947.5, 1948.5)


def test_bounds_of_a_quotient_are_those_of_its_ends():
    ratio = evaluate("isdnet / fctl", {"isdnet": printed("6.90"), "fctl": printed("0.04")})
    near(ratio, 172.5, 6.895 / 0.045, 6.905 / 0.035)


def test_bounds_of_sums_differences_and_products():
    figures = {"a": Bounded(2, 1, 3), "b": Bounded(-1, -2, 0)}
    near(evaluate("a + b", figures), 1, -1, 3)
    near(evaluate("a - b", figures), 3, 1, 5)
    near(evaluate("a * b", figures), -2, -6, 0)
    near(evaluate("abs(b)", figures), 1, 0, 2)
    near(evaluate("abs(a + b)", figures), 1, 0, 3)
    near(evaluate("2 * a - 1", figures), 3, 1, 5)


@pytest.mark.parametrize(
    ("name", "expected"), [("min", (1, 0, 2)), ("max", (9, 8, 9.5)), ("mean", (4, 3, 4.5)), ("median", (2, 1, 2))]
)
def test_aggregates_of_a_list(name, expected):
    near(evaluate(f"{name}(xs)", {"xs": [Bounded(1, 0, 2), Bounded(2, 1, 2), Bounded(9, 8, 9.5)]}), *expected)


@pytest.mark.parametrize(
    ("check", "true", "certain", "possible"),
    [
        ("a > b", True, False, True),  # 1.0 -/+ 0.1 against 0.9 -/+ 0.1
        ("a > c", True, True, True),  # against 0.5
        ("c > a", False, False, False),
        ("c < a", True, True, True),
        ("b > a", False, False, True),
        ("a == b", False, True, True),  # they can be equal
        ("a == c", False, False, False),
        ("a >= a", True, False, True),
    ],
)
def test_comparisons_at_the_values_and_within_the_bounds(check, true, certain, possible):
    figures = {"a": Bounded(1.0, 0.9, 1.1), "b": Bounded(0.9, 0.8, 1.0), "c": Bounded(0.5, 0.4, 0.6)}
    result = compare(check, figures)
    assert (result.true, result.certain, result.possible) == (true, certain, possible)


@pytest.mark.parametrize(
    "expression", ["a.value", "__import__('os')", "a ** 2", "unknown + 1", "max(a)", "[a]", "sum(xs)"]
)
def test_nothing_but_arithmetic_is_evaluated(expression):
    with pytest.raises(ValueError, match=r"arithmetic|use min"):
        evaluate(expression, {"a": Bounded.exact(1), "xs": [Bounded.exact(1)]})


@pytest.mark.parametrize("check", ["a + 1", "a < 1 < 2", "a != 1"])
def test_a_check_is_one_comparison(check):
    with pytest.raises(ValueError, match="compar"):
        compare(check, {"a": Bounded.exact(1)})
