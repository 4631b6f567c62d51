"""The reference row: the most frequent class of the training labels, for every pixel."""

import numpy as np
import pytest
import torch

from benchmark import registry
from benchmark.accuracy.evaluate import evaluate
from benchmark.prediction import predicted
from benchmark.training.label_counts import label_counts
from benchmark.weights.files import load_weights, save_weights
from tests.benchmark.tiny import TinyDataset


@pytest.fixture
def constant():
    return registry.build(registry.card("constant"), 3).eval()


def test_it_predicts_the_most_frequent_class_of_the_training_labels(constant):
    dataset = TinyDataset()
    labels = np.concatenate([dataset.read(image_id)[1].ravel() for image_id in dataset.official_ids("train")])
    expected = [int((labels == index).sum()) for index in range(3)]
    counts = label_counts(dataset, dataset.official_ids("train"), 3)
    assert counts.tolist() == expected  # the ignored corners count for none
    constant.learn_label_counts(counts)
    prediction = predicted(constant, dataset.read("test0")[0])
    assert prediction.shape == (40, 56)
    assert set(prediction.ravel().tolist()) == {int(np.argmax(expected))}


def test_it_is_scored_as_any_system(constant, tmp_path):
    constant.learn_label_counts(torch.tensor([0, 5, 9]))
    dataset = TinyDataset()
    outcome = evaluate(constant, dataset, dataset.official_ids("test"), tmp_path / "scored.jsonl")
    confusion = np.array(outcome.confusion)
    assert confusion[:, :2].sum() == 0
    water = confusion[2, 2] / confusion[:, 2].sum()
    assert outcome.metrics.miou_paper == pytest.approx(100 * water / 2)


def test_a_reduced_image_gives_the_same_labels(constant):
    constant.learn_label_counts(torch.tensor([0, 5, 9]))
    image = TinyDataset().read("test0")[0]
    assert np.array_equal(predicted(constant, image, scale=0.5), predicted(constant, image))


def test_what_it_has_learned_is_kept_in_a_weights_file(constant, tmp_path):
    constant.learn_label_counts(torch.tensor([4, 5, 9]))
    save_weights(tmp_path / "constant.safetensors", constant, "counting", "tiny")
    again = registry.build(registry.card("constant"), 3)
    load_weights(tmp_path / "constant.safetensors", again)
    assert again.counts.tolist() == [4, 5, 9]
