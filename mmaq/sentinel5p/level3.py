"""The level-3 mean on disk: CF-1.11 NetCDF that xarray, QGIS and GDAL open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import mmaq
from mmaq.config.data import Grid
from mmaq.errors import ProductError
from mmaq.files import replacing
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid

REMEDY = "Make it again with `mmaq grid`"
WGS84 = {
    "grid_mapping_name": "latitude_longitude",
    "geographic_crs_name": "WGS 84",
    "horizontal_datum_name": "World Geodetic System 1984",
    "longitude_of_prime_meridian": 0.0,
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}


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
    """Write mean, standard error, weight and count; equal sums give equal bytes."""
    name = config.variable
    of_cell = {"grid_mapping": "crs"}
    mean = of_cell | {
        "long_name": f"mean of {name.replace('_', ' ')}",
        "units": sums.units,
        "cell_methods": "time: area: mean (comment: weighted by the overlap of footprint and cell)",
        "ancillary_variables": f"{name}_standard_error weight count",
    }
    error = of_cell | {
        "long_name": "standard error of the mean from the precision, footprints uncorrelated",
        "units": sums.units,
    }
    number = of_cell | {"long_name": "number of footprints that touch the cell", "units": "1"}
    if sums.standard_name:
        mean["standard_name"] = sums.standard_name
        error["standard_name"] = f"{sums.standard_name} standard_error"
        number["standard_name"] = f"{sums.standard_name} number_of_observations"
    weight = of_cell | {"long_name": "sum of the footprints' shares of the cell", "units": "1"}
    cells = ("latitude", "longitude")
    variables: dict[str, Any] = {
        name: (cells, sums.mean(), mean),
        f"{name}_standard_error": (cells, sums.standard_error(), error),
        "weight": (cells, sums.weight, weight),
        "count": (cells, sums.count, number),
        "crs": ((), np.int32(0), WGS84),
    }
    packed = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding: dict[str, Any] = {each: dict(packed) for each in variables if each != "crs"}
    for each in ("weight", "count"):
        encoding[each]["_FillValue"] = None
    coordinates = _axes(sums.grid)
    encoding |= {each: {"_FillValue": None} for each in coordinates}
    dataset = xr.Dataset(variables, coordinates, _attributes(sums, config))
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary, engine="netcdf4", encoding=encoding)


def read_level3(path: Path) -> Level3:
    """Read a mean written by ``write_level3``.

    Raises:
        ProductError: the file is missing, damaged or no level-3 mean of MMAQ.
    """
    if not Path(path).is_file():
        raise ProductError(path, "the file does not exist", "Make it with `mmaq grid`")
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as dataset:
            name = str(dataset.attrs["gridded_variable"])
            west, south = (float(dataset.attrs[f"geospatial_{key}_min"]) for key in ("lon", "lat"))
            rows, columns = dataset[name].shape
            resolution = float(dataset.attrs["resolution"])
            return Level3(
                RegularGrid(west, south, resolution, columns, rows),
                str(dataset[name].attrs["units"]),
                *(
                    dataset[each].to_numpy()
                    for each in (name, f"{name}_standard_error", "weight", "count")
                ),
            )
    except (OSError, RuntimeError, KeyError, ValueError) as fault:
        raise ProductError(path, f"not a level-3 mean ({fault!r})", REMEDY) from None


def _axes(grid: RegularGrid) -> dict[str, Any]:
    axes: dict[str, Any] = {}
    for name, axis, edges in (
        ("latitude", "Y", grid.latitude_edges()),
        ("longitude", "X", grid.longitude_edges()),
    ):
        attributes = {
            "standard_name": name,
            "long_name": f"{name} of the cell's centre",
            "units": "degrees_north" if axis == "Y" else "degrees_east",
            "axis": axis,
            "bounds": f"{name}_bounds",
        }
        axes[name] = (name, (edges[:-1] + edges[1:]) / 2, attributes)
        axes[f"{name}_bounds"] = ((name, "bounds"), np.stack([edges[:-1], edges[1:]], axis=1))
    return axes


def _attributes(sums: Accumulator, config: Grid) -> dict[str, Any]:
    """Global attributes: sources, filters and versions; no time of writing, for equal bytes."""
    west, south, east, north = config.bbox
    processors = Counter(granule.processor for granule in sums.granules)
    starts = sorted(granule.start for granule in sums.granules if granule.start)
    period = {"time_coverage_start": starts[0], "time_coverage_end": starts[-1]} if starts else {}
    return period | {
        "Conventions": "CF-1.11",
        "title": f"Level-3 mean of {config.variable}",
        "source": "Copernicus Sentinel-5P TROPOMI level 2",
        "history": f"gridded by MMAQ {mmaq.__version__}",
        "gridded_variable": config.variable,
        "filters": f"qa_value > {config.qa:g}",
        "processor_versions": ", ".join(f"{p} ({n})" for p, n in sorted(processors.items())),
        "granules": "\n".join(sorted(str(granule) for granule in sums.granules)),
        "pixels_read": sums.pixels,
        "pixels_used": sums.used,
        "footprints_refused": sums.refused,
        "resolution": config.resolution,
        "geospatial_lon_min": west,
        "geospatial_lon_max": east,
        "geospatial_lat_min": south,
        "geospatial_lat_max": north,
    }
