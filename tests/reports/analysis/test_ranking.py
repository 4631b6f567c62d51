from dataclasses import replace

from reports.analysis.ranking import rankings
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from reports.writers.ranking_page import ranking_page
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
        scored("isdnet", 80, 82, 78, 80, 81), scored("stdc", 82, 80, 79, 80, 80), scored("ppn", 40, 42, 38, 40, 41)
    )
    standings = [(one.system, one.rank) for one in found.standings]
    assert sorted(standings[:2]) == [("isdnet", 1), ("stdc", 1)]
    assert standings[2] == ("ppn", 3)
    assert (found.pairs, found.resolved) == (3, 2)
    assert found.standings[0].behind is None
    page = ranking_page([found])
    assert "2 of 3 pairs differ significantly." in page
    assert page.count("not significant") == 1
    assert "n = 1 seed, 5 images" in page


def test_several_seeds_part_by_seed_and_not_by_image():
    steady = [scored("isdnet", 80, 80, seed=seed) for seed in range(4)]
    (apart,) = ranking_of(*steady, *(scored("stdc", 70 + seed, 70, seed=seed) for seed in range(4)))
    (tied,) = ranking_of(*steady, *(scored("stdc", 60 + 10 * seed, 80, seed=seed) for seed in range(4)))
    assert [one.rank for one in apart.standings] == [1, 2]
    assert [one.rank for one in tied.standings] == [1, 1]
    assert apart.standings[1].behind.basis == "4 seeds"
    assert apart.standings[1].n == 4


def test_a_table_with_one_accuracy_has_no_ranks():
    assert ranking_of(scored("isdnet", 80, 80)) == ()
    assert "No table has the accuracy of two systems." in ranking_page(())


def test_tables_that_share_their_accuracy_records_are_ranked_once():
    records = [scored("isdnet", 80, 80), scored("stdc", 20, 20)]
    (table,) = build_tables(records, SYSTEMS, ["table1"])
    assert len(rankings([table, replace(table, name="table1-2")], records)) == 1
