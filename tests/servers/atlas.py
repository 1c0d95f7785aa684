"""Maps of a simulated land as the public services keep them: tiles in degrees, a zip, an extract.

Their cells of 3 arc seconds (93 m by 56 m at the land's latitude) are finer than the land's own
(200 m to 1 km) and take the value of the land's cell that each centre lies in: what is read from
them differs from the land's own maps along the borders of its cells alone.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin

from tests.acquire.ground.map_files import GHSL, extract

WORLDCOVER = {1: 50, 2: 50, 3: 50, 12: 40, 18: 30, 25: 10, 31: 60, 41: 80, 44: 80}
"""Codes of WorldCover for the land's CORINE grid codes: it knows no industry, only built-up."""
FINE = 1200
"""Cells a degree."""


def write_atlas(ancillary: Path, root: Path) -> None:
    """Write all that ``acquire.maps`` asks for, below ``root/<service>``."""
    dem, cover = ancillary / "dem/dem.tif", ancillary / "land_cover/land_cover.tif"
    for lon, lat in _corners(dem, 1):
        name = f"Copernicus_DSM_COG_10_N{lat:02d}_00_E{lon:03d}_00_DEM"
        # As in real tiles, centres of cells lie on the west and the north edge.
        values = _sampled(dem, lon, lat + 1, FINE, FINE, shift=0.5)
        _write(root / "copernicus-dem" / name / f"{name}.tif", values, lon, lat + 1, FINE, 0.5)
    for lon, lat in _corners(cover, 3):
        codes = _sampled(cover, lon, lat + 3, 3 * FINE, FINE)
        turned = np.zeros(256, "u1")
        turned[list(WORLDCOVER)] = list(WORLDCOVER.values())
        name = f"ESA_WorldCover_10m_2021_v200_N{lat:02d}E{lon:03d}_Map.tif"
        path = root / "worldcover/v200/2021/map" / name
        _write(path, turned[codes], lon, lat + 3, FINE, nodata=0)
    _write_population(ancillary / "population/population.tif", root)
    _write_roads(ancillary / "roads/roads.gpkg", root / "geofabrik")


def _write_population(density: Path, root: Path) -> None:
    """People in cells: density times area, of which a degree's length in m is the textbook's."""
    (west, north), cells = _north_west(density), FINE * 2
    lat = np.radians(north - (np.arange(cells) + 0.5) / FINE)
    tall = 111132.92 - 559.82 * np.cos(2 * lat) + 1.175 * np.cos(4 * lat)
    wide = 111412.84 * np.cos(lat) - 93.5 * np.cos(3 * lat) + 0.118 * np.cos(5 * lat)
    area = tall * wide / FINE**2 / 1e6
    counts = _sampled(density, west, north, cells, FINE) * area[:, None]
    tif = root / "GHS_POP.tif"
    _write(tif, counts.astype("f4"), west, north, FINE, nodata=-200)
    (root / "ghsl" / GHSL).parent.mkdir(parents=True)
    with zipfile.ZipFile(root / "ghsl" / GHSL, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tif, "GHS_POP.tif")
    tif.unlink()


def _write_roads(path: Path, root: Path) -> None:
    roads = geopandas.read_file(path).to_crs(4326)
    ways = {
        number: (kind, list(line.coords))
        for number, (kind, line) in enumerate(zip(roads["highway"], roads.geometry, strict=True), 1)
    }
    extract(root, "europe/luxembourg-latest", ways)


def _north_west(path: Path) -> tuple[int, int]:
    """The whole degree at or beyond the north-western corner of a map in metres."""
    west, _, _, north = _bounds(path)
    return math.floor(west), math.ceil(north)


def _bounds(path: Path) -> tuple[float, float, float, float]:
    with rasterio.open(path) as raster:
        to_degrees = Transformer.from_crs(raster.crs, 4326, always_xy=True)
        return to_degrees.transform_bounds(*raster.bounds)


def _corners(path: Path, step: int) -> list[tuple[int, int]]:
    """South-western corners of the tiles that hold the land."""
    west, south, east, north = (value / step for value in _bounds(path))
    return [
        (lon * step, lat * step)
        for lon in range(math.floor(west), math.ceil(east))
        for lat in range(math.floor(south), math.ceil(north))
    ]


def _sampled(path, west, north, cells, a_degree, shift=0.0):
    """The map's values (cells, cells) at centres of a grid in degrees; 0 beyond the map."""
    with rasterio.open(path) as raster:
        values, its, crs = raster.read(1), raster.transform, raster.crs
    steps = (np.arange(cells) + 0.5 - shift) / a_degree
    lon, lat = np.meshgrid(west + steps, north - steps)
    found = np.zeros((cells, cells), values.dtype)
    box = _bounds(path)
    near = (lon > box[0]) & (lon < box[2]) & (lat > box[1]) & (lat < box[3])
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(lon[near], lat[near])
    column, row = np.floor((x - its.c) / its.a).astype(int), np.floor((y - its.f) / its.e)
    row = row.astype(int)
    inside = (row >= 0) & (row < values.shape[0]) & (column >= 0) & (column < values.shape[1])
    places = np.flatnonzero(near)[inside]
    found.ravel()[places] = values[row[inside], column[inside]]
    return found


def _write(path, values, west, north, a_degree, shift=0.0, nodata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    place = from_origin(west - shift / a_degree, north + shift / a_degree, *[1 / a_degree] * 2)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=len(values), width=values.shape[1],
        dtype=values.dtype, crs="EPSG:4326", transform=place, nodata=nodata, tiled=True,
        blockxsize=256, blockysize=256, compress="deflate", zlevel=1,
    ) as file:  # fmt: skip
        file.write(values, 1)
