"""The committed id lists: counts, disjointness, fingerprints."""

import itertools
import re

import pytest

from benchmark.data.base import ids_hash
from benchmark.data.folder import packaged_ids

SPLITS = ("train", "val", "test")
# sha256 of the sorted names joined by newlines, computed from the lists of the official repositories.
FINGERPRINTS = {
    "deepglobe": ("cb3ff714be6e5230", "1161e2b3f8f389bc", "74f3ee320d4c525d"),  # of the ids, GLNet's lists
    "inria": ("4575a8f1d63d7d27", "343cacdc14e8588f", "66960057950220a0"),  # of the file names, FCtL's lists
}
COUNTS = {"deepglobe": (454, 207, 142), "inria": (126, 27, 27)}


@pytest.mark.parametrize("dataset", COUNTS)
def test_counts_and_disjointness(dataset):
    lists = [packaged_ids(dataset, split) for split in SPLITS]
    assert tuple(map(len, lists)) == COUNTS[dataset]
    for ids in lists:
        assert len(set(ids)) == len(ids)
    for one, other in itertools.combinations(lists, 2):
        assert not set(one) & set(other)


def test_deepglobe_fingerprints():
    assert tuple(ids_hash(packaged_ids("deepglobe", split)) for split in SPLITS) == FINGERPRINTS["deepglobe"]


def test_inria_fingerprints():
    names = [[f"{image_id}_sat.tif" for image_id in packaged_ids("inria", split)] for split in SPLITS]
    assert tuple(map(ids_hash, names)) == FINGERPRINTS["inria"]


def test_inria_covers_all_tiles_of_the_five_cities():
    cities = ("austin", "chicago", "kitsap", "tyrol-w", "vienna")
    tiles = {image_id for split in SPLITS for image_id in packaged_ids("inria", split)}
    assert tiles == {f"{city}{number}" for city in cities for number in range(1, 37)}


def test_deepglobe_ids_are_plain_numbers():
    assert all(re.fullmatch(r"[1-9]\d*", image_id) for split in SPLITS for image_id in packaged_ids("deepglobe", split))
