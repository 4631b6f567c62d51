"""Qualitative figures: which pixels are marked, which crop is shown, what is drawn."""

import numpy as np
from PIL import Image

from reports.plots.qualitative import BLUE, RED, ZOOM, Classes, Example, crop_of, draw, errors
from reports.plots.style import write

CLASSES = Classes(("land", "building"), ((0, 0, 0), (255, 255, 255)), foreground=1)


def example():
    truth = np.zeros((64, 80), np.uint8)
    truth[40:60, 60:78] = 1
    truth[0, 0] = 255
    missing, invented = truth.copy(), truth.copy()
    missing[45:55, 62:70] = 0
    invented[42:46, 50:60] = 1
    invented[0, 0] = 1
    image = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    return Example(image, truth, {"misses": missing, "invents $x": invented})


def test_missed_foreground_is_red_and_invented_foreground_blue():
    one = example()
    missed, _ = errors(one.truth, one.predictions["misses"], 1)
    assert missed.sum() == 80
    red, blue = errors(one.truth, one.predictions["invents $x"], 1)
    assert (red.sum(), blue.sum()) == (0, 40)  # the ignored pixel is no error


def test_without_a_foreground_every_error_is_red():
    one = example()
    red, blue = errors(one.truth, one.predictions["invents $x"], None)
    assert (red.sum(), blue.sum()) == (40, 0)


def test_the_crop_is_where_systems_differ():
    top, left, height, width = crop_of(example())
    assert (height, width) == (64 // ZOOM, 80 // ZOOM)
    inside = np.zeros((64, 80), bool)
    inside[top : top + height, left : left + width] = True
    assert inside[45:55, 62:70].all()


def test_ignored_pixels_are_grey():
    assert CLASSES.coloured(np.array([[255, 1]], np.uint8)).tolist() == [[[128] * 3, [255] * 3]]


def test_the_figure_shows_every_system_and_both_colours(tmp_path):
    figure = draw("Figure 6", [example(), example()], CLASSES, "images a, b")
    titles = [panel.get_title() for panel in figure.axes if panel.get_title()]
    assert titles == ["image", "ground truth", "misses", "invents $x"]
    paths = write(figure, tmp_path, "figure6")
    pixels = np.asarray(Image.open(paths[1]).convert("RGB")).reshape(-1, 3)
    assert all((pixels == colour).all(1).sum() > 100 for colour in (RED, BLUE))
