"""The synthetic dataset: pure, plausible, and about what ultra-high-resolution segmentation is about."""

import hashlib
import json
import subprocess
import sys

import cv2
import numpy as np
import PIL.Image
import pytest

from benchmark.data.deepglobe import PALETTE, DeepGlobe
from benchmark.data.synthetic import Synthetic, World, make_world, scene
from benchmark.data.synthetic.model import Region, Scale
from benchmark.errors import DataError, UserError

SIZE = (612, 612)
URBAN, WATER = 1, 5
WINDOW, STRIDE = 32, 16


@pytest.fixture(scope="module")
def scenes():
    return [scene(World(), index, SIZE) for index in range(8)]


@pytest.fixture(scope="module")
def full_size_scenes():
    return [scene(World(), index, (2448, 2448)) for index in range(3)]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"), World(), (120, 171), train=3, test=2)


def digest(made):
    return hashlib.sha256(made.image.tobytes() + made.regions.tobytes()).hexdigest()


# --- a pure function ---------------------------------------------------------------------------------------------


def test_same_arguments_give_the_same_bytes_in_any_order():
    first = [digest(scene(World(seed=3), index, (200, 260))) for index in (0, 1, 2)]
    again = [digest(scene(World(seed=3), index, (200, 260))) for index in (2, 0, 1)]
    assert again == [first[2], first[0], first[1]]
    assert len(set(first)) == 3


def test_same_arguments_give_the_same_bytes_in_another_process():
    code = (
        "import cv2, hashlib; from benchmark.data.synthetic import World, scene; cv2.setNumThreads(1)\n"
        "made = scene(World(), 7, (200, 260))\n"
        "print(hashlib.sha256(made.image.tobytes() + made.regions.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(scene(World(), 7, (200, 260)))


@pytest.mark.parametrize(
    "world", [World(seed=1), World(thin_px=(3.0, 12.0)), World(context_px=300.0)], ids=["seed", "thin", "context"]
)
def test_every_parameter_counts(world):
    assert digest(scene(world, 0, (200, 200))) != digest(scene(World(), 0, (200, 200)))


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (64, 300), (613, 305)])
def test_odd_and_oblong_sizes(size):
    made = scene(World(), 0, size)
    assert made.image.shape == (*size, 3)
    assert made.label.shape == made.thin.shape == made.lookalike.shape == size
    assert made.image.dtype == made.label.dtype == np.uint8
    assert made.label.max() <= 6


@pytest.mark.parametrize(
    "parameters", [{"seed": -1}, {"thin_px": (0.0, 3.0)}, {"thin_px": (5.0, 3.0)}, {"context_px": 20.0}]
)
def test_parameters_out_of_range_are_refused(parameters):
    with pytest.raises(UserError, match=next(iter(parameters))):
        World(**parameters)


def test_tiny_sizes_are_refused():
    with pytest.raises(UserError, match="63x500"):
        scene(World(), 0, (63, 500))


# --- like land ---------------------------------------------------------------------------------------------------


def test_all_classes_are_there_and_none_rules(scenes):
    counts = np.bincount(np.concatenate([made.label.ravel() for made in scenes]), minlength=7)
    shares = counts / counts.sum()
    assert (shares[1:] > 0.02).all(), shares
    assert 0 < shares[0] < 0.02
    assert shares.max() < 0.6


def test_every_image_has_thin_things_and_several_classes(scenes):
    for made in scenes:
        assert 0.01 < made.thin.mean() < 0.12
        assert 0.1 < made.lookalike.mean() < 0.7
        assert len(np.unique(made.label)) >= 5


# --- thin things that are lost in a reduced image ------------------------------------------------------------------


def enlarged(label):
    return label.repeat(4, axis=0).repeat(4, axis=1)


def nearest(label):
    return enlarged(label[2::4, 2::4])


