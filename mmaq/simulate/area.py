"""The area that is seen whole: where it lies, and its true NO2 point by point.

It lies around the largest city, and so that one Sentinel-2 tile holds it and all about it more
centrally than any other. A site in it is then seen in the products that it was seen in without the
area, and its windows are written over those of the area: no patch of a site changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin

from mmaq.base.errors import ConfigError
from mmaq.base.files import replacing
from mmaq.simulate.sensors.scenery import EPSG, assign_tiles
from mmaq.simulate.sensors.windows import WINDOW
from mmaq.simulate.world.air import mean_air
from mmaq.simulate.world.world import World

STEP = 50.0
"""Metres between the points whose NO2 is written; cells of a map are means of many."""

MOVE = 1000.0
"""Metres by which the area is moved at a time until one tile holds it."""

ABOUT = ("no2_true", "no2_true_without_streets")
"""Bands of the true NO2, ug/m3."""


class Seen(NamedTuple):
    """West, south, east, north in m."""

    west: float
    south: float
    east: float
    north: float

    @property
    def degrees(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees of what lies in it."""
        to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
        west, south, east, north = to_degrees.transform_bounds(*self)
        return round(west, 6), round(south, 6), round(east, 6), round(north, 6)

    def windows(self) -> np.ndarray:
        """Centres (n, 2) of the windows that cover it, with one more on each side."""
        sides = [
            np.arange(low - WINDOW / 2, high + WINDOW, WINDOW)
            for low, high in ((self.west, self.east), (self.south, self.north))
        ]
        return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)


def choose_area(world: World, side_km: float) -> Seen:
    """The square of ``side_km`` that one tile holds, as near to the largest city as can be.

    Raises:
        ConfigError: the land has no room for it.
    """
    x, y, half = world.settlements.x[0], world.settlements.y[0], 500.0 * side_km
    moves = np.arange(-half, half + 1.0, MOVE)
    east, north = (each.ravel() for each in np.meshgrid(moves, moves))
    for move in np.argsort(np.hypot(east, north), kind="stable"):
        middle = x + east[move], y + north[move]
        found = Seen(*(round(middle[i % 2] + (half if i > 1 else -half)) for i in range(4)))
        if _inside(found, world.bounds) and len(assign_tiles(*found.windows().T)) == 1:
            return found
    fault = f"no place for an area of {side_km:g} km about the largest city"
    raise ConfigError("simulate.area_km", fault, "Ask for a smaller one, or a larger extent_km")


def _inside(area: Seen, land: tuple[float, float, float, float]) -> bool:
    west, south, east, north = land
    return west <= area.west and south <= area.south and area.east <= east and area.north <= north


def write_true_area(world: World, area: Seen, days: Sequence[date], path: Path) -> None:
    """Write the mean NO2 over the days at points STEP apart: a GeoTIFF with the bands ABOUT."""
    columns, rows = (
        int((high - low) // STEP)
        for low, high in ((area.west, area.east), (area.south, area.north))
    )
    across, down = (np.arange(count) * STEP + STEP / 2 for count in (columns, rows))
    x, y = (each.ravel() for each in np.meshgrid(area.west + across, area.north - down))
    found = mean_air(world, x, y, days).reshape(2, rows, columns)
    with (
        replacing(path) as temporary,
        rasterio.open(
            temporary, "w", driver="GTiff", height=rows, width=columns, count=2, dtype="float32",
            crs=f"EPSG:{EPSG}", transform=from_origin(area.west, area.north, STEP, STEP),
            compress="deflate", predictor=3, tiled=True, blockxsize=256, blockysize=256,
        ) as raster,
    ):  # fmt: skip
        raster.write(np.round(found, 2).astype(np.float32))
        raster.descriptions, raster.units = ABOUT, ("ug m-3", "ug m-3")
