"""``isdbench figure``: what is asked for wrongly ends before anything is trained."""

import pytest

from tests.packages import isdbench


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("figure9",), "unknown figure 'figure9'"),
        (("figure5", "--images", "nope"), "--images nope: no such labelled image"),
        (("figure5", "--weights", "isdnet=nowhere.safetensors"), "nowhere.safetensors: no such"),
        (("figure5", "--weights", "unet-local=x"), "--weights unet-local=...: the figure does not show it"),
        (("figure5", "--weights", "isdnet"), "give SYSTEM=FILE"),
        (("figure5", "--systems", "segfix(bas=isdnet)"), "write a refiner on another system as REFINER(base=SYSTEM)"),
    ],
)
def test_a_bad_request_is_one_line_and_trains_nothing(words, wanted, tmp_path):
    done = isdbench("figure", *words, "--device", "cpu", folder=tmp_path, check=False)
    assert done.returncode == 2
    assert wanted in done.stderr
    assert not (tmp_path / "out" / "work").exists()
