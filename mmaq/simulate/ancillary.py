"""The maps of the simulated country: terrain, population, land cover, roads, power plants.

Each is an item of the collection ``ancillary`` with one asset ``data``, in a form that a public
data set has: a DEM, a GHSL-like population grid, CORINE codes, OpenStreetMap classes, and the
table of the Global Power Plant Database.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from pyproj import Transformer
from rasterio.warp import transform_bounds

from mmaq.base.files import replacing
from mmaq.base.vectors import write_layer
from mmaq.contracts.archive import ANCILLARY, LEGEND_PROPERTY, Asset, Product, write_collection
from mmaq.simulate.world.cover import COVER
from mmaq.simulate.world.grid import CRS, Grid, coarsen
from mmaq.simulate.world.roads import CLASSES
from mmaq.simulate.world.sources import FUELS, LOAD
from mmaq.simulate.world.world import World

CORINE = {
    "urban_dense": 1, "urban": 2, "industry": 3, "cropland": 12, "grassland": 18, "forest": 25,
    "bare": 31, "water": 41, "sea": 44,
}  # fmt: skip
"""CORINE grid codes in land_cover.tif: CLC 111, 112, 121, 211, 231, 313, 332, 512 and 523."""

COVER_STEP = 200.0
"""Cell of land_cover.tif in m."""

MADE = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""Date of the maps; the catalogue wants one."""


def write_ancillary(world: World, root: Path) -> None:
    """Write the five maps and their collection into the archive ``root``."""
    box = tuple(round(value, 6) for value in transform_bounds(CRS, "EPSG:4326", *world.bounds))
    products = []
    for name, write in (
        ("dem.tif", _write_dem), ("population.tif", _write_population),
        ("land_cover.tif", _write_land_cover), ("roads.gpkg", _write_roads),
        ("power_plants.csv", _write_power_plants),
    ):  # fmt: skip
        item = name.split(".")[0]
        path = root / ANCILLARY / item / name
        with replacing(path) as temporary:
            write(world, temporary)
        about = {LEGEND_PROPERTY: "corine-grid"} if item == "land_cover" else {}
        assets = {"data": Asset(path)}
        products.append(Product(item, ANCILLARY, MADE, box, assets, about))  # type: ignore[arg-type]
    write_collection(root, ANCILLARY, "Maps of the simulated country", products)


def _write_dem(world: World, path: Path) -> None:
    height = np.maximum(world.elevation_field, 0.0)
    _write_raster(path, np.round(height, 1), world.grid, "m", None)


def _write_population(world: World, path: Path) -> None:
    density = coarsen(world.population, 2)
    _write_raster(path, np.round(density, 1), world.grid.coarser(2), "km-2", -200.0)


def _write_land_cover(world: World, path: Path) -> None:
    count = round(world.grid.rows * world.grid.step / COVER_STEP)
    grid = Grid(world.grid.west, world.grid.north, COVER_STEP, count, count)
    codes = np.empty(grid.shape, dtype=np.uint8)
    eastings, northings = grid.centres()
    for row in range(0, grid.rows, 64):
        rows = slice(row, row + 64)
        x, y = eastings[rows].ravel(), northings[rows].ravel()
        codes[rows] = _corine(world, x, y).reshape(-1, grid.columns)
    _write_raster(path, codes, grid, "CORINE grid code", 0)


def _corine(world: World, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """CORINE grid code (n,) of the points' cover: sealed land first, else what is most."""
    cover = dict(zip(COVER, world.cover(x, y).T, strict=True))
    open_land = ("forest", "cropland", "grassland", "bare")
    most = np.argmax([cover[name] for name in open_land], axis=0)
    code = np.array([CORINE[name] for name in open_land])[most]
    sealed = cover["built"] + cover["asphalt"]
    code = np.where(cover["built"] >= 0.2, CORINE["urban"], code)
    code = np.where((cover["built"] >= 0.2) & (sealed >= 0.8), CORINE["urban_dense"], code)
    code = np.where(cover["industry"] >= 0.3, CORINE["industry"], code)
    # Sea beds deepen away from the shore; a lake's is flat.
    deep = world.grid.sample(world.elevation_field, x, y) < -2.5
    water = np.where(deep, CORINE["sea"], CORINE["water"])
    return np.where(cover["water"] > 0.5, water, code).astype(np.uint8)


def _write_raster(
    path: Path, values: np.ndarray, grid: Grid, units: str, nodata: float | None
) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", height=grid.rows, width=grid.columns, count=1,
        dtype=values.dtype, crs=CRS, transform=grid.transform, nodata=nodata,
        compress="deflate", predictor=1 if values.dtype == np.uint8 else 3,
        tiled=grid.rows >= 256,
    ) as raster:  # fmt: skip
        raster.write(values, 1)
        raster.units = (units,)


def _write_roads(world: World, path: Path) -> None:
    """Lines and OpenStreetMap classes; how much traffic a road has, no map says."""
    roads = world.roads
    points = np.round(np.column_stack([roads.x, roads.y]), 2)
    owner = np.repeat(np.arange(len(roads)), np.diff(roads.start))
    table = gpd.GeoDataFrame(
        {"highway": np.array(CLASSES)[roads.kind]},
        geometry=shapely.linestrings(points, indices=owner),
        crs=CRS,
    )
    write_layer(table, path, "roads", MADE.strftime("%Y-%m-%dT%H:%M:%S.000Z"))


def _write_power_plants(world: World, path: Path) -> None:
    plants = world.plants
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(plants.x, plants.y)
    capacity = np.round(plants.capacity, 1)
    table = pd.DataFrame(
        {
            "country": "XMM",
            "country_long": "Simulated country",
            "Continent": "Europe",
            "name": [f"Plant {number}" for number in range(1, len(capacity) + 1)],
            "capacity_mw": capacity,
            "latitude": np.round(lat, 4),
            "longitude": np.round(lon, 4),
            "primary_fuel": np.array(FUELS)[plants.fuel],
            "commissioning_year": "",
            "year_of_capacity_data": MADE.year,
            "estimated_generation_gwh": np.round(capacity * LOAD * 8.766, 1),
        }
    )
    table.to_csv(path, index=False, lineterminator="\n")