def majority(label):
    height, width = label.shape
    blocks = label.reshape(height // 4, 4, width // 4, 4)
    votes = np.stack([(blocks == index).sum(axis=(1, 3)) for index in range(7)])
    return enlarged(votes.argmax(axis=0).astype(np.uint8))


def thin_iou(scenes, there_and_back, wanted):
    """IoU of one class where it is thin; its wide regions (towns, lakes) are left out."""
    common = union = 0
    for made in scenes:
        thin = made.thin & (made.label == wanted)
        wide = ~made.thin & (made.label == wanted)
        found = (there_and_back(made.label) == wanted) & ~wide
        common += int((found & thin).sum())
        union += int((found | thin).sum())
    return common / union


@pytest.mark.parametrize("there_and_back", [nearest, majority])
@pytest.mark.parametrize("wanted", [URBAN, WATER])
def test_a_quarter_of_the_size_loses_most_of_the_thin_things(scenes, there_and_back, wanted):
    assert thin_iou(scenes, lambda label: label, wanted) == 1
    assert thin_iou(scenes, there_and_back, wanted) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [URBAN, WATER])
def test_at_full_size_too(full_size_scenes, wanted):
    assert thin_iou(full_size_scenes, nearest, wanted) < 0.5


def test_wide_things_are_not_lost():
    wide = [scene(World(thin_px=(12.0, 12.0)), index, SIZE) for index in range(3)]
    assert thin_iou(wide, nearest, WATER) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [2.0, 5.0])
def test_thin_px_is_the_width(pixels):
    """The length of a river does not depend on its width, so areas are in proportion."""
    areas = {
        width: sum(
            int((scene(World(thin_px=(width, width)), index, SIZE).regions == Region.RIVER).sum()) for index in range(3)
        )
        for width in (pixels, 2 * pixels)
    }
    assert areas[2 * pixels] / areas[pixels] == pytest.approx(2, rel=0.1)


# --- look-alikes that only their surroundings tell apart -------------------------------------------------------------


def sums(values, side):
    """Means over all ``side`` x ``side`` windows that lie inside, one per ``STRIDE`` pixels."""
    means = cv2.boxFilter(values.astype(np.float32), -1, (side, side), anchor=(0, 0), borderType=cv2.BORDER_REFLECT)
    return means[: values.shape[0] - side + 1 : STRIDE, : values.shape[1] - side + 1 : STRIDE]


def textures(image):
    """Colour and texture of each window ``[rows, columns, 14]``: means and deviations of colours and of gradients."""
    image = image.astype(np.float32) / 255
    grey = image.mean(axis=2)
    rows, columns = np.gradient(grey)
    bumps = grey - cv2.GaussianBlur(grey, (0, 0), 2)
    planes = [*np.moveaxis(image, 2, 0), np.abs(rows), np.abs(columns), bumps, np.abs(bumps)]
    means = np.stack([sums(plane, WINDOW) for plane in planes], axis=-1)
    squares = np.stack([sums(plane * plane, WINDOW) for plane in planes], axis=-1)
    return np.concatenate([means, np.sqrt(np.maximum(squares - means**2, 0))], axis=-1)


def samples(world, indices):
    """For each window inside a common: what is in it, what is around it, and whether it belongs to wild land."""
    reach = 1.6 * Scale(SIZE).wide(world.context_px) / STRIDE
    inside, around, wild = [], [], []
    for index in indices:
        made = scene(world, index, SIZE)
        seen = textures(made.image)
        pure = {region: sums(made.regions == region, WINDOW) > 0.9999 for region in (2, 3, 4, 5)}
        places = np.argwhere(np.any(list(pure.values()), axis=0))
        grid = np.indices(seen.shape[:2])
        for place in places:
            near = np.hypot(grid[0] - place[0], grid[1] - place[1]) <= reach
            inside.append(seen[tuple(place)])
            around.append(np.concatenate([seen[near].mean(axis=0), seen[near].std(axis=0)]))
            wild.append(pure[Region.STEPPE][tuple(place)] or pure[Region.BADLAND][tuple(place)])
    return np.array(inside), np.array(around), np.array(wild)


