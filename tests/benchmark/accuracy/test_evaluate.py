"""Evaluation: the same scores interrupted or not, one image at a time, full-size labels at any scale."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.accuracy.evaluate import EvaluationOutcome, evaluate, weights_hash
from benchmark.accuracy.metrics import boundary_counts, boundary_iou, confusion, metrics
from benchmark.errors import UserError
from benchmark.prediction import predicted
from tests.benchmark.tiny import INFO, TinyDataset, TinySystem, tiny_system

IDS = TinyDataset().ids("test")


class Killed(Exception):
    pass


def killer(at: int):
    def progress(done, total):
        if done == at:
            raise Killed

    return progress


def scores(outcome: EvaluationOutcome) -> EvaluationOutcome:
    return dataclasses.replace(outcome, seconds=0)


def test_the_outcome_is_that_of_a_plain_loop(tmp_path):
    system, dataset = tiny_system(), TinyDataset()
    heard: list[tuple[int, int]] = []
    outcome = evaluate(system, dataset, IDS, tmp_path / "e.jsonl", progress=lambda *step: heard.append(step))
    system.eval()
    counts, boundaries, digests = np.zeros((3, 3), np.int64), np.zeros((2, 3), np.int64), ""
    for image_id in IDS:
        image, label = dataset.read(image_id)
        with torch.no_grad():
            pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
            prediction = system.predict(pixels)[0].numpy()
        counts += confusion(label, prediction, 3)
        boundaries += boundary_counts(INFO, label, prediction)
        digests += hashlib.sha256(prediction.tobytes()).hexdigest()
    assert outcome.confusion == tuple(map(tuple, counts.tolist()))
    assert outcome.metrics == metrics(INFO, counts)
    assert outcome.boundary_iou == boundary_iou(INFO, boundaries)
    assert outcome.labels_hash == hashlib.sha256(digests.encode()).hexdigest()
    assert outcome.images == IDS
    by_image = [np.array(counts.split(), np.int64).reshape(3, 3) for counts in outcome.image_confusions]
    assert len(by_image) == len(IDS)
    np.testing.assert_array_equal(sum(by_image), counts)
    assert outcome.paper_classes == INFO.paper_classes
    assert heard == [(done, 5) for done in range(1, 6)]
    lines = (tmp_path / "e.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"] for line in lines[1:]] == list(IDS)


@pytest.mark.parametrize("at", [1, 3, 5])
@pytest.mark.parametrize("torn", [False, True])
def test_killed_and_continued_equals_uninterrupted(tmp_path, at, torn):
    expected = evaluate(tiny_system(), TinyDataset(), IDS, tmp_path / "straight.jsonl")
    path = tmp_path / "e.jsonl"
    with pytest.raises(Killed):
        evaluate(tiny_system(), TinyDataset(), IDS, path, progress=killer(at))
    if torn:
        path.write_bytes(path.read_bytes()[:-20])  # killed while writing the line
    dataset = TinyDataset()
    continued = evaluate(tiny_system(), dataset, IDS, path)
    assert scores(continued) == scores(expected)
    assert dataset.reads == list(IDS[at - torn :])


CHILD = """
import sys, time
from pathlib import Path
from tests.benchmark.accuracy import test_evaluate as t
def slow(done, total):
    print(done, flush=True)
    time.sleep(0.2)
