"""Maps that do not change from day to day: elevation, population, land cover, roads."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import ProjError

from mmaq.base.errors import ArchiveError
from mmaq.base.rasters import opened_map
from mmaq.base.vectors import layer_extent, line_layer
from mmaq.config.data import Files
from mmaq.contracts.archive import (
    ANCILLARY,
    LEGEND_PROPERTY,
    POPULATION_NODATA_PROPERTY,
    WORLD,
    Asset,
    Product,
)

FILES = {
    "dem": "dem.tif", "population": "population.tif", "land_cover": "land_cover.tif",
    "roads": "roads.gpkg",
}  # fmt: skip

PLANTS = "power_plants"

PLANTS_FILE = f"{PLANTS}.csv"
"""The Global Power Plant Database, or a table with its columns; may be absent."""

UNDATED = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""STAC wants a time; a map that does not say of when it is gets this one."""

REMEDY = "Put it there under this name"

SUFFIXES = (".tif", ".tiff", ".gpkg", ".csv")
"""Of what might be meant for a map or a table under another name."""

log = logging.getLogger(__name__)


def find_ancillary(folder: Path, config: Files) -> list[Product]:
    """The maps of ``folder``: items dem, population, land_cover, roads with asset "data", and
    power_plants where there is such a table. What else might be one is warned of.

    What ``config`` says of a map that its file cannot say becomes a property of its item.

    Raises:
        ArchiveError: a map is missing.
        ProductError: a map cannot be read or has no coordinate reference system.
    """
    for name in FILES.values():
        if not (folder / name).exists():
            raise ArchiveError(folder / name, "the file does not exist", REMEDY)
    about: dict[str, dict[str, str]] = {
        "population": {POPULATION_NODATA_PROPERTY: config.population_nodata}
    }
    if config.land_cover_legend is not None:
        about["land_cover"] = {LEGEND_PROPERTY: config.land_cover_legend}
    found = [
        Product(
            item, ANCILLARY, UNDATED, _box(folder / name), {"data": Asset(folder / name)},
            about.get(item, {}),
        )
        for item, name in FILES.items()
    ]  # fmt: skip
    plants = folder / PLANTS_FILE
    if plants.exists():
        found.append(Product(PLANTS, ANCILLARY, UNDATED, WORLD, {"data": Asset(plants)}))
    _tell_unused(folder, [product.asset("data").path for product in found])
    return found


def _tell_unused(folder: Path, used: list[Path]) -> None:
    """Warn of maps and tables that nobody looks for, because of their names."""
    unused = [
        path.name
        for path in sorted(folder.iterdir())
        if path.name[0] != "." and path.suffix.lower() in SUFFIXES and path.is_file()
        and not any(path.samefile(each) for each in used)
    ]  # fmt: skip
    if unused:
        shown, names = ", ".join(unused[:10]), ", ".join([*FILES.values(), PLANTS_FILE])
        log.warning("%s: %d files in it are not used (%s): what is read is called %s", folder,
                    len(unused), shown, names)  # fmt: skip


def _box(path: Path) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees; the world where a map's edges have no such place."""
    if path.suffix == ".gpkg":
        crs, bounds = layer_extent(path, line_layer(path))
    else:
        with opened_map(path) as raster:
            crs, bounds = raster.crs, tuple(raster.bounds)
    try:
        box = Transformer.from_crs(crs, 4326, always_xy=True).transform_bounds(*bounds)
    except ProjError:
        return WORLD
    west, south, east, north = box
    if not np.isfinite(box).all() or not (-180 <= west <= 180 and -180 <= east <= 180):
        return WORLD
    return west, max(south, -90.0), east, min(north, 90.0)
