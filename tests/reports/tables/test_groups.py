import pytest

from reports.tables.frame import records_frame
from reports.tables.groups import groups, numbered
from results.cell import METRIC_VERSION
from results.paper import TABLE_NAMES, paper_table
from tests.results.records import GPU, record

BOTH = [record("accuracy", "isdnet"), record("cost", "isdnet")]


def found(*records):
    return groups(records_frame(records))


def fitted(group):
    return [name for name in TABLE_NAMES if group.fits(paper_table(name))]


def test_comparable_records_make_one_group():
    (group,) = found(*BOTH, record("accuracy", "stdc"), record("cost", "stdc"))
    assert (group.dataset, group.profile, group.recipe, group.hardware) == ("synthetic", "smoke", "paper", "Test CPU")
    assert set(group.accuracy["system"]) == set(group.cost["system"]) == {"isdnet", "stdc"}


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "deepglobe"},
        {"paper_dataset": "inria"},
        {"profile": "lite"},
        {"profile_hash": "0" * 12},
        {"device": GPU},
        {"recipe": "released-code"},
        {"split_hash": "0" * 12},
        {"overrides": ("--learning-rate 0.003",)},
        {"image_ratio": 0.5},
        {"protocol_changes": {"metric_version": METRIC_VERSION + 1}},
        {"protocol_changes": {"evaluated_scale": 0.8}},
        {"protocol_changes": {"precision": "fp16"}},
        {"protocol_changes": {"height": 256, "width": 512}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_records_that_differ_are_never_mixed(changes):
    other = record("accuracy", "stdc", **changes)
    for group in found(*BOTH, other):
        assert len(set(group.accuracy["protocol_hash"])) <= 1
        assert set(group.accuracy["system"]) in ({"isdnet"}, {"stdc"}, set())


def test_a_new_protocol_of_the_clock_splits_the_cost_and_keeps_the_accuracy_beside_both():
    pairs = found(*BOTH, record("cost", "isdnet", protocol_changes={"threads": 1}))
    assert len(pairs) == 2
    assert len({group.cost["protocol_hash"].iloc[0] for group in pairs}) == 2
    assert all(len(group.accuracy) == 1 for group in pairs)
    assert len(set(numbered(group.slug for group in pairs))) == 2


def test_cost_alone_and_accuracy_alone_are_groups():
    (group,) = found(BOTH[1])
    assert (len(group.accuracy), len(group.cost)) == (0, 1)
    (group,) = found(BOTH[0])
    assert (len(group.accuracy), len(group.cost)) == (1, 0)


def test_accuracy_at_one_scale_does_not_stand_beside_cost_at_another():
    pairs = found(record("accuracy", "isdnet", protocol_changes={"evaluated_scale": 0.8}), BOTH[1])
    assert sorted((len(group.accuracy), len(group.cost)) for group in pairs) == [(0, 1), (1, 0)]


def test_accuracy_and_cost_of_different_metric_versions_are_not_in_one_table():
    pairs = found(record("accuracy", "isdnet", protocol_changes={"metric_version": 1}), BOTH[1])
    assert sorted((len(group.accuracy), len(group.cost)) for group in pairs) == [(0, 1), (1, 0)]


def test_a_recipe_of_its_own_stands_beside_the_shared_ones():
    groups_found = found(*BOTH, record("accuracy", "theirs", recipe="mine"))
    assert [set(group.accuracy["system"]) for group in groups_found] == [{"isdnet", "theirs"}]
    (alone,) = found(record("accuracy", "theirs", recipe="mine"))
    assert alone.recipe == ""


@pytest.mark.parametrize(
    ("dataset", "tables"),
    [
        ("deepglobe", ["table1", "table5", "table6", "table7"]),
        ("inria", ["table2"]),
        ("cityscapes", ["table3", "table4"]),
    ],
)
def test_a_group_feeds_the_tables_of_the_dataset_that_it_is_compared_with(dataset, tables):
    (group,) = found(record("cost", "isdnet", dataset="theirs", paper_dataset=dataset))
    assert fitted(group) == tables


def test_a_slug_is_safe_in_a_file_name():
    (group,) = found(record("cost", "isdnet", dataset="../A b&/c", profile="<x>"))
    assert "/" not in group.slug
    assert group.slug == "a-b-c-612x612-x-paper-test"


def test_names_are_numbered_where_words_do_not_tell_them_apart():
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]


def test_no_records_make_no_group():
    assert found() == []