def standardised(train, test):
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-9
    return (train - mean) / deviation, (test - mean) / deviation


def logistic(train, wild, test):
    """Ridge-regularised logistic regression by Newton's method."""
    train, test = (np.c_[part, np.ones(len(part))] for part in standardised(train, test))
    weights = np.zeros(train.shape[1])
    ridge = 0.01 * np.eye(len(weights))
    for _ in range(15):
        chance = 1 / (1 + np.exp(-train @ weights))
        slope = train.T @ (chance - wild) / len(train) + ridge @ weights
        weights -= np.linalg.solve((train * (chance * (1 - chance))[:, None]).T @ train / len(train) + ridge, slope)
    return test @ weights > 0


def neighbours(train, wild, test):
    """The vote of the 15 nearest windows."""
    train, test = standardised(train, test)
    distance = (train**2).sum(axis=1) - 2 * test @ train.T
    return wild[np.argpartition(distance, 15, axis=1)[:, :15]].mean(axis=1) > 0.5


def balanced_accuracy(found, wild):
    return (found[wild].mean() + (~found[~wild]).mean()) / 2


@pytest.mark.slow
def test_a_small_window_cannot_tell_the_lookalikes_but_the_surroundings_can():
    """Commons of half the default size, so that there are enough of them.

    The windows of one common go together: the 16 scored images hold about 150 independent commons, for which chance
    has a standard deviation of 0.041; the bound is three of them above one half.
    """
    world = World(seed=11, context_px=200.0)
    inside, around, wild = samples(world, range(24))
    scored_inside, scored_around, scored_wild = samples(world, range(24, 40))
    by_window = [
        balanced_accuracy(method(inside, wild, scored_inside), scored_wild) for method in (logistic, neighbours)
    ]
    by_surroundings = balanced_accuracy(logistic(around, wild, scored_around), scored_wild)
    assert len(scored_wild) > 300
    assert max(by_window) < 0.5 + 3 * 0.041
    assert by_surroundings > 0.8


def test_the_same_classifier_does_tell_regions_that_differ(scenes):
    """Were its features blind, the test above would pass for nothing: grass and soil are told apart by any window."""
    seen, soil = [], []
    for made in scenes:
        for region in (Region.PASTURE, Region.STEPPE, Region.FALLOW, Region.BADLAND):
            pure = sums(made.regions == region, WINDOW) > 0.9999
            seen.append(textures(made.image)[pure])
            soil += [region in (Region.FALLOW, Region.BADLAND)] * int(pure.sum())
    seen, soil = np.concatenate(seen), np.array(soil)
    even = np.arange(len(soil)) % 2 == 0
    assert balanced_accuracy(logistic(seen[even], soil[even], seen[~even]), soil[~even]) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("context_px", [200.0, 400.0])
