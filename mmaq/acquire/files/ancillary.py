"""Maps that do not change from day to day: elevation, population, land cover, roads."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyogrio
import rasterio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import Transformer
from rasterio.errors import RasterioError

from mmaq.base.errors import ArchiveError, ProductError
from mmaq.contracts.archive import ANCILLARY, Asset, Product

FILES = {
    "dem": "dem.tif", "population": "population.tif", "land_cover": "land_cover.tif",
    "roads": "roads.gpkg",
}  # fmt: skip

UNDATED = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""STAC wants a time; a map that does not say of when it is gets this one."""

REMEDY = "Put it there under this name"


def find_ancillary(folder: Path) -> list[Product]:
    """The four maps of ``folder``: items dem, population, land_cover, roads with asset "data".

    Raises:
        ArchiveError: a map is missing.
        ProductError: a map cannot be read or has no coordinate reference system.
    """
    for name in FILES.values():
        if not (folder / name).exists():
            raise ArchiveError(folder / name, "the file does not exist", REMEDY)
    return [
        Product(item, ANCILLARY, UNDATED, _box(folder / name), {"data": Asset(folder / name)})
        for item, name in FILES.items()
    ]


def _box(path: Path) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees."""
    try:
        if path.suffix == ".gpkg":
            held = pyogrio.read_info(path, force_total_bounds=True)
            crs, bounds = held["crs"], held["total_bounds"]
        else:
            with rasterio.open(path) as raster:
                crs, bounds = raster.crs, tuple(raster.bounds)
    except (RasterioError, DataSourceError, DataLayerError) as fault:
        raise ProductError(path, f"not a readable map ({fault})", "Give a readable file") from None
    if not crs or bounds is None:
        raise ProductError(path, "has no coordinate reference system", "Assign it one")
    west, south, east, north = Transformer.from_crs(crs, 4326, always_xy=True).transform_bounds(
        *bounds
    )
    return west, south, east, north
