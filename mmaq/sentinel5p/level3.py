"""The level-3 mean on disk: CF-1.11 NetCDF that xarray, QGIS, GDAL and HARP open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mmaq
from mmaq.config.data import Grid
from mmaq.errors import ProductError
from mmaq.files import replacing
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.chunks import fill_datasets
from mmaq.sentinel5p.filters import describe_filters
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.results import CELLS, Variable, axes, describe

if TYPE_CHECKING:
    from netCDF4 import Dataset

REMEDY = "Make it again with `mmaq grid`"
WGS84 = {
    "grid_mapping_name": "latitude_longitude",
    "geographic_crs_name": "WGS 84",
    "horizontal_datum_name": "World Geodetic System 1984",
    "longitude_of_prime_meridian": 0.0,
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}
CHUNK = 512
"""Cells a side of a chunk: a country is a few, and each is a megabyte at most."""


@dataclass(frozen=True)
class Level3:
    """A mean as read back: arrays are (rows, columns), row 0 south; NaN where no footprint."""

    grid: RegularGrid
    units: str
    mean: np.ndarray
    standard_error: np.ndarray
    weight: np.ndarray
    count: np.ndarray


def write_level3(path: Path, sums: Accumulator, config: Grid) -> None:
    """Write the results that ``describe`` lists; equal sums give equal bytes.

    Dimensions bear HARP's names ("independent_2"), since HARP reads no others.
    """
    from netCDF4 import Dataset  # late: it costs memory, and while granules are read none is spare

    with replacing(path) as temporary:
        with Dataset(temporary, "w") as file:
            for name, size in zip((*CELLS, "independent_2"), (*sums.grid.shape, 2), strict=True):
                file.createDimension(name, size)
            _write_axes(file, sums)
            for variable in describe(sums, config.variable):
                _create(file, variable)
            file.createVariable("crs", "i4").setncatts(WGS84)
            _write_granules(file, sums)
            file.setncatts(_attributes(sums, config))
        fill_datasets(temporary, ((v.name, v.values()) for v in describe(sums, config.variable)))


def read_level3(path: Path) -> Level3:
    """Read a mean written by ``write_level3``.

    Raises:
        ProductError: the file is missing, damaged or no level-3 mean of MMAQ.
    """
    if not Path(path).is_file():
        raise ProductError(path, "the file does not exist", "Make it with `mmaq grid`")
    from netCDF4 import Dataset

    try:
        with Dataset(path) as file:
            file.set_auto_mask(False)
            name = str(file.gridded_variable)
            rows, columns = file[name].shape
            box = (float(file.geospatial_lon_min), float(file.geospatial_lat_min))
            area: Any = str(file.area)
            grid = RegularGrid(*box, float(file.resolution), columns, rows, area)
            wanted = (name, f"{name}_standard_error", "weight", "count")
            return Level3(grid, str(file[name].units), *(file[each][:] for each in wanted))
    except (OSError, RuntimeError, KeyError, IndexError, AttributeError, ValueError) as fault:
        raise ProductError(path, f"not a level-3 mean ({fault!r})", REMEDY) from None


def _write_axes(file: Dataset, sums: Accumulator) -> None:
    for name, (centres, bounds, attributes) in axes(sums).items():
        file.createVariable(name, "f8", (name,))[:] = centres
        file[name].setncatts(attributes)
        file.createVariable(f"{name}_bounds", "f8", (name, "independent_2"))[:] = bounds


def _create(file: Dataset, variable: Variable) -> None:
    shape = [file.dimensions[name].size for name in CELLS]
    made = file.createVariable(
        variable.name, variable.dtype, CELLS, compression="zlib", complevel=1,
        chunksizes=[min(CHUNK, size) for size in shape], fill_value=variable.fill,
    )  # fmt: skip
    made.setncatts(variable.attributes | {"grid_mapping": "crs"})


def _write_granules(file: Dataset, sums: Accumulator) -> None:
    """A line of text a granule: years of them are too long for an attribute."""
    lines = [line.encode() for line in sorted(map(str, sums.granules))]
    if not lines:
        return
    width = max(map(len, lines))
    for name, size in ((f"independent_{len(lines)}", len(lines)), (f"string_{width}", width)):
        if name not in file.dimensions:
            file.createDimension(name, size)
    names = (f"independent_{len(lines)}", f"string_{width}")
    variable = file.createVariable("granule", "S1", names, compression="zlib", complevel=1)
    variable.long_name = "level-2 granules of this mean"
    variable[:] = np.array(lines, f"S{width}").view("S1").reshape(len(lines), width)


def _attributes(sums: Accumulator, config: Grid) -> dict[str, Any]:
    """Global attributes: sources, filters and versions; no time of writing, for equal bytes."""
    processors = Counter(granule.processor for granule in sums.granules)
    collections = sorted({granule.collection for granule in sums.granules})
    starts = sorted(granule.start for granule in sums.granules if granule.start)
    period = {"time_coverage_start": starts[0], "time_coverage_end": starts[-1]} if starts else {}
    broken = [f"{name}: {reason}" for name, reason in sorted(sums.broken.items())]
    return period | {
        "Conventions": "CF-1.11 HARP-1.0",
        "title": f"Level-3 mean of {config.variable}",
        "source": "Copernicus Sentinel-5P TROPOMI level 2",
        "history": f"gridded by MMAQ {mmaq.__version__}",
        "gridded_variable": config.variable,
        "filters": describe_filters(config),
        "area": config.area,
        "processor_versions": ", ".join(f"{p} ({n})" for p, n in sorted(processors.items())),
        "collections": ", ".join(collections),
        "granules": np.int32(len(sums.granules)),
        "granules_refused": "\n".join(broken)[:30000],
        "pixels_read": float(sums.pixels),
        "pixels_used": float(sums.used),
        "footprints_refused": float(sums.refused.total()),
        "resolution": config.resolution,
        "geospatial_lon_min": sums.grid.west,
        "geospatial_lon_max": sums.grid.east,
        "geospatial_lat_min": sums.grid.south,
        "geospatial_lat_max": sums.grid.north,
    }
