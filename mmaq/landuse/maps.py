"""What raster maps say around a site: means and cover shares in a disc, values at a point."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from os import PathLike

import geopandas
import numpy as np
import pandas as pd
import rasterio
import shapely
from exactextract import exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.raster import RasterSource
from pyproj import Transformer
from rasterio.windows import Window

from mmaq.base.errors import ProductError
from mmaq.base.rasters import metres_a_unit, on_raster, opened_map, read_points, read_window
from mmaq.contracts.sites import ALTITUDES
from mmaq.landuse.discs import discs, full_turn, over_map
from mmaq.landuse.legends import CLASSES, LEGENDS, NO_DATA, choose_legend

SCANTY = 0.5
"""Share of the discs' area below which a map without a zero looks as if no data meant nobody."""

TOGETHER, LARGEST = 512, 8_000_000
"""Discs whose cells are read at once, some rows of a sheet of a map, and cells at most: 64 MB."""

READING = 5_000
"""Cells that could be read in the time that a call takes, or more."""

BLOCK, BLOCKS = 256, 10
"""Cells and number of the windows, across and down, in which a map is looked through."""

DECLARE = "Declare the value that stands for no data (gdal_edit.py -a_nodata VALUE FILE)"

log = logging.getLogger(__name__)


def disc_means(
    path: str | PathLike[str],
    lon: np.ndarray,
    lat: np.ndarray,
    radius: float,
    *,
    possible: tuple[float, float] = (-np.inf, np.inf),
    gaps: float = np.nan,
) -> np.ndarray:
    """Mean of a raster's first band in each disc, cells weighted by the share inside it.

    Nodata cells do not count; a disc without data gives NaN. Shape (n,), the raster's unit.

    Args:
        path: the raster.
        lon, lat: the n sites, degrees.
        radius: of the discs, m.
        possible: the lowest value of a cell and the highest of a mean.
        gaps: what no data stands for: 0.0 where a map leaves out cells in which there is nothing.

    Raises:
        ProductError: the raster cannot be read, or holds an impossible value in a disc.
    """
    with opened_map(path) as raster:
        pieces = _pieces(raster, path, lon, lat, radius)
        found = _extract(raster, pieces, ["mean", "count", "min"], gaps)
        whole = shapely.area(pieces.clip_by_rect(*_bounds(raster)).to_numpy()).sum()
        whole /= abs(raster.transform.determinant)
    weight = found["count"].to_numpy(float)
    total = np.bincount(
        found["row"], np.nan_to_num(found["mean"].to_numpy(float)) * weight, len(lon)
    )
    weights = np.bincount(found["row"], weight, len(lon))
    means = np.divide(total, weights, out=np.full(len(lon), np.nan), where=weights > 0)
    lowest = found["min"].to_numpy(float)
    _refuse(path, lowest, lon[found["row"]], lat[found["row"]], (possible[0], np.inf))
    _refuse(path, means, lon, lat, possible)
    _tell_bare(path, len(lon) - len(set(found["row"])), means)
    if np.isnan(gaps) and weights.sum() < SCANTY * whole and possible[0] == 0.0 < np.nanmin(lowest):
        log.warning(
            "%s: has data in %.0f %% of the discs and no 0: if it leaves out cells where nobody "
            "lives, set files.population_nodata to nobody", path, 100 * weights.sum() / whole,
        )  # fmt: skip
    return means


def disc_shares(
    path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray, radius: float, legend: str | None
) -> pd.DataFrame:
    """Share of each land-cover class in each disc: columns ``CLASSES``, shape (n, 7).

    Rows sum to 1 over the cells with data, or are NaN where there are none. A class that the
    product's legend does not know (industry in WorldCover) is NaN throughout. Where no ``legend``
    is named, it is the one that the codes are of, in the discs and in the map at large. Its name
    is ``attrs["legend"]`` of the result, and ``attrs["held"]``, (n,), is the share of each disc
    that has data.

    Raises:
        ProductError: the raster cannot be read, its codes are of no legend, or might be of two.
    """
    with opened_map(path) as raster:
        pieces = _pieces(raster, path, lon, lat, radius)
        found = _extract(raster, pieces, ["unique", "frac", "count"], np.nan)
        lengths = [np.size(codes) for codes in found["unique"]]
        codes = np.concatenate([[], *map(np.atleast_1d, found["unique"])])
        held = _codes(codes, path)
        if legend is None:
            held |= _codes(_at_large(raster), path)
    name = choose_legend(legend, held, path)
    weights = np.concatenate([[], *map(np.atleast_1d, found["frac"])])
    weights *= np.repeat(found["count"].to_numpy(float), lengths)
    rows = np.repeat(found["row"].to_numpy(), lengths)
    known = ~np.isin(codes, list(NO_DATA[name]))
    codes, weights, rows = codes[known].astype(int), weights[known], rows[known]
    total = np.bincount(rows, weights, len(lon))
    result = pd.DataFrame(index=range(len(lon)), columns=list(CLASSES), dtype=float)
    for each in CLASSES:
        of_class = np.array([LEGENDS[name][code] == each for code in codes], dtype=bool)
        summed = np.bincount(rows[of_class], weights[of_class], len(lon))
        result[each] = np.divide(summed, total, out=np.full(len(lon), np.nan), where=total > 0)
    _tell_bare(path, len(lon) - len(set(found["row"])), result[CLASSES[0]].to_numpy())
    if name == "worldcover":
        result["industry"] = np.nan
    result = result.clip(upper=1.0)
    whole = np.full(len(lon), np.inf)
    whole[pieces["row"]] = pieces["cells"]
    result.attrs |= {"legend": name, "held": total / whole}
    return result


