"""The tests that every dataset reader passes, inherited by the tests of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from benchmark.data.folder import FolderDataset
from benchmark.data.verify import verify_folder
from benchmark.errors import DataError, UnknownNameError
from tests.benchmark.data import fakes


class DatasetContract(ABC):
    """Subclasses give a reader, ids of its train list, one id of another list, and a writer of a fake copy."""

    reader: ClassVar[type[FolderDataset]]
    train: ClassVar[tuple[str, ...]]
    other_split = "val"
    val: ClassVar[str]  # of ``other_split``
    lossy = False  # images are JPEG
    layouts: ClassVar[tuple[str, ...]]

    @abstractmethod
    def write(self, root: Path, layout: str) -> Path:
        """All of ``train`` and ``val`` in a layout."""

    @abstractmethod
    def expected_label(self, image_id: str) -> np.ndarray:
        """The class ids that the written label of an image stands for."""

    @pytest.fixture
    def root(self, tmp_path):
        return self.write(tmp_path / "data", self.layouts[0])

    @pytest.fixture
    def dataset(self, root):
        return self.reader(root)

    @pytest.fixture
    def small_paper(self, monkeypatch):
        """The paper's size is that of the fake copies."""
        monkeypatch.setattr(self.reader, "info", replace(self.reader.info, image_size=fakes.SIZE))

    def test_item(self, dataset):
        image, label = dataset.read(self.train[0])
        assert image.shape == (*fakes.SIZE, 3)
        assert label.shape == fakes.SIZE
        assert image.dtype == label.dtype == np.uint8
        assert image.flags.writeable
        assert label.flags.writeable
        np.testing.assert_array_equal(label, self.expected_label(self.train[0]))

    def test_length_and_order(self, dataset):
        assert dataset.ids("train") == self.train
        assert dataset.ids(self.other_split) == dataset.on_disk(self.other_split) == (self.val,)
        assert dataset.available_ids() == {*self.train, self.val}

    def test_layout_variants_read_the_same(self, tmp_path):
        readings = []
        for layout in self.layouts:
            dataset = self.reader(self.write(tmp_path / layout, layout))
            assert dataset.ids("train") == self.train
            readings.append(dataset.read(self.val))
        for image, label in readings[1:]:
            np.testing.assert_array_equal(image, readings[0][0])
            np.testing.assert_array_equal(label, readings[0][1])

    @pytest.mark.parametrize("kept", [0, 10, 0.5, -40])
    @pytest.mark.parametrize("kind", ["image", "label"])
    def test_truncated_file(self, dataset, kind, kept):
        path = dataset.image_path(self.val) if kind == "image" else dataset.label_path(self.val)
        content = path.read_bytes()
        path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
        self.assert_one_line(lambda: dataset.read(self.val), str(path), "restore it")

    def test_mask_of_another_size(self, dataset):
        path = dataset.label_path(self.val)
        Image.open(path).crop((0, 0, 40, 50)).save(path)
        self.assert_one_line(lambda: dataset.read(self.val), str(path), "mask is 50x40", "is 64x64", "restore it")

    def test_image_without_mask(self, root, dataset):
        path = dataset.label_path(self.train[1])
        path.unlink()
        dataset = self.reader(root)
        self.assert_one_line(
            lambda: dataset.ids("train"), str(dataset.image_path(self.train[1])), "no mask", "add the mask"
        )
        assert dataset.ids(self.other_split) == (self.val,)

    def test_mask_without_image(self, root, dataset):
        path = dataset.image_path(self.train[1])
        path.unlink()
        dataset = self.reader(root)
        self.assert_one_line(lambda: dataset.ids("train"), "no image", "add the image")

    def test_image_of_wrong_mode(self, dataset):
        path = dataset.image_path(self.val)
        Image.open(path).convert("L").save(path)
        self.assert_one_line(lambda: dataset.read(self.val), str(path), "mode 'L'", "RGB")

    def test_invalid_split(self, dataset):
        wrong = f"{self.other_split}s"
        with pytest.raises(UnknownNameError, match=f"'{wrong}': did you mean '{self.other_split}'"):
            dataset.official_ids(wrong)

    def test_missing_folder(self, tmp_path):
        self.assert_one_line(lambda: self.reader(tmp_path / "absent"), "absent: no such folder", self.reader.info.where)

    def test_wrong_root(self, tmp_path):
        self.assert_one_line(lambda: self.reader(tmp_path), f"--root {tmp_path}", "images here", self.reader.info.where)

    def test_root_one_folder_too_high(self, root):
        self.assert_one_line(lambda: self.reader(root.parent), f"did you mean --root {root}?")

    def test_missing_id(self, dataset):
        self.assert_one_line(lambda: dataset.read("404"), "404", "no such image")

    @pytest.mark.usefixtures("small_paper")
    def test_verify_sound_but_partial(self, root):
        seen = []
        report = verify_folder(self.reader(root), lambda done, total: seen.append((done, total)))
        total = len(self.train) + 1
        assert seen == [(done, total) for done in range(1, total + 1)]
        assert report.ok
        assert {problem.level for problem in report.problems} == {"warning"}
        assert report.on_disk["train"] == len(self.train)
        assert f"train {len(self.train)}/{report.official['train']}" in report.lines[1]

    @pytest.mark.usefixtures("small_paper")
    def test_verify_names_every_damage(self, root, dataset):
        first, second = self.train[:2]
        image = dataset.image_path(first)
        image.write_bytes(image.read_bytes()[:200])
        mask = dataset.label_path(second)
        mask.unlink()
        errors = [problem for problem in self.reader(root).verify() if problem.level == "error"]
        assert {problem.file for problem in errors} == {image, dataset.image_path(second)}
        report = verify_folder(self.reader(root))
        assert not report.ok
        assert report.lines[0].endswith("2 errors")
        assert sum(line.startswith("error: ") for line in report.lines) == 2

    def test_verify_refuses_another_size_than_the_datasets(self, root):
        errors = [problem for problem in self.reader(root).verify() if problem.level == "error"]
        assert len(errors) == len(self.train) + 1
        assert all(f"is 64x64, {self.reader.info.title} images are" in problem.message for problem in errors)

    @staticmethod
    def assert_one_line(action, *parts):
        """The action raises a DataError of one line that holds all parts."""
        with pytest.raises(DataError) as caught:
            action()
        message = str(caught.value)
        assert "\n" not in message
        for part in parts:
            assert part in message
