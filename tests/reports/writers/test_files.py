import pytest

from benchmark.errors import UnknownNameError
from reports.tables.build import ReportError, build_tables
from reports.tables.table import SystemFacts
from reports.writers.files import write_reports
from tests.results.records import GPU, record

SYSTEMS = [SystemFacts("isdnet", "ISDNet", "reimplemented", 1, rows=("table1/isdnet", "table5/d-s"))]
ISDNET = [record("accuracy", "isdnet"), record("cost", "isdnet")]


def test_files_carry_the_names_of_the_tables(tmp_path):
    paths = write_reports(build_tables(ISDNET, SYSTEMS), tmp_path / "new" / "out")
    assert sorted(path.name for path in paths) == [
        f"{table}.{suffix}" for table in ("table1", "table5") for suffix in ("csv", "html", "md", "tex")
    ]
    assert all(path.read_text(encoding="utf-8") for path in paths)


def test_groups_that_do_not_compare_get_files_of_their_own(tmp_path):
    records = [*ISDNET, *(record(kind, "isdnet", device=GPU) for kind in ("accuracy", "cost"))]
    records.append(record("accuracy", "isdnet", profile_hash="0" * 12))
    paths = write_reports(build_tables(records, SYSTEMS, ["table1"]), tmp_path, ["md"])
    assert len({path.name for path in paths}) == 3
    assert all(path.name.startswith("table1-synthetic-612x612-smoke-paper-") for path in paths)


def test_an_unknown_format_and_a_folder_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown format 'docx'"):
        write_reports([], tmp_path, ["docx"])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match=r"--out .*file/out: cannot write: Not a directory; choose another"):
        write_reports(build_tables(ISDNET, SYSTEMS), tmp_path / "file" / "out")
