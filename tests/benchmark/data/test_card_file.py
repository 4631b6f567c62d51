"""``dataset.toml``: proposed from a folder, read, and used wherever the name of a dataset is."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark import registry
from benchmark.cli import main
from benchmark.commands.options import open_dataset
from benchmark.data.base import TrainingHints
from benchmark.data.card_file import FILE, DatasetCard, dataset_of
from benchmark.data.opening import BadFileError
from benchmark.data.reduced import at_ratio
from benchmark.errors import UserError

FORMATS = ("png", "jpg", "tif", "webp")
COLOURS = np.array([(0, 0, 0), (0, 255, 0), (255, 0, 0)], np.uint8)
LABEL = np.add.outer(np.arange(48) // 16, np.arange(64) // 32).clip(max=2).astype(np.uint8)


def folder_of(root, kind="grey", count=12, values=(0, 1, 2), sub=("", "")):
    """Images in four formats, their masks as PNG; ``sub`` are the folders of the first nine and of the others."""
    for index in range(count):
        place = root / "images" / sub[index >= 9]
        masks = root / "masks" / sub[index >= 9]
        place.mkdir(parents=True, exist_ok=True)
        masks.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(image).save(place / f"p{index:02}_image.{FORMATS[index % 4]}")
        stored = Image.fromarray(COLOURS[LABEL] if kind == "colours" else np.array(values, np.uint8)[LABEL])
        if kind == "palette":
            stored.putpalette(COLOURS.tobytes())
        stored.save(masks / f"p{index:02}_mask.png")
    return root


def card(**changes):
    usual = {"title": "T", "classes": ["a", "b", "c"], "images": ["i/*.png"], "masks": ["m/*.png"]}
    usual |= {"image_size": [48, 64], "split": {"by": "fraction"}}
    return DatasetCard.model_validate({**usual, **changes})


@pytest.mark.parametrize("kind", ["grey", "palette", "colours"])
def test_a_folder_in_four_formats_is_described_and_read(tmp_path, kind, capsys):
    folder_of(tmp_path, kind)
    assert main(["data", "init", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "12 pairs (3 .png, 3 .jpg, 3 .tif, 3 .webp)" in said
    assert "mask values: " in said
    dataset = open_dataset(str(tmp_path / FILE), None)
    assert (len(dataset.ids("train")), len(dataset.ids("test")), dataset.ids("val")) == (10, 2, ())
    _, label = dataset.read("p05")
    assert len(dataset.info.classes) == 3
    # colours are numbered by their share, the most frequent first
    order = np.bincount(LABEL.ravel()).argsort()[::-1] if kind == "colours" else np.arange(3)
    assert np.array_equal(label, np.argsort(order)[LABEL])
    assert main(["data", "verify", "--dataset", str(tmp_path / FILE)]) == 0
    assert main(["data", "init", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_folders_of_splits_are_found(tmp_path):
    main(["data", "init", str(folder_of(tmp_path, sub=("training", "test")))])
    dataset = dataset_of(tmp_path / FILE)(tmp_path)
    assert (len(dataset.ids("train")), len(dataset.ids("test"))) == (9, 3)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [((0, 1, 255), ([0, 1], [255])), ((0, 255, 255), ([0, 255], [])), ((3, 7, 9), ([3, 7, 9], []))],
)
def test_values_of_masks(tmp_path, values, wanted):
    main(["data", "init", str(folder_of(tmp_path, values=values))])
    kind = dataset_of(tmp_path / FILE)
    assert (kind.card.values, kind.card.ignore) == wanted
    label = kind(tmp_path).read("p00")[1]
    assert set(np.unique(label)) == {*range(len(wanted[0])), *([255] if wanted[1] else [])}


@pytest.mark.parametrize("by", [{"by": "fraction", "fraction": 0.25, "seed": 3}, {"by": "fold", "folds": 4, "fold": 1}])
def test_drawn_splits_cover_all_images_once_and_repeat(by):
    files = {f"{index}": Path(f"i/{index}.png") for index in range(12)}
    rule = card(split=by).split
    train, test = rule.ids("train", files), rule.ids("test", files)
    assert len(test) == 3
    assert sorted(train + test) == sorted(files)
    assert rule.ids("test", dict(reversed(files.items()))) == test


def test_folds_score_every_image_once():
    files = {f"{index}": Path(f"i/{index}.png") for index in range(10)}
    scored = [card(split={"by": "fold", "folds": 3, "fold": fold}).split.ids("test", files) for fold in range(3)]
    assert sorted(sum(scored, ())) == sorted(files)


def test_listed_ids():
    rule = card(split={"by": "list", "train": ["a", "b"], "test": ["c"]}).split
    assert (rule.ids("train", {}), rule.ids("test", {})) == (("a", "b"), ("c",))


def test_another_card_is_another_dataset_and_the_name_is_found_in_its_folder(tmp_path):
    assert card().name != card(ignore=[9]).name
    assert card().name == card(split={"by": "fold"}).name  # the split has a hash of its own
    main(["data", "init", str(folder_of(tmp_path))])
    name = dataset_of(tmp_path / FILE).info.name
    assert registry.dataset(name, tmp_path).info.name == name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ('classes = ["a"]', "classes"),
        ("values = [0, 1]", "3 different entries"),
        ("values = [0, 1, 1]", "3 different entries"),
        ("ignore = [2]", "none of them in both"),
        ("ignore = [256]", "numbers from 0 to 255"),
        ('images = ["../*.png"]', "patterns within the folder"),
        ('images = ["/etc/*"]', "patterns within the folder"),
        ('images = ["a.png"]', "with a \\* for the image's id"),
        ("colour = 3", "colour: Extra inputs"),
        ("title = ", "is not TOML"),
    ],
)
def test_a_wrong_card_is_named_by_its_entry(tmp_path, changes, said):
    main(["data", "init", str(folder_of(tmp_path))])
    file = tmp_path / FILE
    key = changes.partition(" ")[0]
    kept = [line for line in file.read_text().splitlines() if not line.startswith(f"{key} =")]
    file.write_text("\n".join([changes, *kept]))
    with pytest.raises(UserError, match=said):
        dataset_of(file)


def test_a_card_says_what_training_must_respect():
    table = {"rotate": "none", "photometric": False, "class_weights": {"a": 1, "c": 0.5}}
    hints = card(training=table).training.hints(["a", "b", "c"])
    assert hints == TrainingHints(rotate="none", photometric=False, class_weights=(1.0, 0.0, 0.5))
    hints = card(training={"crop_classes": ["c"]}).training.hints(["a", "b", "c"])
    assert hints == TrainingHints(crop_classes=(2,))
    assert card().training.hints(["a", "b", "c"]) == TrainingHints()


def test_the_training_table_of_a_proposed_card_works_once_it_is_uncommented(tmp_path):
    main(["data", "init", str(folder_of(tmp_path))])
    file = tmp_path / FILE
    head, _, table = file.read_text().partition("# [training]")
    classes = dataset_of(file).info.classes
    named = f"[training]{table}".replace("\n# ", "\n")
    named = named.replace("a rare class", classes[2]).replace("a frequent class", classes[0])
    rows = {line.partition(" ")[0]: line for line in named.splitlines()}
    for chosen, wanted in (("crop_classes", {"crop_classes": (2,)}), ("class_weights", {"class_weights": (1, 0, 3)})):
        lines = ["[training]", rows["rotate"], rows["photometric"], rows[chosen]]
        file.write_text("\n".join([head, *lines]))
        assert dataset_of(file).info.training == TrainingHints(rotate="none", photometric=False, **wanted)


@pytest.mark.parametrize(("recipe", "told"), [("paper", True), ("short", False)])
def test_a_recipe_that_ignores_the_training_table_says_so(tmp_path, capsys, monkeypatch, recipe, told):
    main(["data", "init", str(folder_of(tmp_path))])
    file = tmp_path / FILE
    file.write_text(f'{file.read_text()}\n[training]\nrotate = "none"\n')
    monkeypatch.chdir(tmp_path)
    words = ["plan", "--systems", "stdc", "--dataset", str(file), "--only", "accuracy", "--recipe", recipe]
    assert main(words) == 0
    assert ("holds for --recipe short alone and is ignored" in capsys.readouterr().err) is told


def test_a_dataset_of_a_card_reaches_another_process(tmp_path):
    main(["data", "init", str(folder_of(tmp_path))])
    dataset = dataset_of(tmp_path / FILE)(tmp_path)
    sent = pickle.loads(pickle.dumps(at_ratio(dataset, 0.5)))
    assert sent.info == at_ratio(dataset, 0.5).info
    assert np.array_equal(sent.read("p05")[0], at_ratio(dataset, 0.5).read("p05")[0])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"crop_classes": ["d"]}, "there is no class 'd'; the classes are a, b, c"),
        ({"class_weights": {"d": 0.5}}, "there is no class 'd'"),
        ({"class_weights": {"a": 0}}, "greater than 0"),
        ({"class_weights": {"a": float("inf")}}, "finite number"),
        ({"class_weights": {"a": True}}, "valid number"),
        ({"photometric": "no"}, "valid boolean"),
        ({"crop_classes": ["a", "a"]}, "names a class twice"),
        ({"crop_classes": ["a"], "class_weights": {"b": 1}}, "not both"),
        ({"rotate": "continuous"}, "'none' or 'right-angles'"),
        ({"flip": True}, "Extra inputs"),
    ],
)
def test_a_wrong_training_table_is_refused(table, said):
    with pytest.raises(ValueError, match=said):
        card(training=table)


def test_the_file_has_one_name_and_place(tmp_path):
    with pytest.raises(UserError, match=r"must be called dataset\.toml"):
        dataset_of(tmp_path / "mine.toml")
    with pytest.raises(UserError, match="make it with 'isdbench data init"):
        dataset_of(tmp_path / FILE)


def test_other_values_and_colours_are_refused(tmp_path):
    main(["data", "init", str(folder_of(tmp_path))])
    dataset = dataset_of(tmp_path / FILE)(tmp_path)
    Image.fromarray(LABEL + 4).save(tmp_path / "masks" / "p00_mask.png")
    with pytest.raises(BadFileError, match="value 4, 5, 6"):
        dataset.read("p00")
    Image.fromarray(COLOURS[LABEL] + 1).save(tmp_path / "masks" / "p01_mask.png")
    with pytest.raises(BadFileError, match=r"colour that is no class, the first RGB \(1, 1, 1\)"):
        dataset.read("p01")
    assert main(["data", "verify", "--dataset", str(tmp_path / FILE)]) == 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda root: [file.unlink() for file in (root / "masks").iterdir()], "no pair"),
        (lambda root: Image.fromarray(LABEL).save(root / "images" / "p00_img.png"), "two images are called 'p00'"),
        (lambda root: [Image.fromarray(LABEL * 0).save(f) for f in (root / "masks").iterdir()], "one value everywhere"),
        (lambda root: Image.fromarray(COLOURS[LABEL]).save(root / "masks" / "p00_mask.png"), "some masks are grey"),
        (
            lambda root: [Image.fromarray(np.dstack([LABEL] * 3)).save(f) for f in (root / "masks").iterdir()],
            "indices in three equal channels",
        ),
    ],
)
def test_a_folder_that_cannot_be_described_is_one_line(tmp_path, capsys, damage, said):
    damage(folder_of(tmp_path))
    assert main(["data", "init", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / FILE).exists()
