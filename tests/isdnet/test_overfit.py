"""ISDNet learns two crops of real images by heart: a minute on two cores."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.accuracy.metrics import confusion, metrics
from benchmark.data.deepglobe import DeepGlobe
from benchmark.training.batch_norm import settle
from tests.isdnet.nets import net

ROOT = Path(os.environ.get("ISDBENCH_REAL_DATA", Path(__file__).parents[2] / "../shared/data")) / "deepglobe"
SIDE = 256
STEPS = 40


def balanced_crop(dataset: DeepGlobe, image_id: str):
    """The crop of ``SIDE`` pixels whose rarest class is most frequent: (share of that class, image, label)."""
    image, label = dataset.read(image_id)
    starts = range(0, label.shape[0] - SIDE + 1, SIDE // 2)
    windows = [(slice(y, y + SIDE), slice(x, x + SIDE)) for y in starts for x in starts]
    shares = [rarest(label[window]) for window in windows]
    window = windows[int(np.argmax(shares))]
    return max(shares), image[window], label[window]


def rarest(label) -> float:
    counts = np.bincount(label.ravel())
    counts = counts[counts > 0]
    return counts.min() / label.size if len(counts) > 1 else 0.0


@pytest.mark.slow
@pytest.mark.real_data
def test_isdnet_overfits_two_crops():
    if not ROOT.is_dir():
        pytest.skip(f"no real images in {ROOT}; set ISDBENCH_REAL_DATA")
    dataset = DeepGlobe(ROOT)
    crops = sorted(
        (balanced_crop(dataset, name) for name in sorted(dataset.available_ids())), key=lambda crop: -crop[0]
    )
    images = torch.from_numpy(np.stack([image for _, image, _ in crops[:2]])).permute(0, 3, 1, 2) / 255
    labels = np.stack([label for *_, label in crops[:2]])

    system = net("isdnet").to(memory_format=torch.channels_last).train()  # twice as fast on a CPU
    images = images.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(system.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, STEPS, power=0.9)
    for _ in range(STEPS):
        optimiser.zero_grad()
        sum(system.loss(images, torch.from_numpy(labels).long()).values()).backward()
        optimiser.step()
        schedule.step()
    settle(system, [(images, torch.from_numpy(labels).long())])  # these few steps leave batch norm's statistics behind

    with torch.inference_mode():
        predicted = system.eval().inference_form().predict(images).numpy()
    counts = sum(confusion(label, prediction, 7) for label, prediction in zip(labels, predicted, strict=True))
    score = metrics(dataset.info, counts).miou_dataset
    print(f"miou_dataset {score:.1f}")
    assert score > 90
