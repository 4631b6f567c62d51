"""The site: every page that mkdocs.yml names exists, and every page is named."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
REPORTED = {"agreement.md", "ranking.md", "costs.md", "repeats.md", "audit.md", "dashboard.html"}
GENERATED = {"systems.md", "datasets.md", "contract.md", *REPORTED}


def named(nav):
    """The files of a navigation."""
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from named(value) if isinstance(value, list) else [value]


def navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return set(named(yaml.safe_load(text)["nav"]))


def test_the_navigation_names_every_page_once():
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    root = {path.name for path in ROOT.glob("*.md")}
    assert navigation() == pages | root | GENERATED


def test_its_style_is_where_the_settings_say():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert all((ROOT / name).is_file() for name in settings["extra_css"])


def test_the_workflow_publishes_what_the_session_builds():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    steps = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text(encoding="utf-8"))["jobs"]["publish"][
        "steps"
    ]
    assert any("nox -s docs" in step.get("run", "") for step in steps)
    (uploaded,) = [step["with"]["path"] for step in steps if "upload-pages-artifact" in step.get("uses", "")]
    assert uploaded == settings["site_dir"]


@pytest.mark.slow
def test_generated_pages_have_every_system_and_dataset(tmp_path):
    subprocess.run([sys.executable, "docs/site.py", tmp_path / "pages"], cwd=ROOT, check=True)
    found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "pages").glob("*.md")}
    assert {"README.md", "systems.md", "datasets.md", "contract.md"} <= set(found)
    for word in ("## isdnet", "## segfix-as-released", "[segfix-as-released](#segfix-as-released) |", "verified-port"):
        assert word in found["systems.md"]
    assert "(exact) (exact)" not in found["systems.md"]
    assert "## landcoverai" in found["datasets.md"]
    assert "::: benchmark.system" in found["contract.md"]
