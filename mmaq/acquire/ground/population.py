"""People per km² around an area, from the GHSL's counts of people in cells of 30 arc seconds."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import Geod
from rasterio.errors import RasterioError
from rasterio.windows import Window, from_bounds

from mmaq.base.errors import ProductError, ServiceError
from mmaq.base.files import replacing
from mmaq.base.geo import grown
from mmaq.base.rasters import read_window
from mmaq.contracts.context import POTENTIAL_KM, REACH

MARGIN_KM = REACH * POTENTIAL_KM[-1]
"""Kept around the area: so far reaches the widest kernel of the population potential."""

NODATA = -200.0

REMEDY = "Use another version of this source"


def write_density(files: list[Path], bbox: tuple[float, float, float, float], path: Path) -> None:
    """Crop the one GeoTIFF of ``files`` to the area and divide its counts by the cells' areas.

    Areas are those of the WGS 84 ellipsoid, so that density times area gives the people back.

    Raises:
        ServiceError: there is not one GeoTIFF among the files.
        ProductError: it is no raster in degrees, or does not reach the area.
    """
    rasters = [file for file in files if file.suffix.lower() == ".tif"]
    if len(rasters) != 1:
        raise ServiceError(path.stem, f"holds {len(rasters)} GeoTIFFs where one is needed", REMEDY)
    try:
        with rasterio.open(rasters[0]) as raster:
            if raster.crs is None or not raster.crs.is_geographic:
                raise ProductError(rasters[0].name, "not a raster in degrees", REMEDY)
            if rasterio.coords.disjoint_bounds(rasterio.coords.BoundingBox(*bbox), raster.bounds):
                raise ProductError(rasters[0].name, f"does not reach the area {bbox}", REMEDY)
            counts, transform = _around(raster, bbox)
    except RasterioError as fault:
        raise ProductError(rasters[0].name, f"not a readable raster ({fault})", REMEDY) from None
    density = counts / cell_areas(transform.f, -transform.e, transform.a, len(counts))[:, None]
    with (
        replacing(path) as part,
        rasterio.open(
            part, "w", driver="GTiff", width=counts.shape[1], height=counts.shape[0], count=1,
            dtype="float32", nodata=NODATA, crs="EPSG:4326", transform=transform,
            compress="deflate", predictor=3,
        ) as file,
    ):  # fmt: skip
        file.write(np.where(np.isnan(density), NODATA, density).astype("float32"), 1)
        file.units = ("km-2",)


def cell_areas(north: float, height: float, width: float, rows: int) -> np.ndarray:
    """Areas in km² of the cells of each row (rows,) of a grid in degrees."""
    geod = Geod(ellps="WGS84")
    areas = np.empty(rows)
    for row in range(rows):
        top, bottom = north - row * height, north - (row + 1) * height
        around = [0.0, width, width, 0.0], [bottom, bottom, top, top]
        areas[row] = abs(geod.polygon_area_perimeter(*around)[0]) / 1e6
    return areas


def _around(
    raster: rasterio.DatasetReader, bbox: tuple[float, float, float, float]
) -> tuple[np.ndarray, Affine]:
    """Counts of the area and its margin, with their transform.

    Of a raster of the whole Earth they go on beyond 180 degrees, with what lies on its other side.
    """
    wide = from_bounds(*grown(bbox, MARGIN_KM), transform=raster.transform)
    top, bottom = np.clip(_ends(wide.row_off, wide.height), 0, raster.height).tolist()
    left, right = _ends(wide.col_off, wide.width)
    turn = round(360.0 / raster.transform.a)  # columns; the GHSL has one more, which is its first
    if raster.width < turn:
        left, right = np.clip([left, right], 0, raster.width).tolist()
    right = min(right, left + turn)
    edges = [left, *(edge for edge in (0, turn) if left < edge < right), right]
    parts = [
        read_window(raster, Window(first % turn, top, after - first, bottom - top))
        for first, after in pairwise(edges)
    ]
    window = Window(left, top, right - left, bottom - top)
    return np.hstack(parts), raster.window_transform(window)


def _ends(offset: float, size: float) -> tuple[int, int]:
    return math.floor(offset), math.ceil(offset + size)
