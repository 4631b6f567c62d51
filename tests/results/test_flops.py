import pytest

from benchmark.errors import UserError
from results.paper.flops import Flops, FlopsFile, read_flops, write_flops


def entry(system, dataset="deepglobe", scale=1.0, flops=10**12):
    return Flops(
        system=system, card="c", dataset=dataset, scale=scale, height=8, width=8, flops=flops, work={"passes": 1}
    )


def test_written_counts_are_read_again_and_have_a_line_each(tmp_path):
    counts = FlopsFile(torch="2.15.0", entries=(entry("a"), entry("b", flops=None)))
    write_flops(counts, tmp_path / "flops.json")
    assert read_flops(tmp_path / "flops.json") == counts
    assert sum('"system"' in line for line in (tmp_path / "flops.json").read_text().splitlines()) == 2


def test_newer_counts_take_the_place_of_all_those_of_the_same_system():
    old = FlopsFile(torch="2.14.0", entries=(entry("a"), entry("b"), entry("a", "inria")))
    both = old.updated(FlopsFile(torch="2.15.0", entries=(entry("a", flops=5), entry("c"))))
    assert both.torch == "2.15.0"
    assert [(item.system, item.dataset, item.flops) for item in both.entries] == [
        ("a", "deepglobe", 5),
        ("b", "deepglobe", 10**12),
        ("c", "deepglobe", 10**12),
    ]
    assert both.of("a", "deepglobe", 1.0).flops == 5
    assert both.of("a", "deepglobe", 0.8) is None


@pytest.mark.parametrize("content", [None, "{}", "no json"])
def test_a_file_without_counts_says_how_to_make_them(tmp_path, content):
    path = tmp_path / "flops.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"flops\.json.*isdbench audit --refresh-flops"):
        read_flops(path)
