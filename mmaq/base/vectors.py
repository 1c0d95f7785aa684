"""Vector files: lines and polygons of files that others made, and how ours are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FieldError, GeometryError

from mmaq.base.errors import ProductError

REMEDY = "Give a GeoPackage of road lines with a coordinate reference system"
POLYGONS = "Give a GeoPackage, GeoJSON or Shapefile of polygons with a coordinate reference system"

_LINES = ("line", "curve")
_POLYGONS = ("polygon", "surface")
_UNTYPED = ("unknown", "geometrycollection")


def line_layer(path: str | PathLike[str]) -> str:
    """The one layer of lines of a file, or of several the one that bears the file's name.

    Raises:
        ProductError: the file cannot be read, has no layer of lines, or several.
    """
    return _the_layer(path, "lines", _LINES, REMEDY)


def _the_layer(path: str | PathLike[str], what: str, kinds: Sequence[str], remedy: str) -> str:
    """The one layer of geometries of ``kinds``, or of several the one with the file's name."""
    with _one_line_faults(path, remedy):
        layers = [(name, str(kind).lower()) for name, kind in pyogrio.list_layers(path)]
    fit = [name for name, kind in layers if any(part in kind for part in kinds)]
    fit = fit or [name for name, kind in layers if kind.split(" ")[0] in _UNTYPED]
    own = Path(path).stem.lower()
    if len(fit) > 1:
        fit = [name for name in fit if name.lower() == own] or fit
    if not fit:
        held = ", ".join(f"{name} ({kind})" for name, kind in layers) or "nothing"
        raise ProductError(path, f"holds no layer of {what} but {held}", remedy)
    if len(fit) > 1:
        fault = f"holds {len(fit)} layers of {what}: {', '.join(fit)}"
        raise ProductError(path, fault, f"Keep one of them, or name it {own!r}")
    return fit[0]


def layer_extent(
    path: str | PathLike[str], layer: str
) -> tuple[str, tuple[float, float, float, float]]:
    """Reference system of a layer, and its bounds in it (west, south, east, north).

    Raises:
        ProductError: it is empty or has no reference system.
    """
    with _one_line_faults(path):
        held = pyogrio.read_info(path, layer=layer, force_total_bounds=True)
    _check_layer(path, layer, held["total_bounds"] is None, held["crs"])
    return held["crs"], tuple(held["total_bounds"])


def read_lines(path: str | PathLike[str], fields: Sequence[str] = ()) -> geopandas.GeoDataFrame:
    """The lines of a file's one layer of lines, in its own reference system.

    Beside the geometry it has those of ``fields`` (in small letters) that the layer has, in any
    case: a Shapefile's names are often capitals.

    Raises:
        ProductError: the file cannot be read, has no such layer, or that holds no line or has no
            reference system.
    """
    layer = line_layer(path)
    with _one_line_faults(path):
        there = pyogrio.read_info(path, layer=layer)["fields"]
        wanted = [name for name in there if name.lower() in fields]
        held = geopandas.read_file(path, layer=layer, columns=wanted)
    is_line = held.geom_type.isin(["LineString", "MultiLineString", "LinearRing"])
    lines = held[np.asarray(is_line & ~held.geometry.is_empty)]
    _check_layer(path, layer, lines.empty, held.crs)
    return lines


def read_polygons(path: str | PathLike[str]) -> geopandas.GeoDataFrame:
    """The polygons of a file's one layer of them with all fields, in its own reference system.

    Raises:
        ProductError: the file cannot be read, has no such layer or several, the layer holds
            anything else, or has no reference system.
    """
    layer = _the_layer(path, "polygons", _POLYGONS, POLYGONS)
    with _one_line_faults(path, POLYGONS):
        held = geopandas.read_file(path, layer=layer)
    others = sorted(set(held.geom_type.fillna("nothing")) - {"Polygon", "MultiPolygon"})
    if others or held.empty:
        raise ProductError(path, f"holds {', '.join(others) or 'no polygon'}", POLYGONS)
    if held.crs is None:
        raise ProductError(path, "the polygons have no coordinate reference system", POLYGONS)
    return held


def write_layer(
    table: geopandas.GeoDataFrame, path: Path, layer: str, when: str = "1970-01-01T00:00:00.000Z"
) -> None:
    """Write a GeoPackage of one layer.

    It stores when it was written, which is said to be ``when``: equal tables should be equal bytes.
    """
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": when})
    try:
        pyogrio.write_dataframe(table, path, layer=layer, driver="GPKG")
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _check_layer(path: str | PathLike[str], layer: str, empty: bool, crs: object) -> None:
    if empty:
        raise ProductError(path, f"its layer {layer!r} holds no road", REMEDY)
    if crs is None:
        raise ProductError(path, "the roads have no coordinate reference system", REMEDY)


@contextmanager
def _one_line_faults(path: str | PathLike[str], remedy: str = REMEDY) -> Iterator[None]:
    """Whatever GDAL finds wrong with a file becomes a ProductError."""
    try:
        yield
    except (
        DataSourceError,
        DataLayerError,
        FieldError,
        GeometryError,
        OSError,
        ValueError,
    ) as fault:
        raise ProductError(path, f"not a readable vector file ({fault})", remedy) from None
