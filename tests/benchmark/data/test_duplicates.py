"""Nearly equal images in two splits."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from benchmark.data.duplicates import NEAR, fingerprint, near_duplicates
from benchmark.data.verify import verify_folder


class Folder:
    """A dataset of two splits, as far as the check reads one."""

    splits = ("train", "test")

    def __init__(self, root):
        self.root = root

    def on_disk(self, split):
        return sorted(file.name for file in self.root.glob(f"{split}*"))

    def image_path(self, image_id):
        return self.root / image_id


def picture(seed, size=(200, 150)):
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", ["jpeg", "smaller", "brighter"])
def test_a_changed_copy_in_another_split_is_found(tmp_path, kind):
    copies = {
        "jpeg": picture(0),
        "smaller": picture(0).resize((100, 75)),
        "brighter": ImageEnhance.Brightness(picture(0)).enhance(1.1),
    }
    picture(0).save(tmp_path / "train_a.png")
    picture(1).save(tmp_path / "train_b.png")
    picture(0).save(tmp_path / "train_c.png")  # in the same split: no leak
    copies[kind].save(tmp_path / "test_a.jpg", quality=60)
    found = near_duplicates(Folder(tmp_path))
    assert [(problem.file.name, problem.level) for problem in found] == [
        ("train_a.png", "warning"),
        ("train_c.png", "warning"),
    ]
    assert "test_a.jpg" in found[0].message
    assert "'train' and 'test' are not independent" in found[0].message


def test_other_pictures_are_far_apart(tmp_path):
    prints = []
    for seed in range(12):
        picture(seed).save(tmp_path / f"{seed}.png")
        prints.append(fingerprint(tmp_path / f"{seed}.png"))
    distances = [np.abs(one - two).sum() for index, one in enumerate(prints) for two in prints[:index]]
    assert min(distances) > 5 * NEAR


def test_flat_and_damaged_images_have_no_fingerprint(tmp_path):
    Image.new("RGB", (50, 50), (9, 9, 9)).save(tmp_path / "flat.png")
    (tmp_path / "bad.png").write_text("no image")
    assert fingerprint(tmp_path / "flat.png") is None
    assert fingerprint(tmp_path / "bad.png") is None


def test_verify_reports_them(tmp_path, monkeypatch):
    from benchmark.data.inria import Inria
    from tests.benchmark.data import fakes

    fakes.write_inria(tmp_path, ["austin2", "austin7"])  # of the lists of two splits
    dataset = Inria(tmp_path)
    first, second = (dataset.image_path(image_id) for image_id in ("austin2", "austin7"))
    for file in (first, second):
        picture(3, (64, 64)).save(file)
    lines = [line for line in verify_folder(dataset).lines if "nearly the same picture" in line]
    assert len(lines) == 1
    assert lines[0].startswith("warning: ")
