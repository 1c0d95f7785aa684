"""Which pixels of a remote scene the sites need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmaq.base.errors import ProductError
from mmaq.base.rasters import Pixels, read_pixels
from mmaq.base.sparse import Frame
from mmaq.sentinel2.numbers import numbers_of
from mmaq.sentinel2.resample import Axis, grid_axes, locate, nearest, on_raster, taps
from mmaq.sentinel2.scene import is_clear
from mmaq.services.rasters import Raster

MARGIN = 6
"""10 m pixels read around a window, a pixel of the coarsest band: a place that moves by a few
metres from one table of stations to the next keeps its window, and it costs no byte, for whole
tiles of 512 or 1024 pixels come anyway."""

CLASSES = "SCL"
"""The scene classification among a scene's files."""

REMEDY = "Leave the scene out of the manifest, or search again"


@dataclass(frozen=True)
class Place:
    """Where a site is: degrees east and north."""

    site: str
    lon: float
    lat: float


@dataclass(frozen=True)
class Grid:
    """A scene's 10 m pixels: EPSG code and axes. ``y`` runs south, so it measures -northing."""

    epsg: int
    x: Axis
    y: Axis


@dataclass(frozen=True)
class Window:
    """First row and column of a site's window of ``size`` 10 m pixels."""

    row: int
    column: int
    size: int


@dataclass(frozen=True)
class Piece:
    """Pixels (height, width) read from a raster, the first at ``row``, ``column``."""

    row: int
    column: int
    values: np.ndarray


@dataclass(frozen=True)
class Read:
    """What was read of one raster: where it lies, and a piece for each window."""

    frame: Frame
    pieces: list[Piece]


def grid_of(scene: str, classification: Raster) -> Grid:
    """The 10 m grid over a scene's 20 m classification: they share their corner.

    Source: Sentinel-2 Products Specification, Level-2A; ``read_pieces`` checks it in each band.

    Raises:
        ProductError: the classification is not a north-up raster in a projected system.
    """
    frame = frame_of(scene, classification)
    rows, columns = frame.shape
    fine = frame.pixel / 2
    return Grid(frame.epsg, Axis(frame.west, fine, 2 * columns), Axis(-frame.north, fine, 2 * rows))


def frame_of(scene: str, raster: Raster) -> Frame:
    """Where a raster lies; ProductError unless it has one north-up band in a projected system."""
    axes = grid_axes(raster.transform, raster.width, raster.height)
    epsg = raster.crs.to_epsg() if raster.crs else None
    if epsg is None or not raster.crs.is_projected or axes is None or raster.count != 1:
        fault = f"a file of {raster.count} bands is not one north-up band in a projected system"
        raise ProductError(scene, fault, REMEDY)
    x, y = axes
    return Frame(epsg, x.origin, -y.origin, raster.shape, x.pixel)


def find_windows(grid: Grid, places: Sequence[Place], size: int) -> list[Window | None]:
    """Each place's window, as ``cut_windows`` will cut it; ``None`` where it leaves the raster."""
    lon, lat = (np.array([getattr(place, name) for place in places]) for name in ("lon", "lat"))
    found = locate(lon, lat, f"EPSG:{grid.epsg}", grid.x, grid.y, size)
    return [
        Window(int(row), int(column), size) if inside else None
        for row, column, inside in zip(*found, strict=True)
    ]


def clear_share(scene: str, raster: Raster, grid: Grid, window: Window) -> float:
    """Share of clear pixels in a window by the scene classification, 0 to 1."""
    y, x = _axes(frame_of(scene, raster))
    side = window.size
    rows, columns = taps(grid.y, window.row, side, y), taps(grid.x, window.column, side, x)
    classes = read_pixels(raster, [1], rows.first, columns.first, rows.count, columns.count)
    clear = is_clear(classes.values[0], CLASSES) & classes.valid[0]
    return float((nearest(clear, rows, columns) & on_raster(rows, columns)).mean())


def read_pieces(
    scene: str, name: str, raster: Raster, offset: int, grid: Grid, windows: Sequence[Window]
) -> Read:
    """The pixels of one raster, of whatever size, that each window and its margin need.

    Pieces hold what the archive keeps of the band or classification ``name``, without the tags of
    the remote file: 0 is no data, and DN are those to which ``offset`` is added.

    Raises:
        ProductError: the raster does not share the grid's corner or coordinate system, or holds
            no digital numbers.
    """
    frame = frame_of(scene, raster)
    if (frame.epsg, frame.west, frame.north) != (grid.epsg, grid.x.origin, -grid.y.origin):
        fault = "a band does not share the corner of the scene classification"
        raise ProductError(scene, fault, REMEDY)
    y, x = _axes(frame)
    pieces = []
    for window in windows:
        row, height = _span(window.row, window.size, grid.y, y)
        column, width = _span(window.column, window.size, grid.x, x)
        pixels = read_pixels(raster, [1], row, column, height, width)
        kept = _classes(pixels) if name == CLASSES else _numbers(pixels, raster, offset, scene)
        pieces.append(Piece(row, column, kept))
    return Read(frame, pieces)


def share_with_data(reads: Mapping[str, Read], number: int, grid: Grid, window: Window) -> float:
    """Share of a window that is clear and that every band has, as ``cut_windows`` will find it.

    ``reads`` are all bands and the classification; the window's piece of each is at ``number``.
    """
    good = np.ones((window.size, window.size), bool)
    for name, read in reads.items():
        y, x = _axes(read.frame)
        rows = taps(grid.y, window.row, window.size, y)
        columns = taps(grid.x, window.column, window.size, x)
        piece = read.pieces[number]
        row, column = rows.first + rows.nearest, columns.first + columns.nearest
        values = piece.values[np.ix_(row - piece.row, column - piece.column)]
        fits = is_clear(values, CLASSES) if name == CLASSES else values != 0
        good &= fits & on_raster(rows, columns)
    return float(good.mean())


def _classes(pixels: Pixels) -> np.ndarray:
    return np.where(pixels.valid[0], pixels.values[0], 0).astype(np.uint8)


def _numbers(pixels: Pixels, raster: Raster, offset: int, scene: str) -> np.ndarray:
    """DN as uint16: those of the file, or where it has a scale or offset of its own, anew."""
    told = numbers_of(raster, 1, offset, scene)
    known = told.known(pixels.values[0], pixels.valid[0])
    reflectance = np.where(known, pixels.values[0], 0.0) * told.factor + told.added
    kept = np.clip(np.rint(reflectance - offset), 1, np.iinfo(np.uint16).max)
    return np.where(known, kept, 0).astype(np.uint16)


def _span(start: int, size: int, fine: Axis, source: Axis) -> tuple[int, int]:
    """First source pixel and number of them for a window with its margin, cut at the edges."""
    first, last = max(start - MARGIN, 0), min(start + size + MARGIN, fine.length)
    needed = taps(fine, first, last - first, source)
    return needed.first, needed.count


def _axes(frame: Frame) -> tuple[Axis, Axis]:
    rows, columns = frame.shape
    return Axis(-frame.north, frame.pixel, rows), Axis(frame.west, frame.pixel, columns)
