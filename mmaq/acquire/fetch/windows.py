"""Which pixels of a remote scene the sites need, and whether its offset of DN can be right.

From processing baseline 04.00 on, reflectance is (DN - 1000) / 10000, and a mirror may have taken
the 1000 away already. Earth Search said so wrongly of some scenes of 2022 and 2025 (its issues 66
and 71), which shifts every reflectance by 0.1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio.windows

from mmaq.base.errors import ProductError
from mmaq.base.sparse import Frame
from mmaq.sentinel2.resample import Axis, locate, nearest, taps
from mmaq.sentinel2.scene import is_clear
from mmaq.services.rasters import Raster

ADDED = 1000
"""DN that processing adds to the reflectance, from the baseline ``SINCE`` on."""


TOO_DARK, FEW = 900, 0.02
"""With the 1000 in them, DN below 900 are reflectances below -0.01: a rare overcorrection."""

SINCE = 4.0

MARGIN = 6
"""10 m pixels read around a window, a pixel of the coarsest band: a place that moves by a few
metres from one table of stations to the next keeps its window, and it costs no byte, for whole
tiles of 512 or 1024 pixels come anyway."""

REMEDY = "Leave the scene out of the manifest, or search again"

log = logging.getLogger(__name__)


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
    place, epsg = raster.transform, raster.crs.to_epsg() if raster.crs else None
    straight = place.b == 0 and place.d == 0 and place.a > 0 and place.e == -place.a
    if epsg is None or not raster.crs.is_projected or not straight or raster.count != 1:
        fault = f"a file of {raster.count} bands is not one north-up band in a projected system"
        raise ProductError(scene, fault, REMEDY)
    return Frame(epsg, place.c, place.f, raster.shape, place.a)


def find_windows(grid: Grid, places: Sequence[Place], size: int) -> list[Window | None]:
    """Each place's window, as ``cut_windows`` will cut it; ``None`` where it leaves the raster."""
    lon, lat = (np.array([getattr(place, name) for place in places]) for name in ("lon", "lat"))
    found = locate(lon, lat, f"EPSG:{grid.epsg}", grid.x, grid.y, size)
    return [
        Window(int(row), int(column), size) if inside else None
        for row, column, inside in zip(*found, strict=True)
    ]


def clear_share(raster: Raster, grid: Grid, window: Window) -> float:
    """Share of clear pixels in a window by the scene classification, 0 to 1."""
    (y, x), side = _axes(raster), window.size
    rows, columns = taps(grid.y, window.row, side, y), taps(grid.x, window.column, side, x)
    classes = _read(raster, rows.first, columns.first, rows.count, columns.count)
    return float(is_clear(nearest(classes, rows, columns), "SCL").mean())


def read_pieces(scene: str, raster: Raster, grid: Grid, windows: Sequence[Window]) -> Read:
    """The pixels of one raster, of whatever size, that each window and its margin need.

    Raises:
        ProductError: the raster does not share the grid's corner or coordinate system.
    """
    frame = frame_of(scene, raster)
    if (frame.epsg, frame.west, frame.north) != (grid.epsg, grid.x.origin, -grid.y.origin):
        fault = "a band does not share the corner of the scene classification"
        raise ProductError(scene, fault, REMEDY)
    y, x = _axes(raster)
    pieces = []
    for window in windows:
        row, height = _span(window.row, window.size, grid.y, y)
        column, width = _span(window.column, window.size, grid.x, x)
        pieces.append(Piece(row, column, _read(raster, row, column, height, width)))
    return Read(frame, pieces)


def _span(start: int, size: int, fine: Axis, source: Axis) -> tuple[int, int]:
    """First source pixel and number of them for a window with its margin, cut at the edges."""
    first, last = max(start - MARGIN, 0), min(start + size + MARGIN, fine.length)
    needed = taps(fine, first, last - first, source)
    return needed.first, needed.count


def _axes(raster: Raster) -> tuple[Axis, Axis]:
    place = raster.transform
    return Axis(-place.f, place.a, raster.height), Axis(place.c, place.a, raster.width)


def _read(raster: Raster, row: int, column: int, height: int, width: int) -> np.ndarray:
    window = rasterio.windows.Window(column, row, width, height)
    return raster.read(1, window=window)


def contradiction(offset: int, baseline: str, values: Iterable[np.ndarray]) -> str | None:
    """What is wrong with ``offset`` (DN to add), by DN of the 10 m bands; ``None``: nothing.

    DN 0 is no data. An offset of 0 is doubted only where the baseline adds 1000, and so may a
    scene of cloud, snow or bright sand alone be, which is why this warns and changes nothing.
    """
    data = np.concatenate([each.ravel() for each in values])
    data = data[data > 0]
    if not data.size:
        return None
    dark = float((data < TOO_DARK).mean())
    if offset <= -ADDED and dark > FEW:
        return f"boa_offset {offset}, but {dark:.0%} of the DN are below {TOO_DARK}"
    if offset == 0 and _number(baseline) >= SINCE and float((data < ADDED).mean()) <= FEW:
        return f"boa_offset 0, but the darkest DN of baseline {baseline} is {data.min()}"
    return None


def _number(baseline: str) -> float:
    try:
        return float(baseline)
    except ValueError:
        return 0.0
