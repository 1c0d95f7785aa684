"""What maps say around a site: means and cover shares in a disc, point values, the nearest road.

Legends are from the ESA WorldCover 10 m v200 product user manual, table 3, and the CORINE Land
Cover nomenclature (three-digit level 3 codes, and the grid codes 1 to 44 of the raster product).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike

import geopandas
import numpy as np
import pandas as pd
import rasterio
from exactextract import exact_extract
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import Geod, Transformer
from rasterio.errors import RasterioError
from shapely import STRtree, points, polygons

from mmaq.base.errors import ProductError

CLASSES = ("built", "industry", "cropland", "forest", "grassland", "water", "bare")
NATURE = ("cropland", "forest", "grassland", "water")
"""Vegetation and water."""

MANMADE = ("built", "industry")

WORLDCOVER = {
    10: "forest", 20: "grassland", 30: "grassland", 40: "cropland", 50: "built", 60: "bare",
    70: "bare", 80: "water", 90: "grassland", 95: "forest", 100: "grassland",
}  # fmt: skip
"""Shrubland, herbaceous wetland, moss and lichen count as grassland. It knows no industry."""

_CORINE_LEVEL3 = (
    111, 112, 121, 122, 123, 124, 131, 132, 133, 141, 142, 211, 212, 213, 221, 222, 223, 231, 241,
    242, 243, 244, 311, 312, 313, 321, 322, 323, 324, 331, 332, 333, 334, 335, 411, 412, 421, 422,
    423, 511, 512, 521, 522, 523,
)  # fmt: skip
_CORINE_GROUPS = {
    "built": (111, 112, 122, 124, 142),
    "industry": (121, 123, 131, 132, 133),
    "cropland": (211, 212, 213, 221, 222, 223, 241, 242, 243, 244),
    "forest": (311, 312, 313, 324),
    "grassland": (141, 231, 321, 322, 323, 411, 412, 421),
    "bare": (331, 332, 333, 334, 335),
    "water": (422, 423, 511, 512, 521, 522, 523),
}
CORINE = {code: name for name, codes in _CORINE_GROUPS.items() for code in codes}
CORINE_GRID = {grid: CORINE[code] for grid, code in enumerate(_CORINE_LEVEL3, start=1)}

LEGENDS = {"worldcover": WORLDCOVER, "corine": CORINE, "corine-grid": CORINE_GRID}

VERTICES = 64
"""Corners of a disc; the polygon's area is 0.998 of the circle's, which no mean notices."""

REMEDY = "Give a readable GeoTIFF with a coordinate reference system"

ROADS_REMEDY = "Give a GeoPackage of road lines with a coordinate reference system"


def disc_means(
    path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray, radius: float
) -> np.ndarray:
    """Mean of a raster's first band in each disc, cells weighted by the share inside it.

    Nodata cells do not count; a disc without data gives NaN. Shape (n,), the raster's unit.
    """
    with _opened(path) as raster:
        places = discs(lon, lat, radius, raster.crs)
        found = exact_extract(raster, places, ["mean"], include_cols=["row"], output="pandas")
    return _aligned(found, len(lon))["mean"].to_numpy(float)


def disc_shares(
    path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray, radius: float, legend: str | None
) -> pd.DataFrame:
    """Share of each land-cover class in each disc: columns ``CLASSES``, shape (n, 7).

    Rows sum to 1 over the cells with data, or are NaN where there are none. A class that the
    product's legend does not know (industry in WorldCover) is NaN throughout.
    """
    with _opened(path) as raster:
        places = discs(lon, lat, radius, raster.crs)
        operations = ["unique", "frac"]
        found = exact_extract(raster, places, operations, include_cols=["row"], output="pandas")
    found = _aligned(found, len(lon))
    lengths = [np.size(codes) for codes in found["unique"]]
    codes = np.concatenate([np.atleast_1d(part) for part in found["unique"]]).astype(int)
    shares = np.concatenate([np.atleast_1d(part) for part in found["frac"]]).astype(float)
    rows = np.repeat(np.arange(len(lon)), lengths)
    classes = choose_legend(legend, np.unique(codes), path)
    result = pd.DataFrame(0.0, index=range(len(lon)), columns=list(CLASSES))
    for name in CLASSES:
        of_class = np.array([classes[code] == name for code in codes], dtype=bool)
        result[name] = np.bincount(rows[of_class], shares[of_class], len(lon)).astype(float)
    result[np.array(lengths) == 0] = np.nan
    if classes is WORLDCOVER:
        result["industry"] = np.nan
    return result.clip(upper=1.0)


def point_values(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Value of a raster's first band in the cell of each site; NaN outside or without data."""
    with _opened(path) as raster:
        x, y = Transformer.from_crs(4326, raster.crs, always_xy=True).transform(lon, lat)
        values = np.ma.stack(list(raster.sample(zip(x, y, strict=True), indexes=1, masked=True)))
        west, south, east, north = raster.bounds
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return np.where(inside, np.ma.filled(values[:, 0].astype(float), np.nan), np.nan)


