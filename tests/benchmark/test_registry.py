"""Systems and datasets of other packages: found by entry points, refused in one line when they are badly made."""

import pytest

from tests.packages import declare, isdbench, write_slownet

GROUP = "isdbench.systems"
WRONG_CARD = """
from dataclasses import replace
from baselines.stdc import SYSTEMS as ours
card = ours[0].card
card = replace(card, name="theirs", recipes={"paper": replace(card.recipes["paper"], crop=1224)})
SYSTEMS = (replace(ours[0], card=card),)
"""


def test_a_system_of_another_package_is_listed(tmp_path):
    package = write_slownet(tmp_path / "package")
    assert "slownet" in isdbench("systems", folder=tmp_path, paths=[package]).stdout


@pytest.mark.parametrize(
    ("value", "code", "wanted"),
    [
        ("theirs:SYSTEMS", "SYSTEMS = ()", "must name a module that holds SYSTEMS"),
        ("theirs", "import nowhere_to_be_found", "does not load"),
        ("theirs", "from isdnet.cards import SYSTEMS", "two systems are named 'isdnet'"),
        ("theirs", WRONG_CARD, "card 'theirs': recipe 'paper': crop=1224: must be tuple[int, int]"),
    ],
)
def test_a_badly_made_package_is_one_line(value, code, wanted, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "theirs.py").write_text(code, encoding="utf-8")
    declare(package, "theirs", {GROUP: {"theirs": value}})
    done = isdbench("systems", folder=tmp_path, paths=[package], check=False)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert wanted in line
