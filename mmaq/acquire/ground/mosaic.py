"""Windows around the sites, read from remote tiles in degrees, as one sparse GeoTIFF.

Tiles that do not exist (404: open sea) leave no data. The common grid is that of the finest tile:
the Copernicus DEM's columns widen with latitude (1 arc second to 50°, 1.5 to 60°, 2 to 70°), so
that north of 50° several columns of a grid that begins further south fall into one cell of a tile.
Each cell takes the value of the tile's cell that its centre lies in; nothing is interpolated, and
where all tiles are alike their cells are copied as they are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.base.errors import ProductError, ServiceError
from mmaq.base.files import replacing
from mmaq.services.faults import Gone
from mmaq.services.ranges import RangeCache
from mmaq.services.rasters import ONE_IN_GDAL, Raster, open_raster, read_raster

BLOCK = 256

OPEN = 64
"""Tiles kept open: a row of blocks through Europe crosses some sixty."""

METRES_A_DEGREE = 110_500.0
"""Of latitude, at the least (the equator): boxes come out a little too large, never too small."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """A north-up raster in degrees: outer edges, cell width and height, columns and rows."""

    west: float
    north: float
    width: float
    height: float
    columns: int
    rows: int

    @property
    def bounds(self) -> Box:
        """West, south, east, north in degrees."""
        south, east = self.north - self.rows * self.height, self.west + self.columns * self.width
        return self.west, south, east, self.north

    def span(self, box: Box) -> tuple[int, int, int, int]:
        """First row, first column, and the row and column after the last, that ``box`` touches."""
        west, south, east, north = box
        top = math.floor((self.north - north) / self.height)
        bottom = math.floor((self.north - south) / self.height) + 1
        left = math.floor((west - self.west) / self.width)
        right = math.floor((east - self.west) / self.width) + 1
        return (
            min(max(top, 0), self.rows), min(max(left, 0), self.columns),
            min(max(bottom, 0), self.rows), min(max(right, 0), self.columns),
        )  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """A remote tile that exists, whose windows are on disk."""

    cache: RangeCache
    frame: Frame


def boxes_around(lon: np.ndarray, lat: np.ndarray, reach: float) -> list[Box]:
    """West, south, east, north in degrees of a square of ``reach`` metres around each place.

    One that reaches across the antimeridian is two, for tiles end there.
    """
    tall = reach / METRES_A_DEGREE
    wide = tall / np.cos(np.radians(np.minimum(np.abs(lat) + tall, 89.0)))
    boxes = []
    for x, y, w in zip(lon.tolist(), lat.tolist(), wide.tolist(), strict=True):
        south, north = y - tall, y + tall
        boxes.append((max(x - w, -180.0), south, min(x + w, 180.0), north))
        if x - w < -180.0:
            boxes.append((x - w + 360.0, south, 180.0, north))
        if x + w > 180.0:
            boxes.append((-180.0, south, x + w - 360.0, north))
    return boxes


def read_tile(cache: RangeCache, boxes: Sequence[Box]) -> Tile | None:
    """Bring what ``boxes`` need of a tile to disk; None where there is no such tile.

    Raises:
        ServiceError: the tile cannot be had.
        ProductError: it is no north-up raster in degrees.
    """

    def bring(raster: Raster) -> Frame:
        frame = _frame(raster, cache.href)
        for box in boxes:
            top, left, bottom, right = frame.span(box)
            if top < bottom and left < right:
                raster.read(1, window=Window(left, top, right - left, bottom - top))
        return frame

    try:
        return Tile(cache, read_raster(cache, bring))
    except Gone:
        return None


def write_mosaic(
    path: Path, tiles: Sequence[Tile], boxes: Sequence[Box], nodata: float, unit: str
) -> None:
    """Write the boxes' cells: tiled, deflated, blocks without data left out; WGS 84.

    Equal tiles and boxes give equal bytes.

    Raises:
        ServiceError: there is no tile, or a tile cannot be read.
    """
    if not tiles:
        raise ServiceError(path.stem, "no tile exists around any site", "Check the sites' places")
    frame = _common(tiles, boxes)
    parts: dict[tuple[int, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for span in sorted({frame.span(box) for box in boxes}):
        top, left, bottom, right = span
        for row in range(top // BLOCK, (bottom - 1) // BLOCK + 1):
            for column in range(left // BLOCK, (right - 1) // BLOCK + 1):
                parts[row, column].append(span)
    with ONE_IN_GDAL, rasterio.Env(), _Open() as opened, replacing(path) as part:
        kind = opened[tiles[0]].dtypes[0]
        bounds = np.array([tile.frame.bounds for tile in tiles])
        with rasterio.open(
            part, "w", driver="GTiff", width=frame.columns, height=frame.rows, count=1,
            dtype=kind, nodata=nodata, crs="EPSG:4326", sparse_ok=True, tiled=True,
            transform=from_origin(frame.west, frame.north, frame.width, frame.height),
            blockxsize=BLOCK, blockysize=BLOCK, compress="deflate", bigtiff="if_safer",
            predictor=3 if np.dtype(kind).kind == "f" else 1,
        ) as file:  # fmt: skip
            # Blocks one by one in the file's order: the bytes do not depend on GDAL's memory.
            for (row, column), spans in sorted(parts.items()):
                height = min(BLOCK, frame.rows - row * BLOCK)
                width = min(BLOCK, frame.columns - column * BLOCK)
                values = np.full((height, width), nodata, kind)
                for top, left, bottom, right in spans:
                    rows = np.arange(max(top, row * BLOCK), min(bottom, row * BLOCK + height))
                    columns = np.arange(
                        max(left, column * BLOCK), min(right, column * BLOCK + width)
                    )
                    inside = np.ix_(rows - row * BLOCK, columns - column * BLOCK)
                    lon = frame.west + (columns + 0.5) * frame.width
                    lat = frame.north - (rows + 0.5) * frame.height
                    west, south, east, north = bounds.T
                    near = (west < lon[-1]) & (east > lon[0]) & (south < lat[0]) & (north > lat[-1])
                    for index in np.flatnonzero(near).tolist():
                        values[inside] = _nearest(opened, tiles[index], lon, lat, values[inside])
                if (values != nodata).any():
                    file.write(values, 1, window=Window(column * BLOCK, row * BLOCK, width, height))
            file.units = (unit,)


def _frame(raster: Raster, where: str) -> Frame:
    turned = raster.transform
    if raster.crs is None or not raster.crs.is_geographic or turned.b or turned.d or turned.e >= 0:
        fault = "not a north-up raster in degrees"
        raise ProductError(where, fault, "Use another version of this source")
    return Frame(turned.c, turned.f, turned.a, -turned.e, raster.width, raster.height)


def _common(tiles: Sequence[Tile], boxes: Sequence[Box]) -> Frame:
    """The grid of the finest tile, as large as the boxes."""
    finest = min(
        (tile.frame for tile in tiles), key=lambda f: (f.width, f.height, f.west, -f.north)
    )
    wests, souths, easts, norths = zip(*boxes, strict=True)
    left = math.floor((min(wests) - finest.west) / finest.width)
    right = math.ceil((max(easts) - finest.west) / finest.width)
    top = math.floor((finest.north - max(norths)) / finest.height)
    bottom = math.ceil((finest.north - min(souths)) / finest.height)
    west, north = finest.west + left * finest.width, finest.north - top * finest.height
    return Frame(west, north, finest.width, finest.height, right - left, bottom - top)


def _nearest(
    opened: _Open, tile: Tile, lon: np.ndarray, lat: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """``values`` with what the tile holds at these longitudes (columns) and latitudes (rows)."""
    its = tile.frame
    x = np.floor((lon - its.west) / its.width).astype(int)
    y = np.floor((its.north - lat) / its.height).astype(int)
    across, down = (x >= 0) & (x < its.columns), (y >= 0) & (y < its.rows)
    if not across.any() or not down.any():
        return values
    x, y = x[across], y[down]
    raster = opened[tile]
    window = Window(x[0], y[0], x[-1] - x[0] + 1, y[-1] - y[0] + 1)
    held = raster.read(1, window=window)[np.ix_(y - y[0], x - x[0])]
    known = np.ones(held.shape, bool) if raster.nodata is None else held != raster.nodata
    inside = np.ix_(down, across)
    values[inside] = np.where(known, held, values[inside])
    return values


class _Open:
    """Tiles opened on demand, and closed together: GDAL's settings must be left in their order."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._rasters: dict[str, Raster] = {}

    def __enter__(self) -> _Open:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def __getitem__(self, tile: Tile) -> Raster:
        if tile.cache.href not in self._rasters:
            if len(self._rasters) >= OPEN:
                self._stack.close()
                self._rasters.clear()
            opened = self._stack.enter_context(open_raster(tile.cache))
            self._rasters[tile.cache.href] = opened
        return self._rasters[tile.cache.href]
