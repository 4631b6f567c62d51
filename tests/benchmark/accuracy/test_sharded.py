"""Evaluation on several devices: exactly the outcome of one, continued where it was interrupted."""

import dataclasses

import pytest

from benchmark.accuracy.evaluate import evaluate
from benchmark.accuracy.sharded import evaluate_on
from benchmark.errors import DataError
from tests.benchmark.cost.test_measure import protocol
from tests.benchmark.tiny import TinyDataset, TinySystem, tiny_system

IDS = TinyDataset().ids("test")
PROTOCOL = protocol(threads=1)


class Unreadable(TinyDataset):
    def read(self, image_id):
        if image_id == IDS[3]:
            raise DataError(f"{image_id}: cannot be read")
        return super().read(image_id)


def on(devices, folder, dataset=None):
    how = {"protocol": PROTOCOL, "device": "cpu", "progress": lambda *_: None}
    data = dataset or TinyDataset()
    return evaluate_on(devices, tiny_system(), TinySystem, data, IDS, folder / "scored.jsonl", **how)


def without_times(outcome):
    return dataclasses.replace(outcome, seconds=0)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [2, 3, 9])
def test_the_outcome_is_that_of_one_device(devices, tmp_path):
    whole = evaluate(tiny_system(), TinyDataset(), IDS, tmp_path / "whole.jsonl")
    assert without_times(on(devices, tmp_path)) == without_times(whole)
    assert len(list(tmp_path.glob("scored-*.jsonl"))) == min(devices, len(IDS))


@pytest.mark.slow
def test_what_an_interrupted_run_has_scored_is_kept(tmp_path):
    whole = on(2, tmp_path)
    files = sorted(tmp_path.glob("scored-*.jsonl"))
    cut = files[0].read_text().splitlines(keepends=True)[:2]
    files[0].write_text("".join(cut))
    (first,) = [line for line in cut if '"image"' in line]
    again = on(2, tmp_path)
    assert without_times(again) == without_times(whole)
    assert files[0].read_text().splitlines(keepends=True)[1] == first


@pytest.mark.slow
def test_a_bad_image_is_named(tmp_path):
    with pytest.raises(DataError, match=IDS[3]):
        on(2, tmp_path, Unreadable())
