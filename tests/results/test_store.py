import json
import os
import resource
import threading
from pathlib import Path

import pytest

from results.store import RecordError, Store, StoreError, read_record
from tests.results.records import record


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "records")


def names(store):
    return sorted(path.name for path in store.folder.iterdir())


def test_a_record_comes_back_as_it_was(store):
    written = record("accuracy", "isdnet")
    path = store.append(written)
    assert path.name.startswith(f"accuracy-isdnet-{written.key}-")
    assert read_record(path) == written
    assert store.all() == [written]
    assert store.find(written.key) == written


def test_appending_again_makes_another_file_and_leaves_the_first(store):
    first = store.append(record("cost", "stdc"))
    before = first.read_bytes()
    second = store.append(record("cost", "stdc", created="2026-11-23T10:00:00+00:00"))
    assert first != second
    assert first.read_bytes() == before


def test_many_writers_of_one_cell_lose_nothing(store):
    threads = [threading.Thread(target=store.append, args=(record("cost", "stdc"),)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.all()) == 16
    assert all(name.endswith(".json") and not name.startswith(".") for name in names(store))


def test_find_gives_the_newest_record_that_needs_no_repeat(store):
    for hour, status in ((10, "ok"), (12, "oom"), (11, "ok"), (13, "failed"), (14, "unavailable")):
        store.append(record("cost", "stdc", status=status, created=f"2026-11-22T{hour}:00:00+00:00"))
    assert store.find(record("cost", "stdc").key).status == "oom"


def test_find_knows_nothing_of_other_cells_and_of_failures(store):
    assert store.find("0" * 12) is None
    store.append(record("cost", "stdc", status="failed", reason="a traceback"))
    assert store.find(record("cost", "stdc").key) is None


def test_what_is_no_record_is_named_and_harms_nothing(store):
    good = record("accuracy", "isdnet")
    whole = store.append(good).read_bytes()
    (store.folder / "truncated.json").write_bytes(whole[: len(whole) // 2])
    (store.folder / "empty.json").write_bytes(b"")
    (store.folder / "foreign.json").write_text('{"miou": 99}')
    (store.folder / "binary.json").write_bytes(b"\xff\x00\xfe")
    (store.folder / "list.json").write_text("[1]")
    (store.folder / "newer.json").write_bytes(whole.replace(b'"schema_version": 2', b'"schema_version": 3'))
    (store.folder / "notes.txt").write_text("not ours")
    contents = store.read()
    assert list(contents.records) == [good]
    assert [Path(line.split(": ")[0]).name for line in contents.problems] == [
        "binary.json", "empty.json", "foreign.json", "list.json", "newer.json", "truncated.json",
    ]  # fmt: skip
    assert "upgrade isdbench" in contents.problems[4]
    assert all("\n" not in line for line in contents.problems)


def test_a_damaged_file_counts_as_absent_for_find(store):
    path = store.append(record("cost", "stdc"))
    path.write_bytes(path.read_bytes()[:200])
    assert store.find(record("cost", "stdc").key) is None


def test_a_missing_folder_is_an_error_to_read_and_empty_to_find(store):
    assert store.find("0" * 12) is None
    with pytest.raises(StoreError, match=r"--records .*: no such folder"):
        store.all()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "records")
    with pytest.raises(StoreError, match=r"--records .*file/records: cannot write: Not a directory"):
        store.append(record("cost", "stdc"))
    with pytest.raises(StoreError, match="cannot write"):
        store.ensure_writable()


def test_ensure_writable_leaves_nothing_behind(store):
    store.ensure_writable()
    assert names(store) == []


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(store):
    kept = record("cost", "stdc")
    store.append(kept)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the kernel refuses to let any file grow further
    try:
        with pytest.raises(StoreError, match=r"--records .*records: cannot write: File too large; free some space"):
            store.append(record("accuracy", "isdnet"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.all() == [kept]
    assert len(names(store)) == 1
    store.append(record("accuracy", "isdnet"))
    assert len(store.all()) == 2


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interruption_at_any_step_leaves_no_file(store, monkeypatch, step):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.append(record("cost", "stdc"))
    assert names(store) == []


def test_a_figure_that_json_cannot_hold_is_refused(store):
    good = record("accuracy", "isdnet")
    unchecked = good.accuracy.model_copy(update={"miou_paper": float("nan")})
    with pytest.raises(ValueError, match="not finite"):
        store.append(good.model_copy(update={"accuracy": unchecked}))
    assert not store.folder.exists()


def test_a_key_of_another_cell_is_refused(store):
    wrong = record("cost", "stdc").model_copy(update={"key": "0" * 12})
    with pytest.raises(ValueError, match="not that of its cell"):
        store.append(wrong)


@pytest.mark.parametrize("name", ["../../evil", "<script>", "a/b c%", "x" * 300, "ünïcode", "-rf"])
def test_any_system_name_makes_a_plain_file_in_the_folder(store, name):
    written = record("cost", name)
    path = store.append(written)
    assert path.parent == store.folder
    assert path.name.isascii()
    assert store.find(written.key) == written


def test_a_record_error_names_its_file(tmp_path):
    with pytest.raises(RecordError, match=r"gone\.json: cannot be read"):
        read_record(tmp_path / "gone.json")


def edited(text, *path_and_value):
    """JSON text with one value replaced."""
    *path, last, value = path_and_value
    data = json.loads(text)
    inner = data
    for step in path:
        inner = inner[step]
    inner[last] = value
    return json.dumps(data)


SAMPLES = ("cost", "samples", 0)
BAD = [
    *(("cost", (*SAMPLES, "median_ms", value)) for value in (float("nan"), float("inf"), 0, -1, 1e300, "fast", None)),
    *(("cost", (*SAMPLES, "latencies_ms", value)) for value in ([], [0.0], [1.0, float("nan")])),
    ("cost", (*SAMPLES, "throttled", [99])),
    ("cost", (*SAMPLES, "rounds", [4, 4])),
    ("cost", ("cost", "samples", [])),
    ("cost", ("cost", "flops", -1)),
    ("cost", ("cost", "memory", "weights_mib", "mib", -3.0)),
    ("cost", ("cell", "protocol", "height", 0)),
    ("cost", ("cell", "kind", "accuracy")),
    ("cost", ("cost", None)),
    ("cost", ("provenance", "created", "yesterday")),
    ("cost", ("schema_version", 0)),
    *(
        ("accuracy", ("accuracy", "confusion", value))
        for value in ([], [[]], [[1, 2]], [[1, -2], [3, 4]], [[1, 1e30]] * 2)
    ),
    *(("accuracy", ("accuracy", "image_confusions", value)) for value in (["1 2 3 4"], ["1 2 3"] * 4, ["1 2 3 x"] * 4)),
    ("accuracy", ("accuracy", "image_confusions", [f"1 2 3 {'9' * 400}"] * 4)),
    ("accuracy", ("accuracy", "paper_classes", [7])),
    ("accuracy", ("accuracy", "miou_paper", 101.0)),
    ("accuracy", ("accuracy", "images", [])),
    ("accuracy", ("accuracy", "work", {"passes": []})),
]


@pytest.mark.parametrize(("kind", "change"), BAD, ids=lambda value: str(value)[:60])
def test_what_no_measurement_gives_is_no_record(store, kind, change):
    good = store.append(record("cost", "isdnet"))
    bad = store.append(record(kind, "stdc"))
    bad.write_text(edited(bad.read_text(), *change))
    contents = store.read()
    assert [one.cell.system for one in contents.records] == ["isdnet"]
    (problem,) = contents.problems
    assert problem.startswith(f"{bad}: is not a record: ")
    assert "\n" not in problem
    assert store.find(record(kind, "stdc").key) is None
    assert store.find(read_record(good).key)


def test_files_that_would_break_a_reader_are_named(store, tmp_path):
    store.ensure_writable()
    hostile = {
        "deep.json": "[" * 100_000,
        "deep2.json": '{"a":' * 100_000,
        "digits.json": '{"schema_version": ' + "9" * 10**6 + "}",
        "names.json": json.dumps({"\x1b[31m\n<script>" * 100: 1}),
        "nul.json": "\0" * 100,
    }
    for name, text in hostile.items():
        (store.folder / name).write_text(text)
    (store.folder / "folder.json").mkdir()
    os.mkfifo(store.folder / "pipe.json")
    (store.folder / "gone.json").symlink_to(tmp_path / "nowhere")
    with (store.folder / "huge.json").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    contents = store.read()
    assert contents.records == ()
    named = {Path(line.split(": ")[0]).name for line in contents.problems}
    assert named == {*hostile, "folder.json", "pipe.json", "gone.json", "huge.json"}
    assert all(line.isprintable() and len(line) < 1000 for line in contents.problems)


def test_a_bad_record_of_a_wanted_cell_is_named(tmp_path):
    warned = []
    store = Store(tmp_path, warn=warned.append)
    path = store.append(record("cost", "stdc"))
    path.write_text("{}")
    assert store.find(record("cost", "stdc").key) is None
    assert [str(path) in line for line in warned] == [True]


def test_another_cell_under_this_key_is_not_found(store):
    written = record("cost", "stdc")
    path = store.append(written)
    path.write_text(edited(path.read_text(), "cell", "system", "isdnet"))
    assert store.find(written.key) is None