def test_context_px_is_the_distance_to_the_nearest_sign(context_px):
    """From the middle of a common to what is no common; things that lie on both kinds alike are no sign."""
    signs = (Region.FIELD, Region.SCRUB, Region.ROCK)
    world, deepest = World(context_px=context_px), []
    for index in range(6):
        telling = np.isin(scene(world, index, SIZE).regions, signs)
        deepest.append(cv2.distanceTransform((~telling).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    assert np.median(deepest) == pytest.approx(Scale(SIZE).wide(context_px), rel=0.3)


# --- files -----------------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_made(small):
    dataset = Synthetic(small)
    for number, image_id in enumerate(dataset.ids("train")):
        image, label = dataset.read(image_id)
        made = scene(World(), number, (120, 171))
        assert (label == made.label).all()
        assert np.abs(image.astype(int) - made.image).mean() < 6  # JPEG
    assert dataset.verify() == []
    assert dataset.info.synthetic
    assert dataset.info.name == "synthetic"


def test_the_reader_of_the_real_dataset_reads_it_too(small):
    ours = Synthetic(small)
    for image_id in ours.ids("test"):
        for mine, theirs in zip(ours.read(image_id), DeepGlobe(small).read(image_id), strict=True):
            assert (mine == theirs).all()


def test_mask_colours_are_pure(small):
    for file in (small / "land-train").glob("*_mask.png"):
        colours = np.unique(np.array(PIL.Image.open(file)).reshape(-1, 3), axis=0)
        assert {tuple(colour) for colour in colours.tolist()} <= set(PALETTE)


def test_splits_share_nothing_and_test_ids_do_not_depend_on_the_number_of_train_images(small, tmp_path):
    dataset = Synthetic(small)
    assert len(dataset.ids("train")) == 3
    assert not set(dataset.ids("train")) & set(dataset.ids("test"))
    other = Synthetic(make_world(tmp_path, World(), (120, 171), train=1, test=2))
    assert other.ids("test") == dataset.ids("test")
    assert all((other.read(image_id)[0] == dataset.read(image_id)[0]).all() for image_id in other.ids("test"))


def test_a_half_made_world_is_refused_and_then_completed(tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    arguments = (tmp_path, World(), (80, 80), 2, 2)
    with pytest.raises(KeyboardInterrupt):
        make_world(*arguments, stop)
    with pytest.raises(DataError, match="0 of 2 pairs of split 'test'"):
        Synthetic(tmp_path).ids("test")
    seen = []
    make_world(*arguments, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(Synthetic(tmp_path).ids("test")) == 2


def test_sound_pairs_are_kept_and_damaged_ones_made_again(tmp_path):
    arguments = (tmp_path, World(), (80, 80), 3, 1)
    make_world(*arguments)
    files = sorted((tmp_path / "land-train").iterdir())
    whole = {file: file.read_bytes() for file in files}
    kept = files[-1].stat().st_mtime_ns
    files[0].write_bytes(whole[files[0]][:900])
    files[3].unlink()
    PIL.Image.new("RGB", (40, 40)).save(files[4])
    make_world(*arguments)
    assert {file: file.read_bytes() for file in files} == whole
    assert files[-1].stat().st_mtime_ns == kept
    assert sorted((tmp_path / "land-train").iterdir()) == files


@pytest.mark.parametrize(
    ("world", "size", "train"),
    [(World(seed=1), (80, 80), 1), (World(), (81, 80), 1), (World(), (80, 80), 2)],
    ids=["world", "size", "count"],
)
def test_a_folder_made_with_other_options_is_refused(tmp_path, world, size, train):
    make_world(tmp_path, World(), (80, 80), 1, 1)
    with pytest.raises(DataError, match=r"world\.json.*other options"):
        make_world(tmp_path, world, size, train, 1)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with pytest.raises(DataError, match=r"holds files, but no world\.json"):
        make_world(tmp_path, World(), (80, 80), 1, 1)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"world\.json: cannot be written"):
        make_world(tmp_path / "file" / "world", World(), (80, 80), 1, 1)


def test_empty_splits_are_refused(tmp_path):
    with pytest.raises(UserError, match="at least one image in each split"):
        make_world(tmp_path, World(), (80, 80), 1, 0)


def test_a_folder_that_is_no_world_is_refused(tmp_path):
    with pytest.raises(DataError, match="isdbench data synth"):
        Synthetic(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"version": 0})])
def test_a_damaged_world_file_is_refused(tmp_path, content):
    (tmp_path / "world.json").write_text(content)
    with pytest.raises(DataError, match=r"world\.json.*make the world again"):
        Synthetic(tmp_path)


def test_a_pair_of_another_size_is_a_problem(tmp_path):
    dataset = Synthetic(make_world(tmp_path, World(), (80, 80), 1, 1))
    image_id = dataset.ids("train")[0]
    for file in (dataset.image_path(image_id), dataset.label_path(image_id)):
        PIL.Image.open(file).crop((0, 0, 70, 70)).save(file)
    assert [str(problem) for problem in dataset.verify()] == [
        f"{dataset.image_path(image_id)}: is 70x70, this world's images are 80x80; delete it and make the world again"
    ]
