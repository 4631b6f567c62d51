import os
import resource
import threading
from pathlib import Path

import pytest

from results.store import RecordError, Store, StoreError, read_record
from tests.results.records import accuracy, record


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "records")


def names(store):
    return sorted(path.name for path in store.folder.iterdir())


def test_a_record_comes_back_as_it_was(store):
    written = record("accuracy", "isdnet")
    path = store.append(written)
    assert path.name == f"accuracy-isdnet-{written.key}-1.json"
    assert read_record(path) == written
    assert store.all() == [written]
    assert store.find(written.key) == written


def test_appending_again_makes_another_file_and_leaves_the_first(store):
    first = store.append(record("cost", "stdc"))
    before = first.read_bytes()
    second = store.append(record("cost", "stdc", created="2026-11-23T10:00:00+00:00"))
    assert [first.name[-7:], second.name[-7:]] == ["-1.json", "-2.json"]
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
    with pytest.raises(ValueError, match="not finite"):
        store.append(record("accuracy", "isdnet", figures=accuracy(miou_paper=float("nan"))))
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
