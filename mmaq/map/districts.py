"""Districts of a map: their polygons, and how much of each cell lies in each."""

from __future__ import annotations

import logging
from pathlib import Path

import geopandas
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from scipy.sparse import csr_array

from mmaq.base.errors import ProductError
from mmaq.base.vectors import read_polygons
from mmaq.map.grid import MapGrid

NINTHS = (
    "north-west", "north", "north-east", "west", "centre", "east", "south-west", "south",
    "south-east",
)  # fmt: skip
STEP_KM = 1.0
"""Straight lines of a file are followed so closely when they are moved to the map's system."""

log = logging.getLogger(__name__)


def read_districts(path: Path, column: str, grid: MapGrid) -> geopandas.GeoDataFrame:
    """The polygons of a file that meet a map: name, surface (m2) and geometry, in its system.

    Of one that crosses or touches itself the parts with a surface are kept.

    Raises:
        ProductError: the file cannot be read, has no such column, or no polygon of it meets the
            map.
    """
    found = read_polygons(path)
    if column not in found:
        fault_line = f"there is no column {column!r}"
        others = ", ".join(name for name in found.columns if name != found.geometry.name)
        raise ProductError(path, fault_line, f"Set map.district_name to one of: {others}")
    step = STEP_KM / 111.0 if found.crs.is_geographic else 1000.0 * STEP_KM
    # Neighbours share their corners, so that what is put between them is the same for both.
    moved = found.set_geometry(shapely.segmentize(found.geometry.to_numpy(), step), crs=found.crs)
    moved = moved.to_crs(grid.epsg)
    valid = shapely.make_valid(moved.geometry.to_numpy())
    moved = moved.set_geometry([_polygons(shape) for shape in valid], crs=grid.epsg)
    flat = moved.geometry.is_empty
    if flat.any():
        told = "%s: %d of its polygons have no surface and are left out, the first is %s"
        log.warning(told, path, flat.sum(), moved.loc[flat, column].iloc[0])
    here = moved[moved.intersects(shapely.box(*bounds_of(grid)))]
    if here.empty:
        raise ProductError(path, "none of its polygons meets the map", "Give those of the area")
    names = here[column].astype(str).to_numpy()
    return geopandas.GeoDataFrame(
        {"name": names, "surface": here.area.to_numpy()}, geometry=list(here.geometry),
        crs=grid.epsg,
    )  # fmt: skip


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """What of a shape has a surface: a spike of a polygon is made a line beside it."""
    if shape.geom_type != "GeometryCollection":
        return shape if shape.area > 0 else shapely.Polygon()
    return shapely.union_all([part for part in shape.geoms if part.area > 0])


def ninths(grid: MapGrid) -> geopandas.GeoDataFrame:
    """A map in three by three parts, by where they lie: what stands in for districts.

    Of their surface only cells in the area count: the map is a rectangle around it.
    """
    west, south, east, north = bounds_of(grid)
    x, y = np.linspace(west, east, 4), np.linspace(north, south, 4)
    parts = [shapely.box(x[j], y[i + 1], x[j + 1], y[i]) for i in range(3) for j in range(3)]
    found = geopandas.GeoDataFrame({"name": list(NINTHS)}, geometry=parts, crs=grid.epsg)
    inside = coverage(found, grid) @ grid.mask().ravel().astype(float)
    return found.assign(surface=inside * grid.resolution**2)


def bounds_of(grid: MapGrid) -> tuple[float, float, float, float]:
    """West, south, east, north of a map in metres of its system."""
    size = grid.resolution
    west, north = grid.left * size, grid.top * size
    return west, north - grid.rows * size, west + grid.columns * size, north


def coverage(districts: geopandas.GeoDataFrame, grid: MapGrid) -> csr_array:
    """Share of each cell that lies in each polygon, sparse (polygons, rows * columns).

    exactextract finds the cells, and the shares in single precision; those of cells on a border are
    computed again in double precision, so that polygons which tile the map share out each cell.
    """
    west, south, east, north = bounds_of(grid)
    size, columns = grid.resolution, grid.columns
    source = NumPyRasterSource(
        np.zeros((grid.rows, columns), np.int8), xmin=west, ymin=south, xmax=east, ymax=north,
        srs_wkt=districts.crs.to_wkt(),
    )  # fmt: skip
    found = exact_extract(source, districts, ["cell_id", "coverage"], output="pandas")
    row = np.repeat(np.arange(len(districts)), [len(each) for each in found["cell_id"]])
    cell = np.concatenate([[], *found["cell_id"]]).astype(int)
    share = np.concatenate([[], *found["coverage"]]).astype(float)
    border = np.flatnonzero(share < 1.0)
    x, y = west + size * (cell[border] % columns), north - size * (cell[border] // columns)
    boxes = shapely.box(x, y - size, x + size, y)
    inside = shapely.intersection(boxes, districts.geometry.to_numpy()[row[border]])
    share[border] = shapely.area(inside) / size**2
    return csr_array((share, (row, cell)), shape=(len(districts), grid.rows * columns))
