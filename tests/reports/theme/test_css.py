"""The colours of the pages can be read: contrast as WCAG 2 defines it, in both schemes."""

import re

import pytest

from reports.theme import COLOURS, OURS, css

PAIRS = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", css())}
TEXT = dict.fromkeys(("ink", "quiet", "mark", "front", "green", "pink", "olive"), 4.5)
SHAPES = {"out": 3.0}  # markers and borders


def luminance(colour):
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_definition():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("name", "least"), [*TEXT.items(), *SHAPES.items()])
def test_every_colour_stands_out_from_the_page(name, least, scheme):
    assert contrast(PAIRS[name][scheme], PAIRS["paper"][scheme]) >= least


def test_ours_has_one_colour_in_figures_and_pages():
    assert PAIRS["mark"][0] == OURS.lower()
    assert PAIRS["mark"][1] in {colour.lower() for colour in COLOURS}
