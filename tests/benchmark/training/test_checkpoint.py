"""A damaged checkpoint is found, and the log is cut to the checkpoint."""

from __future__ import annotations

import json

import pytest
import torch

from benchmark.errors import UserError
from benchmark.training.checkpoint import LossLog, load_checkpoint, previous, save_checkpoint


def saved(path, *iterations):
    for iteration in iterations:
        save_checkpoint(path, {"iteration": iteration, "weights": torch.arange(iteration + 5.0)})


def test_a_checkpoint_comes_back_as_it_was(tmp_path, caplog):
    path = tmp_path / "new" / "run.ckpt"
    saved(path, 3)
    state = load_checkpoint(path, 3)
    assert caplog.messages == []
    assert state["iteration"] == 3
    assert torch.equal(state["weights"], torch.arange(8.0))
    assert [file.name for file in path.parent.iterdir()] == ["run.ckpt"]


def test_no_checkpoint_is_no_state(tmp_path):
    assert load_checkpoint(tmp_path / "run.ckpt", 10) is None


@pytest.mark.parametrize("harm", ["truncated", "flipped", "empty", "foreign"])
def test_a_harmed_checkpoint_is_refused_in_one_line_and_the_one_before_is_used(tmp_path, harm, caplog):
    path = tmp_path / "run.ckpt"
    saved(path, 3, 6)
    content = bytearray(path.read_bytes())
    flipped = bytearray(content)
    flipped[content.index(torch.arange(11.0).numpy().tobytes()) + 6] ^= 1  # one bit of a weight
    path.write_bytes(
        {"truncated": bytes(content[:-7]), "flipped": bytes(flipped), "empty": b"", "foreign": b"<html>" * 90}[harm]
    )
    assert load_checkpoint(path, 10)["iteration"] == 3
    (refused,) = caplog.messages
    assert str(path) in refused
    assert "\n" not in refused
    previous(path).unlink()
    assert load_checkpoint(path, 10) is None


def test_a_checkpoint_ahead_of_its_log_is_refused(tmp_path, caplog):
    path = tmp_path / "run.ckpt"
    saved(path, 3, 6)
    assert load_checkpoint(path, 5)["iteration"] == 3
    assert "loss log holds 5 of 6" in caplog.messages[0]


def test_an_unwritable_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        saved(tmp_path / "file" / "run.ckpt", 1)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    saved(path, 3)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match=r"No space left on device.*--out"):
        saved(path, 6)
    monkeypatch.undo()
    assert load_checkpoint(path, 10)["iteration"] == 3
    assert len(list(tmp_path.iterdir())) == 1  # no half-written file


def test_the_log_continues_and_forgets(tmp_path):
    path = tmp_path / "run.losses.jsonl"
    log = LossLog(path)
    log.restart(0)
    for value in (3.0, 2.0, 1.0):
        log.append(0.1, {"seg": value, "aux": 0.5})
    log.sync()
    with path.open("a") as file:
        file.write('{"iteration": 3, "learning_r')  # a kill cut this line short
    again = LossLog(path)
    assert again.totals == [3.5, 2.5, 1.5]
    again.restart(2)
    again.append(0.05, {"seg": 9.0})
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["iteration"] for entry in entries] == [0, 1, 2]
    assert entries[2] == {"iteration": 2, "learning_rate": 0.05, "losses": {"seg": 9.0}}
    assert LossLog(path).totals == again.totals == [3.5, 2.5, 9.0]


def test_a_foreign_line_ends_the_log(tmp_path):
    path = tmp_path / "run.losses.jsonl"
    path.write_text('{"iteration": 0, "losses": {"a": 1}}\n[1, 2]\n{"iteration": 2, "losses": {"a": 1}}\n')
    assert LossLog(path).totals == [1]