t.evaluate(t.tiny_system(), t.TinyDataset(), t.IDS, Path(sys.argv[1]), progress=slow)
"""


@pytest.mark.slow  # a process that imports torch
def test_sigkill_and_the_same_command_again(tmp_path):
    expected = evaluate(tiny_system(), TinyDataset(), IDS, tmp_path / "straight.jsonl")
    path, root = tmp_path / "e.jsonl", Path(__file__).parents[3]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", CHILD, str(path)]
    child = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "3":
            break
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    dataset = TinyDataset()
    continued = evaluate(tiny_system(), dataset, IDS, path)
    assert scores(continued) == scores(expected)
    assert len(dataset.reads) < 5


def test_a_file_of_other_weights_or_another_protocol_is_begun_anew(tmp_path):
    path = tmp_path / "e.jsonl"

    def reads(system, ids=IDS, **how):
        dataset = TinyDataset()
        evaluate(system, dataset, ids, path, **how)
        return len(dataset.reads)

    assert reads(tiny_system()) == len(IDS)
    assert reads(tiny_system()) == 0
    other = tiny_system()
    with torch.no_grad():
        other.head.bias[0] += 1e-6
    assert weights_hash(other) != weights_hash(tiny_system())
    assert reads(other) == len(IDS)
    assert reads(other, IDS[::-1]) == len(IDS)
    assert reads(other, IDS[::-1], scale=0.5) == len(IDS)
    path.write_text("not a resume file\n")
    assert reads(other) == len(IDS)


class Sees(TinySystem):
    """Water in the right half; remembers the sizes it was shown."""

    def predict(self, image):
        self.seen = tuple(image.shape)
        labels = torch.ones(image.shape[0], *image.shape[-2:], dtype=torch.uint8)
        labels[..., image.shape[-1] // 2 :] = 2
        return labels


def test_at_another_scale_the_labels_come_back_at_full_size():
    system = Sees()
    labels = predicted(system, np.zeros((40, 56, 3), np.uint8), scale=0.8)
    assert system.seen == (1, 3, 32, 45)
    assert labels.shape == (40, 56)
    assert labels.dtype == np.uint8
    first_water = int(np.argmax(labels[0] == 2))
    assert abs(first_water - 22 / 45 * 56) <= 1
    assert (labels == labels[0]).all()


def test_at_another_scale_logits_are_enlarged_not_labels():
    system, (image, _) = tiny_system().eval(), TinyDataset().read("test0")
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    reduced = torch.nn.functional.interpolate(pixels, size=(32, 45), mode="bilinear")
    with torch.no_grad():
        logits = torch.nn.functional.interpolate(system.logits(reduced), size=(32, 45), mode="bilinear")
        logits = torch.nn.functional.interpolate(logits, size=(40, 56), mode="bilinear")
    expected = logits.argmax(1)[0].numpy()
    assert len(np.unique(expected)) > 1
    assert np.array_equal(predicted(system, image, scale=0.8), expected)


def test_pixels_reach_the_system_in_zero_to_one_rgb():
    class Looks(Sees):
        def predict(self, image):
            self.looked = image
            return super().predict(image)

    system = Looks()
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0], image[..., 2] = 255, 51
    predicted(system, image)
    assert system.looked.dtype == torch.float32
    torch.testing.assert_close(system.looked[0, :, 3, 3], torch.tensor([1.0, 0.0, 0.2]))


@pytest.mark.parametrize("wrong", [lambda x: x.long(), lambda x: x[:, :-1], lambda x: x[0]])
def test_labels_of_another_shape_or_type_are_an_error(wrong):
    class Wrong(Sees):
        def predict(self, image):
            return wrong(super().predict(image))

    with pytest.raises(ValueError, match="tiny: predict returned"):
        predicted(Wrong(), np.zeros((40, 56, 3), np.uint8))


def test_bf16_runs_under_autocast():
    class Looks(TinySystem):
        def forward(self, image):
            logits = super().forward(image)
            self.kind = logits.dtype
            return logits

    system = Looks().eval()
    image, _ = TinyDataset().read("test0")
    predicted(system, image, precision="bf16")
    assert system.kind == torch.bfloat16
    predicted(system, image)
    assert system.kind == torch.float32


def test_nothing_to_score_and_an_unwritable_file_are_clear_lines(tmp_path):
    with pytest.raises(UserError, match="--root nowhere: no image to score"):
        evaluate(tiny_system(), TinyDataset(), (), tmp_path / "e.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        evaluate(tiny_system(), TinyDataset(), IDS, tmp_path / "file" / "e.jsonl")
