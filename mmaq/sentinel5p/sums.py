"""The sums of a part of the period on disk, so that parts are gridded apart and merged."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mmaq.config.data import Grid
from mmaq.errors import ProductError
from mmaq.files import replacing
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.granule import Granule
from mmaq.sentinel5p.grid import RegularGrid

SUMS = ("weight", "weighted", "variance", "count")
ABOUT = ("units", "standard_name", "used", "refused", "pixels")
REMEDY = "Make the part again with `mmaq grid`"


def write_sums(path: Path, sums: Accumulator, config: Grid) -> None:
    """Write the sums and what they were made with; equal sums give equal bytes."""
    arrays = {name: (("row", "column"), getattr(sums, name)) for name in SUMS}
    attributes = {name: getattr(sums, name) for name in ABOUT}
    attributes["grid"] = _fingerprint(config)
    attributes["granules"] = json.dumps([asdict(granule) for granule in sums.granules])
    packed = {name: {"zlib": True, "complevel": 4, "_FillValue": None} for name in SUMS}
    with replacing(path) as temporary:
        xr.Dataset(arrays, attrs=attributes).to_netcdf(temporary, engine="netcdf4", encoding=packed)


def read_sums(path: Path, config: Grid) -> Accumulator:
    """Read a part.

    Raises:
        ProductError: the part is missing, damaged, or made with other settings than ``config``.
    """
    try:
        with xr.open_dataset(path, engine="netcdf4", mask_and_scale=False) as dataset:
            about: dict[str, Any] = dict(dataset.attrs)
            arrays: dict[str, Any] = {name: dataset[name].to_numpy().copy() for name in SUMS}
            granules = [Granule(**each) for each in json.loads(about["granules"])]
            described: dict[str, Any] = {name: about[name] for name in ABOUT}
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as fault:
        raise ProductError(path, f"not a readable part of a grid ({fault!r})", REMEDY) from None
    grid = RegularGrid.from_config(config)
    shapes = {array.shape for array in arrays.values()}
    if about.get("grid") != _fingerprint(config) or shapes != {grid.shape}:
        raise ProductError(path, "the part was made with another grid section", REMEDY)
    for name in ("used", "refused", "pixels"):
        described[name] = int(np.asarray(described[name]))
    return Accumulator(grid, granules=granules, **arrays, **described)


def _fingerprint(config: Grid) -> str:
    """The settings that sums depend on; the length of the parts is none of them."""
    return config.model_dump_json(exclude={"part"})
