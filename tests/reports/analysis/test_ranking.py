from dataclasses import replace

import pytest

from reports.analysis.ranking import rankings
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from reports.writers.ranking_page import ranking_page
from results.analysis.paired import paired
from tests.results.records import accuracy, record

SYSTEMS = tuple(SystemFacts(name, name, "library", 1, rows=(f"table1/{name}",)) for name in ("isdnet", "stdc", "ppn"))


def matrices(*rights):
    """Of each image, 100 pixels of either class, of which so many are found."""
    return tuple(f"{right} {100 - right} {100 - right} {right}" for right in rights)


def scored(system, *rights, seed=0, **changes):
    """A record of one seed with a confusion matrix for each image; ``miou_paper`` is what they give."""
    iou = [100 * sum(rights) / (200 * len(rights) - sum(rights))] * 2
    figures = accuracy(miou_paper=sum(iou) / 2, images=len(rights)).model_copy(
        update={"image_confusions": matrices(*rights), "paper_classes": (0, 1), "labels_hash": system * 4, **changes}
    )
    return record("accuracy", system, figures=figures, seed=seed)


def ranking_of(*records):
    return rankings(build_tables(records, SYSTEMS, ["table1"]), records)


def test_what_the_images_do_not_part_shares_a_rank():
    (found,) = ranking_of(
        scored("isdnet", 80, 82, 78, 80, 81, 80),
        scored("stdc", 82, 80, 79, 80, 80, 79),
        scored("ppn", 40, 42, 38, 40, 41, 40),
    )
    standings = [(one.system, one.rank) for one in found.standings]
    assert sorted(standings[:2]) == [("isdnet", 1), ("stdc", 1)]
    assert standings[2] == ("ppn", 3)
    assert (found.pairs, found.resolved) == (3, 2)
    assert found.standings[0].behind is None
    page = ranking_page([found])
    assert "2 of 3 pairs are resolved" in page
    assert "The methods themselves are not ranked: n = 1 seed." in page
    assert page.count("not resolved") == 1
    assert "6 images" in page
    assert "1 seed, at least 6 needed" in page


@pytest.mark.parametrize("images", [1, 2, 5])
def test_below_six_images_and_six_seeds_nothing_is_resolved(images):
    (found,) = ranking_of(*(scored(name, *[right] * images) for name, right in (("isdnet", 90), ("stdc", 10))))
    assert [one.rank for one in found.standings] == [1, 1]
    assert f"{images} images, at least 6 needed" in ranking_page([found])


def test_with_six_seeds_both_sources_must_resolve_a_pair():
    steady = [scored("isdnet", 80, 80, seed=seed) for seed in range(6)]
    (apart,) = ranking_of(*steady, *(scored("stdc", 70 + seed, 70, seed=seed) for seed in range(6)))
    (tied,) = ranking_of(*steady, *(scored("stdc", 70 + 4 * seed, 80, seed=seed) for seed in range(6)))
    assert [one.rank for one in apart.standings] == [1, 2]
    assert [one.rank for one in tied.standings] == [1, 1]
    assert apart.standings[1].behind.seeds_basis == "6 seeds"
    assert apart.standings[1].n == 6
    many = [scored("isdnet", *[80] * 6, seed=seed) for seed in range(6)]
    (mixed,) = ranking_of(*many, *(scored("stdc", *[70, 88] * 3, seed=seed) for seed in range(6)))
    assert mixed.standings[1].behind.seeds.resolved  # every seed is behind
    assert not mixed.standings[1].behind.images.resolved  # half of the images are not
    assert [one.rank for one in mixed.standings] == [1, 1]


def test_images_of_one_city_are_one_unit():
    def in_cities(system, right, cities):
        found = scored(system, *[right] * 12)
        ids = tuple(f"{chr(97 + index % cities) * 3}{index}" for index in range(12))
        cell = found.cell.model_copy(update={"dataset": "inria"})
        return found.model_copy(update={"cell": cell, "accuracy": found.accuracy.model_copy(update={"images": ids})})

    pairs = {n: paired([in_cities("isdnet", 90, n)], [in_cities("stdc", 10, n)]) for n in (5, 6)}
    assert pairs[5].images_basis == "12 images in 5 cities, at least 6 needed"
    assert not pairs[5].resolved
    assert pairs[6].resolved


def test_a_table_with_one_accuracy_has_no_ranks():
    assert ranking_of(scored("isdnet", 80, 80)) == ()
    assert "No table has the accuracy of two systems." in ranking_page(())


def test_tables_that_share_their_accuracy_records_are_ranked_once():
    records = [scored("isdnet", 80, 80), scored("stdc", 20, 20)]
    (table,) = build_tables(records, SYSTEMS, ["table1"])
    assert len(rankings([table, replace(table, name="table1-2")], records)) == 1
