"""The areas of a label map as polygons in a GeoJSON file, through rasterio (extra ``geo``), which must be installed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.raster_output import MADE_BY, NO_LABEL, complete

WGS84 = "EPSG:4326"  # longitude and latitude, the only coordinates of GeoJSON (RFC 7946)


def write_polygons(labels: Path, out: Path, classes: Sequence[str]) -> int:
    """Write a polygon for each connected area of one class; returns how many.

    Coordinates are longitude and latitude where the label map has a coordinate system, else columns and rows of pixels.
    Areas touch along edges, so that neighbours share their border; pixels without a label belong to none.

    Args:
        labels: label map with class indices, as ``predict`` writes it.
        out: the GeoJSON file.
        classes: their names.

    Raises:
        UserError: the file cannot be written.
    """
    count = 0
    with complete(out) as part, part.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "generator": "' + MADE_BY + '", "features": [')
        for index, geometry in _areas(labels):
            feature = {
                "type": "Feature",
                "properties": {"class": classes[index], "index": index},
                "geometry": geometry,
            }
            file.write((",\n" if count else "\n") + json.dumps(feature))
            count += 1
        file.write("\n]}\n")
    return count


def _areas(labels: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Class and GeoJSON geometry of each connected area; the label map is read in blocks."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.features import shapes
    from rasterio.warp import transform_geom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(labels) as dataset:
            for geometry, value in shapes(rasterio.band(dataset, 1), transform=dataset.transform):
                if int(value) != NO_LABEL:
                    yield int(value), transform_geom(dataset.crs, WGS84, geometry) if dataset.crs else geometry
