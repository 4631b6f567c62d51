import pytest

from reports.tables.table import SystemFacts, fidelity_code, plain, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.012345, "0.0123"),
        (1.2345, "1.23"),
        (27.7, "27.7"),
        (200.64, "201"),
        (12345.6, "12346"),
        (-1.5, "-1.50"),
    ],
)
def test_three_significant_digits_without_an_exponent(value, text):
    assert significant(value) == text


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_not_finite_stays_visible(value):
    assert significant(value) in ("inf", "nan")


def test_plain_text_is_one_line_without_control_characters():
    assert plain("a\x1b[31mred\r\nb\u202e\u200bc\td") == "a [31mred b c d"


def test_a_port_on_a_dataset_without_a_released_configuration_is_labelled_so():
    port = SystemFacts("glnet", "GLNet", "verified-port", 1, configured_for=("deepglobe",))
    assert (port.fidelity_on("deepglobe"), port.fidelity_on("inria")) == ("verified-port", "verified-code")
    assert SystemFacts("stdc", "STDC", "library", 1).fidelity_on("inria") == "library"
    assert fidelity_code("verified-code") == "C"


def test_fidelity_codes():
    assert [fidelity_code(name) for name in ("verified-port", "library", "", "else")] == ["P", "L", "", "?"]
