from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from results.cell import identity


@dataclass(frozen=True)
class Window:
    patch: int
    overlap: int = 0


@dataclass(frozen=True)
class Described:
    KEY_FIELDS = ()

    words: str


@dataclass(frozen=True)
class Settings:
    KEY_FIELDS = ("name", "procedure", "rates", "crops")

    name: str
    procedure: Window | Described = Window(8)
    rates: Mapping[str, float] = field(default_factory=dict)
    crops: tuple[tuple[int, int], ...] = ()
    remark: str = ""


def test_fields_at_their_default_are_left_out():
    assert identity(Settings("a"))["Settings"] == {"name": "a"}
    assert identity(Settings("a", Window(8), {}, ()))["Settings"] == {"name": "a"}


def test_a_field_that_is_not_listed_is_left_out():
    assert identity(Settings("a", remark="words"))["Settings"] == {"name": "a"}


def test_a_field_without_a_default_is_kept_whatever_its_value():
    assert identity(Settings(""))["Settings"] == {"name": ""}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"procedure": Window(8, 2)}, {"procedure": {"Window": {"patch": 8, "overlap": 2}}}),
        ({"procedure": Window(9)}, {"procedure": {"Window": {"patch": 9}}}),
        ({"procedure": Described("in words")}, {"procedure": {"Described": {}}}),
        ({"rates": {"head": 10.0}}, {"rates": {"head": 10.0}}),
        ({"crops": ((1, 2),)}, {"crops": [[1, 2]]}),
    ],
)
def test_what_differs_from_its_default_is_kept_as_plain_values(changes, expected):
    assert identity(Settings("a", **changes))["Settings"] == {"name": "a", **expected}