def point_values(
    path: str | PathLike[str],
    lon: np.ndarray,
    lat: np.ndarray,
    *,
    possible: tuple[float, float] = (-np.inf, np.inf),
    band: int = 1,
) -> np.ndarray:
    """Value of one band of a raster in the cell of each site; NaN outside or without data.

    Raises:
        ProductError: the raster cannot be read, or holds a value at a site that is not possible.
    """
    with opened_map(path) as raster:
        x, y = _on_plane(raster, lon, lat)
        values = read_points(raster, x, y, band)
        _tell_off(path, on_raster(raster, x, y), lon, lat)
        _tell_bare(path, int((~on_raster(raster, x, y)).sum()), values)
    _refuse(path, values, lon, lat, possible)
    return values


def altitudes(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Altitude in m in the cell of each site, whatever length the elevation model is in.

    Raises:
        ProductError: the raster cannot be read, its unit is no length, or it holds an impossible
            altitude at a site.
    """
    with opened_map(path) as raster:
        unit = metres_a_unit(raster, path)
    low, high = ALTITUDES
    return unit * point_values(path, lon, lat, possible=(low / unit, high / unit))


def has_data(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Which places, (n,) bool, lie in a cell of a raster whose first band has data.

    Raises:
        ProductError: the raster is absent or cannot be read.
    """
    with opened_map(path) as raster:
        return np.isfinite(read_points(raster, *_on_plane(raster, lon, lat)))


def _on_plane(
    raster: rasterio.DatasetReader, lon: np.ndarray, lat: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places in the raster's reference system, on the turn around Earth that it covers."""
    x, y = Transformer.from_crs(4326, raster.crs, always_xy=True).transform(lon, lat)
    turn = full_turn(raster.crs)
    if turn is not None:
        west, _, east, _ = _bounds(raster)
        x = np.where((x < west) | (x >= east), west + (x - west) % turn, x)
    return x, y


class _Disc(Feature):
    """A disc as exactextract asks for it."""

    def __init__(self, row: int, shape: bytes) -> None:
        super().__init__()
        self._row, self._shape = row, shape

    def fields(self) -> list[str]:
        return ["row"]

    def get(self, name: str) -> int:
        return self._row

    def geometry(self) -> bytes:
        return self._shape


class _Discs(FeatureSource):
    """Pieces of discs as they are in memory: exactextract's own way is through GeoJSON."""

    def __init__(self, pieces: geopandas.GeoDataFrame) -> None:
        super().__init__()
        self._rows = pieces["row"].tolist()
        self._shapes = shapely.to_wkb(pieces.geometry.to_numpy()).tolist()
        self._system = pieces.crs.to_wkt()

    def count(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[_Disc]:
        return map(_Disc, self._rows, self._shapes)

    def srs_wkt(self) -> str:
        return self._system


class _Cells(RasterSource):
    """A raster as exactextract asks for it, through the one reader of rasters.

    What the pieces span is read once where that is quicker, as around the cells of a map.
    """

    def __init__(
        self, raster: rasterio.DatasetReader, gaps: float, pieces: geopandas.GeoDataFrame
    ) -> None:
        super().__init__()
        self._raster, self._gaps = raster, gaps
        self._held: tuple[int, int, np.ndarray] | None = None
        left, top, columns, rows = _spanned(raster, pieces.total_bounds)
        each = pieces.bounds.to_numpy()
        size = np.prod((each[:, 2:] - each[:, :2]) / self.res() + 1.0, axis=1) + READING
        if rows * columns <= min(size.sum(), LARGEST):
            self._held = left, top, self._read(left, top, columns, rows)

    def res(self) -> tuple[float, float]:
        return abs(self._raster.transform.a), abs(self._raster.transform.e)

    def extent(self) -> tuple[float, float, float, float]:
        return _bounds(self._raster)

    def srs_wkt(self) -> str:
        return self._raster.crs.wkt

    def nodata_value(self) -> None:
        return None

    def read_window(self, left: int, top: int, columns: int, rows: int) -> np.ndarray:
        if self._held is not None:
            first, upper, values = self._held
            row, column = top - upper, left - first
            part = values[max(row, 0) : row + rows, max(column, 0) : column + columns]
            if min(row, column) >= 0 and part.shape == (rows, columns):
                return np.ascontiguousarray(part)
        return self._read(left, top, columns, rows)

    def _read(self, left: int, top: int, columns: int, rows: int) -> np.ndarray:
        south_up = self._raster.transform.e > 0
        first = self._raster.height - top - rows if south_up else top
        values = read_window(self._raster, Window(left, first, columns, rows))
        values = np.where(np.isnan(values), self._gaps, values)
        return np.ascontiguousarray(values[::-1]) if south_up else values


def _spanned(
    raster: rasterio.DatasetReader, bounds: tuple[float, float, float, float]
) -> tuple[int, int, int, int]:
    """First column, first row from the north, columns and rows of the cells within bounds."""
    west, _, _, north = _bounds(raster)
    width, height = abs(raster.transform.a), abs(raster.transform.e)
    left = max(int(np.floor((bounds[0] - west) / width)), 0)
    right = min(int(np.ceil((bounds[2] - west) / width)), raster.width)
    top = max(int(np.floor((north - bounds[3]) / height)), 0)
    bottom = min(int(np.ceil((north - bounds[1]) / height)), raster.height)
    return left, top, right - left, bottom - top


def _bounds(raster: rasterio.DatasetReader) -> tuple[float, float, float, float]:
    west, one, east, other = raster.bounds
    return west, min(one, other), east, max(one, other)


def _pieces(
    raster: rasterio.DatasetReader,
    path: str | PathLike[str],
    lon: np.ndarray,
    lat: np.ndarray,
    radius: float,
) -> geopandas.GeoDataFrame:
    """The discs as far as the raster reaches; sites off it are counted in a warning.

    Column ``cells`` is the size of the whole disc, also where the raster holds a part of it.
    """
    turned = raster.transform
    if turned.b or turned.d or turned.a < 0:
        raise ProductError(path, "the raster is rotated", "Warp it north up with gdalwarp")
    whole = discs(lon, lat, radius, raster.crs)
    pieces = over_map(whole, _bounds(raster))
    cells = shapely.area(whole.geometry.to_numpy()) / abs(turned.determinant)
    pieces["cells"] = np.bincount(whole["row"], cells, len(lon))[pieces["row"]]
    _tell_off(path, np.isin(np.arange(len(lon)), pieces["row"]), lon, lat)
    return pieces


def _extract(
    raster: rasterio.DatasetReader,
    pieces: geopandas.GeoDataFrame,
    operations: list[str],
    gaps: float,
) -> pd.DataFrame:
    """Columns row and ``operations``, a row a piece; empty where no disc touches the raster."""
    if pieces.empty:
        return pd.DataFrame({name: [] for name in operations} | {"row": np.array([], int)})
    parts = [pieces.iloc[start : start + TOGETHER] for start in range(0, len(pieces), TOGETHER)]
    found = [
        exact_extract(_Cells(raster, gaps, part), _Discs(part), operations, include_cols=["row"],
                      output="pandas")
        for part in parts
    ]  # fmt: skip
    return pd.concat(found, ignore_index=True)


def _codes(values: np.ndarray, path: str | PathLike[str]) -> set[int]:
    broken = values[values != np.round(values)]
    if len(broken):
        fault = f"holds {broken[0]:g}, which is no code of land cover"
        raise ProductError(path, fault, "Give a raster of codes that nothing was interpolated in")
    return {int(value) for value in values}


def _at_large(raster: rasterio.DatasetReader) -> np.ndarray:
    """Values that stand in windows spread evenly over the raster."""
    found: set[float] = set()
    for top in np.unique(np.linspace(0, max(raster.height - BLOCK, 0), BLOCKS).astype(int)):
        for left in np.unique(np.linspace(0, max(raster.width - BLOCK, 0), BLOCKS).astype(int)):
            window = Window(int(left), int(top), BLOCK, BLOCK)
            found |= set(np.unique(read_window(raster, window)).tolist())
    values = np.array(sorted(found), dtype=float)
    return values[~np.isnan(values)]


def _refuse(
    path: str | PathLike[str],
    values: np.ndarray,
    lon: np.ndarray,
    lat: np.ndarray,
    possible: tuple[float, float],
) -> None:
    bad = np.flatnonzero((values < possible[0]) | (values > possible[1]))
    if len(bad):
        first = bad[0]
        fault = f"holds the impossible value {values[first]:g} at {lon[first]:g}, {lat[first]:g}"
        raise ProductError(path, fault, DECLARE)


def _tell_off(path: str | PathLike[str], on: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> None:
    off = np.flatnonzero(~on)
    if len(off):
        log.warning(
            "%s: %d of %d sites lie off this map and get nothing from it, the first at "
            "longitude %.6g, latitude %.6g", path, len(off), len(on), lon[off[0]], lat[off[0]],
        )  # fmt: skip


def _tell_bare(path: str | PathLike[str], off: int, values: np.ndarray) -> None:
    bare = int(np.isnan(values).sum()) - off
    if bare > 0:
        log.info("%s: no data at %d of %d sites on it", path, bare, len(values))
