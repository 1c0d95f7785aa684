"""Windows around sites and over areas, read from remote tiles in degrees, as a sparse GeoTIFF.

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
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio import DatasetReader
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.cogs import read_raster
from mmaq.acquire.services.faults import Gone
from mmaq.base.errors import ProductError, ServiceError
from mmaq.base.files import replacing
from mmaq.base.geo import in_turn

BLOCK = 256

EDGE = 1
"""Cells around a box that are read of a tile: the centre of a cell that touches it may lie out."""

METRES_A_DEGREE = 110_500.0
"""Of latitude, at the least (the equator): boxes come out a little too large, never too small."""

PIECE = 0.1
"""Degrees of an area that are read at once."""

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

    def span(self, box: Box, edge: int = 0) -> tuple[int, int, int, int]:
        """First row, first column, and the row and column after the last, that ``box`` touches.

        ``edge`` cells are added on each side.
        """
        west, south, east, north = box
        top = math.floor((self.north - north) / self.height) - edge
        bottom = math.floor((self.north - south) / self.height) + 1 + edge
        left = math.floor((west - self.west) / self.width) - edge
        right = math.floor((east - self.west) / self.width) + 1 + edge
        return (
            min(max(top, 0), self.rows), min(max(left, 0), self.columns),
            min(max(bottom, 0), self.rows), min(max(right, 0), self.columns),
        )  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """What the boxes need of a remote tile, as a sparse copy of it on disk."""

    path: Path
    frame: Frame


def boxes_around(lon: np.ndarray, lat: np.ndarray, reach: float) -> list[Box]:
    """West, south, east, north in degrees of a square of ``reach`` metres around each place.

    One that reaches across the antimeridian is two, for tiles end there.
    """
    tall = reach / METRES_A_DEGREE
    wide = tall / np.cos(np.radians(np.minimum(np.abs(lat) + tall, 89.0)))
    boxes: list[Box] = []
    for x, y, w in zip(lon.tolist(), lat.tolist(), wide.tolist(), strict=True):
        boxes += in_turn((x - w, y - tall, x + w, y + tall))
    return boxes


def boxes_over(area: Box, reach: float) -> list[Box]:
    """Boxes of at most PIECE that cover an area and ``reach`` metres around it.

    Each is read at once: an area as a whole may be a hundred million cells.
    """
    west, south, east, north = area
    tall = reach / METRES_A_DEGREE
    wide = tall / math.cos(math.radians(min(max(abs(south), abs(north)) + tall, 89.0)))
    return [
        (left, bottom, right, top)
        for part in in_turn((west - wide, south - tall, east + wide, north + tall))
        for bottom, top in _pieces(part[1], part[3])
        for left, right in _pieces(part[0], part[2])
    ]


def _pieces(low: float, high: float) -> list[tuple[float, float]]:
    """Equal pieces of a span of degrees, of at most PIECE."""
    return list(pairwise(np.linspace(low, high, math.ceil((high - low) / PIECE) + 1).tolist()))


def read_tile(client: Client, href: str, boxes: Sequence[Box], path: Path) -> Tile | None:
    """Bring what ``boxes`` need of a tile to ``path``; None where there is no such tile.

    A copy that is there was made by an earlier run, for the same boxes.

    Raises:
        ServiceError: the tile cannot be had.
        ProductError: it is no north-up raster in degrees.
    """

    def bring(raster: DatasetReader) -> None:
        frame = _frame(raster, href)
        with replacing(path) as part, _create(part, raster.dtypes[0], raster.nodata, frame) as copy:
            for box in boxes:
                top, left, bottom, right = frame.span(box, EDGE)
                if top < bottom and left < right:
                    window = Window(left, top, right - left, bottom - top)
                    copy.write(raster.read(1, window=window), 1, window=window)

    try:
        if not path.exists():
            read_raster(client, href, bring)
    except Gone:
        return None
    with rasterio.open(path) as raster:
        return Tile(path, _frame(raster, href))


def write_mosaic(
    path: Path, tiles: Sequence[Tile], boxes: Sequence[Box], nodata: float, unit: str
) -> None:
    """Write the boxes' cells: tiled, deflated, blocks without data left out; WGS 84.

    Equal tiles and boxes give equal bytes.

    Raises:
        ServiceError: there is no tile.
    """
    if not tiles:
        raise ServiceError(path.stem, "no tile exists around any site", "Check the sites' places")
    frame = _common(tiles, boxes)
    spans: dict[tuple[int, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for span in sorted({frame.span(box) for box in boxes}):
        top, left, bottom, right = span
        for row in range(top // BLOCK, (bottom - 1) // BLOCK + 1):
            for column in range(left // BLOCK, (right - 1) // BLOCK + 1):
                spans[row, column].append(span)
    with rasterio.open(tiles[0].path) as raster:
        kind = raster.dtypes[0]
    with replacing(path) as part, _create(part, kind, nodata, frame) as file:
        # Blocks one by one in the file's order: the bytes do not depend on GDAL's memory.
        for _, places in groupby(sorted(spans), key=lambda place: place[0]):
            with ExitStack() as opened:
                rasters = _Rasters(opened, tiles)
                for place in places:
                    top, left = place[0] * BLOCK, place[1] * BLOCK
                    height, width = min(BLOCK, frame.rows - top), min(BLOCK, frame.columns - left)
                    values = np.full((height, width), nodata, kind)
                    for span in spans[place]:
                        rasters.fill(values, frame, top, left, span)
                    if (values != nodata).any():
                        file.write(values, 1, window=Window(left, top, width, height))
        file.units = (unit,)


def _create(path: Path, kind: str, nodata: float | None, frame: Frame) -> Any:
    return rasterio.open(
        path, "w", driver="GTiff", width=frame.columns, height=frame.rows, count=1,
        dtype=kind, nodata=nodata, crs="EPSG:4326", sparse_ok=True, tiled=True,
        transform=from_origin(frame.west, frame.north, frame.width, frame.height),
        blockxsize=BLOCK, blockysize=BLOCK, compress="deflate", bigtiff="if_safer",
        predictor=3 if np.dtype(kind).kind == "f" else 1,
    )  # fmt: skip


def _frame(raster: DatasetReader, where: str) -> Frame:
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


class _Rasters:
    """The tiles, opened on demand: a row of blocks through Europe crosses some sixty."""

    def __init__(self, stack: ExitStack, tiles: Sequence[Tile]) -> None:
        self._stack, self._tiles = stack, tiles
        self._bounds = np.array([tile.frame.bounds for tile in tiles]).T
        self._opened: dict[int, DatasetReader] = {}

    def fill(
        self, values: np.ndarray, frame: Frame, top: int, left: int, span: tuple[int, ...]
    ) -> None:
        """Put what lies in ``span`` into a block of ``frame`` that begins at ``top``, ``left``."""
        height, width = values.shape
        rows = np.arange(max(span[0], top), min(span[2], top + height))
        columns = np.arange(max(span[1], left), min(span[3], left + width))
        lon = frame.west + (columns + 0.5) * frame.width
        lat = frame.north - (rows + 0.5) * frame.height
        west, south, east, north = self._bounds
        near = (west < lon[-1]) & (east > lon[0]) & (south < lat[0]) & (north > lat[-1])
        for index in np.flatnonzero(near).tolist():
            its = self._tiles[index].frame
            x = np.floor((lon - its.west) / its.width).astype(int)
            y = np.floor((its.north - lat) / its.height).astype(int)
            across, down = (x >= 0) & (x < its.columns), (y >= 0) & (y < its.rows)
            if not across.any() or not down.any():
                continue
            x, y = x[across], y[down]
            raster = self._raster(index)
            window = Window(x[0], y[0], x[-1] - x[0] + 1, y[-1] - y[0] + 1)
            held = raster.read(1, window=window)[np.ix_(y - y[0], x - x[0])]
            known = np.ones(held.shape, bool) if raster.nodata is None else held != raster.nodata
            inside = np.ix_(rows[down] - top, columns[across] - left)
            values[inside] = np.where(known, held, values[inside])

    def _raster(self, index: int) -> DatasetReader:
        if index not in self._opened:
            raster = rasterio.open(self._tiles[index].path)
            self._opened[index] = self._stack.enter_context(raster)
        return self._opened[index]
