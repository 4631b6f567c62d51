"""Label maps as polygons."""

import json

import numpy as np
import pytest

from benchmark.data.raster import open_image
from benchmark.data.raster_output import label_writer
from benchmark.large.polygons import write_polygons
from tests.benchmark.data.test_raster import LABELS, PALETTE, PIXELS, write_tiff

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
CLASSES = ("a", "b", "c")


def polygons(tmp_path, labels, name, **georeference):
    with (
        open_image(write_tiff(tmp_path / "a.tif", PIXELS, **georeference)) as source,
        label_writer(tmp_path / name, source, PALETTE, {}) as writer,
    ):
        writer.write(0, labels)
    count = write_polygons(tmp_path / name, tmp_path / "a.geojson", CLASSES)
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert len(features) == count
    return features


def area(ring):
    x, y = np.asarray(ring, float).T
    return 0.5 * abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))


@pytest.mark.parametrize("name", ["labels.tif", "labels.png"])
def test_they_close_and_cover_the_image(tmp_path, name):
    labels = LABELS.copy()
    labels[:30] = 255  # no label there
    features = polygons(tmp_path, labels, name, crs=None, transform=rasterio.Affine.identity())
    areas = dict.fromkeys(CLASSES, 0.0)
    for feature in features:
        outer, *holes = feature["geometry"]["coordinates"]
        assert all(ring[0] == ring[-1] for ring in (outer, *holes))
        areas[feature["properties"]["class"]] += area(outer) - sum(map(area, holes))
    assert areas == {name: float((labels == index).sum()) for index, name in enumerate(CLASSES)}


def test_coordinates_are_longitude_and_latitude(tmp_path):
    labels = np.zeros_like(LABELS)
    (feature,) = polygons(tmp_path, labels, "labels.tif")
    (ring,) = feature["geometry"]["coordinates"]
    (east, north), (wide, tall) = np.mean(ring[:-1], axis=0), np.ptp(ring, axis=0)
    assert (east, north) == pytest.approx((9.001, 48.755), abs=0.01)  # 500 km east, 5,400 km north in zone 32
    assert 0 < wide < 0.01
    assert 0 < tall < 0.01
