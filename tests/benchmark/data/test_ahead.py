"""Reading ahead: the same images in the same order, a bounded number at a time, and errors where they belong."""

import dataclasses
import threading

import pytest

from benchmark.data import ahead
from benchmark.data.ahead import read_ahead
from benchmark.errors import DataError
from tests.benchmark.tiny import INFO, TinyDataset


class OneBad(TinyDataset):
    """The image "bad" cannot be read."""

    def read(self, image_id):
        if image_id == "bad":
            raise DataError("bad: damaged")
        return super().read(image_id)


def test_images_come_in_order_and_few_wait(monkeypatch):
    monkeypatch.setattr(ahead, "THREADS", 2)
    dataset, expected = TinyDataset(), TinyDataset()
    ids = expected.ids("train")
    for done, (image_id, (image, label)) in enumerate(zip(ids, read_ahead(dataset, ids), strict=True), 1):
        assert (image == expected.read(image_id)[0]).all()
        assert (label == expected.read(image_id)[1]).all()
        assert len(dataset.reads) <= done + 2
    assert sorted(dataset.reads) == sorted(ids)


def test_a_large_image_is_read_when_it_is_needed():
    dataset = TinyDataset()
    dataset.info = dataclasses.replace(INFO, image_size=(20_000, 20_000))
    reading = read_ahead(dataset, dataset.ids("train"))
    next(reading)
    assert len(dataset.reads) == 1
    reading.close()


def test_an_error_comes_after_the_images_before_it():
    ids = TinyDataset().ids("train")
    reading = read_ahead(OneBad(), (ids[0], ids[1], "bad", ids[2]))
    next(reading)
    next(reading)
    with pytest.raises(DataError, match="damaged"):
        next(reading)


def test_a_reader_that_is_dropped_leaves_no_thread():
    before = threading.active_count()
    reading = read_ahead(TinyDataset(), TinyDataset().ids("train"))
    next(reading)
    reading.close()
    assert threading.active_count() == before
