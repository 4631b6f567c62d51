import itertools

import pytest

from reports.analysis.agreement import agreements, verdict_of
from reports.tables.table import Cell, Column, Row, Table

COLUMNS = (
    Column("fps_printed", "FPS", "paper"),
    Column("fps_ours", "FPS", "ours"),
    Column("fps_ratio", "FPS", "ratio"),
)


def row(name, paper, ours, reach=0.0, **changes):
    own = Cell() if ours is None else Cell(str(ours), value=ours, low=ours - reach, high=ours + reach)
    return Row(name, "", name, name, "library", (Cell(paper, value=float(paper)), own, Cell()), **changes)


def agreement(*rows):
    (found,) = agreements([Table("table1", "Table 1", (), COLUMNS, rows)])
    return found


def ranked(ours, reach=0.0):
    return agreement(*(row(f"m{place}", f"{place + 1}.00", value, reach) for place, value in enumerate(ours)))


def test_the_same_order():
    found = ranked([1, 2, 3, 4, 5, 6])
    assert (found.kendall_tau, found.spearman_rho) == pytest.approx((1.0, 1.0))
    assert found.chance == pytest.approx(2 / 720)  # of the orders of six, the same and the opposite one
    assert (found.flips, found.n) == ((), 6)
    assert found.verdict == "same order"


def test_the_opposite_order():
    found = ranked([6, 5, 4, 3, 2, 1])
    assert (found.kendall_tau, found.spearman_rho) == pytest.approx((-1.0, -1.0))
    assert len(found.flips) == 15
    assert found.verdict == "orders are opposed"


def test_one_swapped_pair():
    found = ranked([1, 2, 4, 3, 5, 6, 7, 8, 9, 10], reach=0.1)
    assert found.kendall_tau == pytest.approx((44 - 1) / 45)
    assert found.spearman_rho == pytest.approx(1 - 6 * 2 / (10 * 99))
    (flip,) = found.flips
    assert flip.rows == ("m3", "m2")  # greater in the paper first
    assert (flip.paper, flip.ours, flip.clear) == ((4.0, 3.0), (3, 4), True)
    assert found.verdict == "orders agree"
    assert verdict_of([found]) == "fps: orders agree (n = 10; 1 of 45 pairs swapped, 1 clearly)"


def test_a_flip_within_our_intervals_or_the_papers_rounding_is_not_clear():
    assert not ranked([1, 2, 4, 3, 5], reach=0.6).flips[0].clear
    close = agreement(row("a", "0.04", 2.0), row("b", "0.05", 1.0))
    assert not close.flips[0].clear  # 0.045 is either


def test_the_chance_is_that_of_all_orders():
    ours = [3, 1, 4, 2, 6, 5]

    def more_agree_than_not(order):
        return abs(sum(1 if a < b else -1 for a, b in itertools.combinations(order, 2)))

    orders = list(itertools.permutations(range(6)))
    as_far = sum(more_agree_than_not(order) >= more_agree_than_not(ours) for order in orders)
    assert ranked(ours).chance == pytest.approx(as_far / len(orders))


def test_no_agreement_is_shown_where_chance_is_an_explanation():
    assert ranked([3, 1, 4, 2, 6, 5, 1.5]).verdict == "no agreement shown"


def test_five_rows_are_too_few():
    assert ranked([1, 2, 3, 4, 5]).verdict == "too few rows to tell"


def test_ties_are_counted_and_are_no_flips():
    found = ranked([1, 2, 2, 4, 5, 6])
    assert found.tied == 1
    assert found.flips == ()
    assert found.kendall_tau == pytest.approx(14 / (15 * 14) ** 0.5)  # tau-b
    assert found.verdict == "orders agree"


def test_rows_all_alike_have_no_correlation():
    found = ranked([3, 3, 3, 3, 3])
    assert found.kendall_tau is None
    assert found.verdict == "too few rows to tell"


def test_rows_without_a_value_of_ours_alternatives_and_added_rows_do_not_count():
    found = agreement(
        row("a", "1.0", 1.0),
        row("b", "2.0", None),
        row("c", "3.0", 3.0),
        row("a", "9.0", 0.1, alternative=True),
        row("", "5.0", 5.0),
    )
    assert found.n == 2


def test_a_table_without_our_values_has_no_agreement():
    assert agreements([Table("table1", "Table 1", (), COLUMNS, (row("a", "1.0", None),))]) == ()
