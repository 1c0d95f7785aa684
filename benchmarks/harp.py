"""HARP's command for a mean of granules, in its fast form: ``keep`` before ``bin_spatial``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmaq.config.data import Grid

NAMES = {"nitrogendioxide_tropospheric_column": "tropospheric_NO2_column_number_density"}
"""HARP's names of official variables; in HARP's own files they bear them already."""
VALIDITY = "tropospheric_NO2_column_number_density_validity"


def column_name(config: Grid) -> str:
    """HARP's name of the gridded variable."""
    return NAMES.get(config.variable, config.variable)


def harp_command(paths: Sequence[Path], config: Grid, out: Path) -> list[str]:
    """``harpmerge`` of NO2 granules onto the grid of ``config``, by the same quality."""
    west, south, east, north = config.bbox
    sides = (north - south, (east - west) % 360)
    rows, columns = (round(side / config.resolution) + 1 for side in sides)
    kept = f"latitude_bounds,longitude_bounds,datetime_start,datetime_length,{column_name(config)}"
    each = (
        f"{VALIDITY}>{config.qa * 100:g};keep({kept});"
        f"bin_spatial({rows},{south},{config.resolution},{columns},{west},{config.resolution});"
        "derive(latitude {latitude});derive(longitude {longitude})"
    )
    bounds = "latitude,longitude,latitude_bounds,longitude_bounds"
    merged = f"bin();squash(time,({bounds}))"
    return ["harpmerge", "-ap", merged, "-a", each, *map(str, paths), str(out)]
