"""``isdbench figure``: what is asked for wrongly ends before anything is trained."""

import pytest

from benchmark.cli import main


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("figure2",), "unknown figure 'figure2': known: figure-bracol, figure-hrf, figure1, figure5, figure6"),
        (("figure5", "--images", "nope"), "--images nope: no such labelled image"),
        (("figure5", "--weights", "isdnet=nowhere.safetensors"), "nowhere.safetensors: no such"),
        (("figure5", "--weights", "unet-local=x"), "--weights unet-local=...: the figure does not show it"),
        (("figure5", "--weights", "isdnet"), "give SYSTEM=FILE"),
        (("figure5", "--systems", "segfix(bas=isdnet)"), "write a refiner of another system as REFINER(base=SYSTEM)"),
    ],
)
def test_a_bad_request_is_explained_and_trains_nothing(words, wanted, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["figure", *words, "--device", "cpu"])
    except SystemExit as end:  # of argparse
        status = end.code
    assert status == 2
    assert wanted in capsys.readouterr().err
    assert not (tmp_path / "out" / "work").exists()
