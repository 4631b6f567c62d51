"""The dashboard: complete in one file, no way out of its data, and alive in a browser where there is one."""

import json
import re
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from reports.dashboard.data import example_data, record_data, size_data
from reports.dashboard.page import page
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from tests.results.records import cost, record

HOSTILE = "</script><script>alert(1)</script>"
SYSTEMS = [SystemFacts(name, name, "library", 1, rows=(f"table1/{name}",)) for name in ("isdnet", "stdc")]
OWN = ("page.html", "style.css", "common.js", "tables.js", "plots.js")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def records():
    wide = record("cost", "isdnet", figures=cost(900.0), protocol_changes={"height": 1224, "width": 1224})
    return [*(record(kind, name) for name in ("isdnet", "stdc", HOSTILE) for kind in ("accuracy", "cost")), wide]


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for name in ("image", "isdnet"):
        place = folder / "figure5" / "7"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(place / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def text(records, examples):
    return page(build_tables(records, SYSTEMS, ["table1"]), records, (), (), examples)


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_the_data_are_those_of_tables_and_records(text, records):
    data = data_of(text)
    (row,) = [row for row in data["tables"][0]["rows"] if row["system"] == "isdnet"]
    keys = {key for cell in row["cells"] for key in cell["records"]}
    assert keys == {record.key for record in records[:2]}
    assert {data["records"][key]["cell"]["kind"] for key in keys} == {"accuracy", "cost"}
    assert [len(one["views"]) for one in data["examples"]] == [2]


def test_foreign_text_cannot_leave_the_data(text):
    assert HOSTILE not in text
    assert any(row["system"] == HOSTILE for row in data_of(text)["tables"][0]["rows"])
    _, _, rest = text.partition('id="data">')
    assert "<script" not in rest.partition("</script>")[0]


def test_our_own_files_name_no_host_and_set_no_markup():
    for name in OWN:
        source = resources.files("reports.dashboard").joinpath(name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source)
    policy = resources.files("reports.dashboard").joinpath("page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in policy


def test_only_systems_with_several_sizes_have_a_line(records):
    assert [(point["system"], round(point["megapixels"], 2)) for point in size_data(records)] == [
        ("isdnet", 0.37),
        ("isdnet", 1.5),
    ]


def test_of_two_records_of_a_cell_the_newest_finished_one_is_shown(records):
    tables = build_tables(records, SYSTEMS, ["table1"])
    later = records[0].model_copy(update={"status": "failed", "accuracy": None})
    assert record_data(tables, [*records, later])[records[0].key]["status"] == "ok"


def test_a_folder_without_pictures_is_no_example(tmp_path):
    assert example_data(tmp_path / "none") == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_comes_alive_in_a_browser(text, tmp_path):
    file = tmp_path / "dashboard.html"
    file.write_text(text, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--virtual-time-budget=8000",
    ]
    words = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    body = done.stdout
    assert "16 of 16 rows" in body or "17 of 17 rows" in body
    assert "systems with accuracy and FPS fit" in body
    assert "js-plotly-plot" in body
    assert "<script>alert(1)" not in body.partition('id="data"')[0]
