"""The dashboard: complete in one file, no way out of its data, and alive in a browser where there is one."""

import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.dashboard.data import example_data, record_data, size_data
from reports.dashboard.page import page
from reports.tables.build import build_tables
from reports.tables.table import SystemFacts
from results.analysis.repeat import repetitions
from tests.results.records import cost, record

HOSTILE = "</script><script>alert(1)</script>"
SYSTEMS = [SystemFacts(name, name, "library", 1, rows=(f"table1/{name}",)) for name in ("isdnet", "stdc")]
OWN = [
    file.name for file in resources.files("reports.dashboard").iterdir() if file.name.endswith((".html", ".css", ".js"))
]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def records():
    swept = [
        record(
            "cost", name, figures=cost(float(side)), paper_dataset="", protocol_changes={"height": side, "width": side}
        )
        for name, side in (("isdnet", 612), ("isdnet", 1224), ("stdc", 612))
    ]
    return [*(record(kind, name) for name in ("isdnet", "stdc", HOSTILE) for kind in ("accuracy", "cost")), *swept]


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
    return page(build_tables(records, SYSTEMS, ["table1"]), records, (), (), repetitions(records), examples)


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
    assert len(OWN) > 5
    for name in OWN:
        source = resources.files("reports.dashboard").joinpath(name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source)
    policy = resources.files("reports.dashboard").joinpath("page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in policy


def test_only_systems_with_several_sizes_have_a_line(records):
    (curve,) = size_data(records)
    assert curve["setting"] == "synthetic, Test CPU, profile smoke"
    ((system, points),) = [tuple(one.values()) for one in curve["lines"]]
    assert system == "isdnet"
    assert [(round(point["megapixels"], 2), point["latency_ms"]) for point in points] == [(0.37, 612.0), (1.5, 1224.0)]
    assert size_data([one for one in records if one.cell.paper_dataset]) == []  # patches of a table's cells are scaled


def test_rows_of_one_method_have_different_names_and_all_have_percentiles(text):
    (table,) = data_of(text)["tables"]
    rows = {row["name"]: row for row in table["rows"]}
    assert len(rows) == len(table["rows"])
    assert {"UNet (local)", "UNet (global)", "ISDNet"} <= rows.keys()
    samples = cost().samples[0]
    assert rows["ISDNet"]["latency_ms"] == [samples.median_ms, samples.p90_ms, samples.p99_ms]
    assert rows["UNet (local)"]["latency_ms"] == [None] * 3


def test_tables_of_one_subject_are_told_apart_by_the_image_size(records):
    wide = record("cost", "isdnet", protocol_changes={"height": 1224, "width": 1224})
    found = data_of(page(build_tables([*records, wide], SYSTEMS, ["table1"]), records, (), (), (), Path("none")))
    assert {table["subject"] for table in found["tables"]} == {"Table 1 of the paper: comparison on DeepGlobe"}
    settings = [table["setting"] for table in found["tables"]]
    assert any("1224x1224" in one for one in settings)
    assert len(set(settings)) == len(settings) == 2
    assert "612x612" in settings[found["first"]]  # it has more values


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
    assert "Best: STDC and ISDNet" in body  # their intervals overlap
    assert 'role="status">3 of 3 systems fit' in body
    assert 'class="plot js-plotly-plot"' in body
    assert "<script>alert(1)" not in body.partition('id="data"')[0]
