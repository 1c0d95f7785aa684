"""The level-3 mean on disk: CF-1.11 NetCDF that xarray, QGIS, GDAL and HARP open.

Its variables are described once (``describe``), for the file and for notebooks.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import mmaq
from mmaq.base.errors import ProductError
from mmaq.base.files import reading, replacing
from mmaq.config.data import Grid
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.chunks import fill_datasets
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.layouts import EPOCH_UNITS
from mmaq.sentinel5p.reader import describe_filters

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

CELLS = ("latitude", "longitude")
NO_TIME = -1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Level3:
    """A mean as read back: arrays are (rows, columns), row 0 south; NaN where no footprint."""

    grid: RegularGrid
    units: str
    mean: np.ndarray
    standard_error: np.ndarray
    weight: np.ndarray
    count: np.ndarray


def finish(sums: Accumulator, config: Grid, out: Path) -> None:
    """Write the mean and say what went into it.

    Raises:
        ProductError: no pixel falls on the grid.
    """
    if not sums.used:
        fault = f"none of {sums.pixels} pixels of {len(sums.granules)} granules passes the filter"
        remedy = "Give granules that cross grid.bbox in the period, or lower grid.qa"
        if sums.broken and not sums.granules:
            name, reason = next(iter(sums.broken.items()))
            fault, remedy = f"all {len(sums.broken)} granules are broken", f"{name}: {reason}"
            raise ProductError(out, fault, remedy)
        raise ProductError(out, f"{fault} and falls on the grid", remedy)
    _warn_mixed(sums)
    write_level3(Path(out), sums, config)
    log_totals(sums, out)


def _warn_mixed(sums: Accumulator) -> None:
    for what in ("processor", "collection", "mode"):
        versions = sorted({getattr(granule, what) for granule in sums.granules})
        if len(versions) > 1:
            advice = "KNMI advises against mixing them in one mean"
            log.warning("the granules mix %s versions %s: %s", what, ", ".join(versions), advice)


def log_totals(sums: Accumulator, out: Path) -> None:
    """One line on granules read and refused and on pixels used."""
    message = "%s: %d granules read, %d refused; of %d pixels %d used, %d refused for %s"
    reasons = ", ".join(f"{why} ({n})" for why, n in sums.refused.items() if n) or "their corners"
    log.info(
        message, out, len(sums.granules), len(sums.broken), sums.pixels, sums.used,
        sums.refused.total(), reasons,
    )  # fmt: skip


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


def read_level3(path: Path) -> Level3:
    """Read a mean written by ``write_level3``.

    Raises:
        ProductError: the file is missing, damaged or no level-3 mean of MMAQ.
    """
    if not Path(path).is_file():
        raise ProductError(path, "the file does not exist", "Make it with `mmaq grid`")
    from netCDF4 import Dataset

    broken = reading(path, ProductError, "not a level-3 mean", REMEDY)
    with broken, Dataset(path) as file:
        file.set_auto_mask(False)
        name = str(file.gridded_variable)
        rows, columns = file[name].shape
        box = (float(file.geospatial_lon_min), float(file.geospatial_lat_min))
        area: Any = str(file.area)
        grid = RegularGrid(*box, float(file.resolution), columns, rows, area)
        wanted = (name, f"{name}_standard_error", "weight", "count")
        values = [np.asarray(file[each][:]) for each in wanted]
        for each, held in zip(wanted, values, strict=True):
            if held.shape != (rows, columns) or held.dtype.kind not in "if" or np.isinf(held).any():
                raise ValueError(f"{each} holds no numbers of {rows} x {columns} cells")
        return Level3(grid, str(file[name].units), *values)


class Variable(NamedTuple):
    """A result over ``CELLS``, row 0 south; its array is made when asked for.

    ``fill`` marks a cell without a value, ``None`` where every cell has one.
    """

    name: str
    values: Callable[[], np.ndarray]
    dtype: str
    fill: float | None
    attributes: dict[str, Any]


def describe(sums: Accumulator, name: str) -> list[Variable]:
    """All results: the mean under ``name`` first, then what belongs to it.

    Floats are float32, 6e-8 relative. A cell that no footprint touches is NaN, of weight and
    count 0, and its times are ``NO_TIME``.
    """
    columns = [
        ("", sums.mean, f"mean of {name.replace('_', ' ')}"),
        ("_standard_error", sums.standard_error, "standard error of the mean, errors uncorrelated"),
        (
            "_standard_error_correlated",
            sums.correlated_error,
            "standard error of the mean if the errors of all footprints are one error",
        ),
        ("_spread", sums.spread, "weighted standard deviation of the footprints' values"),
    ]
    standard = sums.standard_name
    found = []
    for suffix, values, about in columns:
        attributes = {"long_name": about, "units": sums.units}
        if standard and suffix in ("", "_standard_error"):
            attributes["standard_name"] = standard + suffix.replace("_s", " s")
        found.append(Variable(name + suffix, _as(values, "f4"), "f4", np.nan, attributes))
    names = [each.name for each in found[1:]]
    found[0].attributes["ancillary_variables"] = " ".join([*names, "weight", "count"])
    found[0].attributes["cell_methods"] = (
        "time: area: mean (comment: weighted by the overlap of footprint and cell)"
    )
    weight = {"long_name": "sum of the footprints' shares of the cell", "units": "1"}
    count = {"long_name": "number of footprints that touch the cell", "units": "1"}
    if standard:
        count["standard_name"] = f"{standard} number_of_observations"
    cells = sums.cells
    found += [
        Variable("weight", _as(lambda: cells["weight"], "f4"), "f4", None, weight),
        Variable("count", _as(lambda: cells["count"], "i4"), "i4", None, count),
    ]
    for which in ("first", "last"):
        moment = {"long_name": f"{which} observation", "units": EPOCH_UNITS}
        moment |= {"standard_name": "time", "calendar": "standard"}
        whole = partial(_whole_seconds, cells[which])
        found.append(Variable(f"{which}_time", whole, "i4", NO_TIME, moment))
    return found


def _as(values: Callable[[], np.ndarray], dtype: str) -> Callable[[], np.ndarray]:
    return lambda: values().astype(dtype)


def _whole_seconds(seconds: np.ndarray) -> np.ndarray:
    return np.rint(np.where(np.isfinite(seconds), seconds, NO_TIME)).astype("i4")


def axes(sums: Accumulator) -> dict[str, tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
    """Centres, bounds (n, 2) and attributes of latitude and longitude, in degrees."""
    found = {}
    for name, axis, edges in (
        ("latitude", "Y", sums.grid.latitude_edges()),
        ("longitude", "X", sums.grid.longitude_edges()),
    ):
        attributes = {
            "standard_name": name,
            "long_name": f"{name} of the cell's centre",
            "units": "degrees_north" if axis == "Y" else "degrees_east",
            "axis": axis,
            "bounds": f"{name}_bounds",
        }
        bounds = np.stack([edges[:-1], edges[1:]], axis=1)
        found[name] = (bounds.mean(axis=1), bounds, attributes)
    return found
