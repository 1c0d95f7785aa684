"""Which pixels of a remote scene the sites need, and those of a band as they were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio import DatasetReader

from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.manifest import RemoteProduct
from mmaq.acquire.services.faults import naming_a_full_disk
from mmaq.base.arrays import read_arrays
from mmaq.base.errors import ProductError
from mmaq.base.files import replacing
from mmaq.base.rasters import Pixels, read_pixels
from mmaq.base.sparse import Frame
from mmaq.sentinel2.numbers import numbers_of
from mmaq.sentinel2.resample import Axis, grid_axes, locate, on_raster, taps
from mmaq.sentinel2.scene import is_clear

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


@dataclass(frozen=True, order=True)
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
    pieces: dict[Window, Piece]


def read_band(
    remote: Remote, scene: RemoteProduct, name: str, offset: int,
    windows_on: Callable[[Frame], tuple[Grid, Iterable[Window]]],
) -> Read:  # fmt: skip
    """The windows of one band, or of the classification ``SCL``.

    ``windows_on`` tells the scene's grid and the windows from where the raster lies. What was read
    stays in the cache, so that neither a later step nor a later run asks for it again.

    Raises:
        ServiceError: the band cannot be had. ProductError: it is no band of this grid.
    """
    path = remote.cache / scene.id / f"{name}.npz"
    kept = _load(path)
    if kept is not None and kept.pieces.keys() >= set(windows_on(kept.frame)[1]):
        return kept

    def bring(raster: DatasetReader) -> Read:
        frame = frame_of(scene.id, raster)
        grid, windows = windows_on(frame)
        pieces = dict(kept.pieces) if kept is not None and kept.frame == frame else {}
        wanted = [window for window in windows if window not in pieces]
        return Read(frame, pieces | read_pieces(scene.id, name, raster, offset, grid, wanted))

    read = remote.read(scene, name, bring)
    _save(path, read)
    return read


def _save(path: Path, read: Read) -> None:
    frame = read.frame
    arrays: dict[str, Any] = {
        f"{window.row} {window.column} {window.size} {piece.row} {piece.column}": piece.values
        for window, piece in read.pieces.items()
    }
    about = np.array([frame.epsg, frame.west, frame.north, *frame.shape, frame.pixel])
    with naming_a_full_disk(path), replacing(path) as temporary:
        np.savez(temporary, frame=about, **arrays)


def _load(path: Path) -> Read | None:
    """What a former step kept; None when that is nothing, or not sound."""
    try:
        arrays = read_arrays(path, ProductError, REMEDY)
        epsg, west, north, rows, columns, pixel = arrays.pop("frame").tolist()
    except (ProductError, OSError, ValueError, KeyError):
        return None
    pieces = {}
    for key, values in arrays.items():
        row, column, size, top, left = map(int, key.split())
        pieces[Window(row, column, size)] = Piece(top, left, values)
    return Read(Frame(int(epsg), west, north, (int(rows), int(columns)), pixel), pieces)


def grid_of(frame: Frame) -> Grid:
    """The 10 m grid over a scene's 20 m classification: they share their corner.

    Source: Sentinel-2 Products Specification, Level-2A; ``read_pieces`` checks it in each band.
    """
    rows, columns = frame.shape
    fine = frame.pixel / 2
    return Grid(frame.epsg, Axis(frame.west, fine, 2 * columns), Axis(-frame.north, fine, 2 * rows))


def frame_of(scene: str, raster: DatasetReader) -> Frame:
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


def read_pieces(
    scene: str,
    name: str,
    raster: DatasetReader,
    offset: int,
    grid: Grid,
    windows: Iterable[Window],
) -> dict[Window, Piece]:  # fmt: skip
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
    pieces = {}
    for window in windows:
        row, height = _span(window.row, window.size, grid.y, y)
        column, width = _span(window.column, window.size, grid.x, x)
        pixels = read_pixels(raster, [1], row, column, height, width)
        kept = _classes(pixels) if name == CLASSES else _numbers(pixels, raster, offset, scene)
        pieces[window] = Piece(row, column, kept)
    return pieces


def clear_share(reads: Mapping[str, Read], grid: Grid, window: Window) -> float:
    """Share of a window that is clear and that each band has, as ``cut_windows`` will find it.

    ``reads`` are the classification, and as many bands as were read.
    """
    good = np.ones((window.size, window.size), bool)
    for name, read in reads.items():
        y, x = _axes(read.frame)
        rows = taps(grid.y, window.row, window.size, y)
        columns = taps(grid.x, window.column, window.size, x)
        piece = read.pieces[window]
        row, column = rows.first + rows.nearest, columns.first + columns.nearest
        values = piece.values[np.ix_(row - piece.row, column - piece.column)]
        fits = is_clear(values, CLASSES) if name == CLASSES else values != 0
        good &= fits & on_raster(rows, columns)
    return float(good.mean())


def _classes(pixels: Pixels) -> np.ndarray:
    return np.where(pixels.valid[0], pixels.values[0], 0).astype(np.uint8)


def _numbers(pixels: Pixels, raster: DatasetReader, offset: int, scene: str) -> np.ndarray:
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
