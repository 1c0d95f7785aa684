"""What rasters say around a site: exact-coverage means and shares in a disc, and point values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import geopandas
import numpy as np
import pandas as pd
import rasterio
from exactextract import exact_extract
from pyproj import Geod, Transformer
from rasterio.errors import RasterioError
from shapely import polygons

from mmaq.errors import ProductError
from mmaq.landuse.cover import CLASSES, WORLDCOVER, choose_legend

VERTICES = 64
"""Corners of a disc; the polygon's area is 0.998 of the circle's, which no mean notices."""
REMEDY = "Give a readable GeoTIFF with a coordinate reference system"


def discs(lon: np.ndarray, lat: np.ndarray, radius: float, crs: object) -> geopandas.GeoDataFrame:
    """Discs of ``radius`` metres on the WGS 84 ellipsoid around n sites, in the system ``crs``."""
    azimuths = np.linspace(0.0, 360.0, VERTICES, endpoint=False)
    count = len(lon)
    centre_lon, centre_lat = np.repeat(lon, VERTICES), np.repeat(lat, VERTICES)
    turned = np.tile(azimuths, count)
    far = np.full(turned.size, radius)
    ring_lon, ring_lat, _ = Geod(ellps="WGS84").fwd(centre_lon, centre_lat, turned, far)
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(ring_lon, ring_lat)
    rings = np.stack([x, y], axis=-1).reshape(count, VERTICES, 2)
    return geopandas.GeoDataFrame({"row": np.arange(count)}, geometry=polygons(rings), crs=crs)


def disc_means(
    path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray, radius: float
) -> np.ndarray:
    """Mean of a raster's first band in each disc, cells weighted by the share inside it.

    Nodata cells do not count; a disc without data gives NaN. Shape (n,), the raster's unit.
    """
    with _opened(path) as raster:
        places = discs(lon, lat, radius, raster.crs)
        found = exact_extract(raster, places, ["mean"], include_cols=["row"], output="pandas")
    return _aligned(found, len(lon))["mean"].to_numpy(float)


def disc_shares(
    path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray, radius: float, legend: str | None
) -> pd.DataFrame:
    """Share of each land-cover class in each disc: columns ``cover.CLASSES``, shape (n, 7).

    Rows sum to 1 over the cells with data, or are NaN where there are none. A class that the
    product's legend does not know (industry in WorldCover) is NaN throughout.
    """
    with _opened(path) as raster:
        places = discs(lon, lat, radius, raster.crs)
        operations = ["unique", "frac"]
        found = exact_extract(raster, places, operations, include_cols=["row"], output="pandas")
    found = _aligned(found, len(lon))
    lengths = [np.size(codes) for codes in found["unique"]]
    codes = np.concatenate([np.atleast_1d(part) for part in found["unique"]]).astype(int)
    shares = np.concatenate([np.atleast_1d(part) for part in found["frac"]]).astype(float)
    rows = np.repeat(np.arange(len(lon)), lengths)
    classes = choose_legend(legend, np.unique(codes), path)
    result = pd.DataFrame(0.0, index=range(len(lon)), columns=list(CLASSES))
    for name in CLASSES:
        of_class = np.array([classes[code] == name for code in codes], dtype=bool)
        result[name] = np.bincount(rows[of_class], shares[of_class], len(lon)).astype(float)
    result[np.array(lengths) == 0] = np.nan
    if classes is WORLDCOVER:
        result["industry"] = np.nan
    return result.clip(upper=1.0)


def point_values(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Value of a raster's first band in the cell of each site; NaN outside or without data."""
    with _opened(path) as raster:
        x, y = Transformer.from_crs(4326, raster.crs, always_xy=True).transform(lon, lat)
        values = np.ma.stack(list(raster.sample(zip(x, y, strict=True), indexes=1, masked=True)))
        west, south, east, north = raster.bounds
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return np.where(inside, np.ma.filled(values[:, 0].astype(float), np.nan), np.nan)


@contextmanager
def _opened(path: str | PathLike[str]) -> Iterator[rasterio.DatasetReader]:
    """Open a raster; whatever GDAL finds wrong with it becomes a ProductError."""
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise ProductError(path, "the raster has no coordinate reference system", REMEDY)
            yield raster
    except RasterioError as fault:
        raise ProductError(path, f"not a readable raster ({fault})", REMEDY) from None


def _aligned(found: pd.DataFrame, count: int) -> pd.DataFrame:
    """One row a site, in order."""
    return found.set_index("row").reindex(range(count))