def discs(lon: np.ndarray, lat: np.ndarray, radius: float, crs: object) -> geopandas.GeoDataFrame:
    """Discs of ``radius`` metres on the WGS 84 ellipsoid around n sites, in the system ``crs``."""
    azimuths = np.linspace(0.0, 360.0, VERTICES, endpoint=False)
    count = len(lon)
    centre_lon, centre_lat = np.repeat(lon, VERTICES), np.repeat(lat, VERTICES)
    turned = np.tile(azimuths, count)
    far = np.full(turned.size, radius)
    ring_lon, ring_lat, _ = Geod(ellps="WGS84").fwd(centre_lon, centre_lat, turned, far)
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(ring_lon, ring_lat)
    rings = np.stack([x, y], axis=-1).reshape(count, VERTICES, 2)
    return geopandas.GeoDataFrame({"row": np.arange(count)}, geometry=polygons(rings), crs=crs)


@contextmanager
def _opened(path: str | PathLike[str]) -> Iterator[rasterio.DatasetReader]:
    """Open a raster; whatever GDAL finds wrong with it becomes a ProductError."""
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise ProductError(path, "the raster has no coordinate reference system", REMEDY)
            yield raster
    except RasterioError as fault:
        raise ProductError(path, f"not a readable raster ({fault})", REMEDY) from None


def _aligned(found: pd.DataFrame, count: int) -> pd.DataFrame:
    """One row a site, in order."""
    return found.set_index("row").reindex(range(count))


def choose_legend(
    name: str | None, codes: Iterable[int], path: str | PathLike[str]
) -> dict[int, str]:
    """The legend ``name``, or where the item names none, the first that knows all ``codes``.

    Raises:
        ProductError: the name is unknown, or a code stands in no (or not in that) legend.
    """
    found = {int(code) for code in codes}
    if name is not None and name not in LEGENDS:
        known = ", ".join(LEGENDS)
        raise ProductError(path, f"unknown land-cover legend {name!r}", f"Use one of: {known}")
    for legend in [LEGENDS[name]] if name else LEGENDS.values():
        if found <= set(legend):
            return legend
    legends = f"legend {name!r}" if name else f"one of the legends {', '.join(LEGENDS)}"
    shown = ", ".join(map(str, sorted(found)[:20]))
    raise ProductError(path, f"the codes {shown} are not of {legends}", "Give such a raster")


def road_distance(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Distance in m from each of n sites to the nearest road of any class.

    Measured in the roads' own projected system, or where they are in degrees, in their UTM zone.

    Raises:
        ProductError: the file is no vector file, has no reference system, or holds no road.
    """
    try:
        roads = geopandas.read_file(path, columns=[])
    except (DataSourceError, DataLayerError, OSError) as fault:
        raise ProductError(path, f"not a readable vector file ({fault})", ROADS_REMEDY) from None
    if roads.crs is None:
        raise ProductError(path, "the roads have no coordinate reference system", ROADS_REMEDY)
    roads = roads[~(roads.geometry.isna() | roads.geometry.is_empty)]
    if roads.empty:
        raise ProductError(path, "the file holds no road", ROADS_REMEDY)
    if not roads.crs.is_projected:
        roads = roads.to_crs(roads.estimate_utm_crs())
    sites = geopandas.GeoSeries(points(lon, lat), crs=4326).to_crs(roads.crs)
    tree = STRtree(roads.geometry.to_numpy())
    nearest = tree.nearest(sites.to_numpy())
    return sites.distance(roads.geometry.iloc[nearest], align=False).to_numpy()
