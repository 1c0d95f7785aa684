"""Read a level-2 granule: official Sentinel-5P products and HARP-1.0 files."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np

from mmaq.errors import ProductError
from mmaq.sentinel5p.granule import Footprints, describe_granule
from mmaq.sentinel5p.layouts import Fields, find_fields
from mmaq.sentinel5p.netcdf import DAMAGED, opening, read_values, text

UNITS = {"mol/m^2": "mol m-2", "mol/m2": "mol m-2", "mol m^-2": "mol m-2"}
"""HARP's spelling of a unit, and CF's."""


def read_granule(path: Path, variable: str, qa: float) -> Footprints:
    """The pixels of ``variable`` with ``qa_value`` above ``qa``; only needed variables are read.

    A pixel is left out when its value, its quality or one of its corners is missing. A granule in
    which no pixel passes ``qa`` (cloud, night) is a valid one and gives n = 0.

    Raises:
        ProductError: the file is no NetCDF or is truncated, is neither an official product nor a
            HARP-1.0 file, has another gas, lacks a variable, or holds nothing but fill values.
    """
    with opening(path) as dataset:
        fields = find_fields(dataset, path, variable)
        _check_shapes(fields, path)
        value = _read(fields.value, path).ravel()
        quality = np.round(_read(fields.quality, path).ravel() / fields.best_quality, 4)
        longitude = _read(fields.longitude, path).reshape(-1, 4)
        latitude = _read(fields.latitude, path).reshape(-1, 4)
        sigma = np.full(value.shape, np.nan)
        if fields.precision is not None:
            sigma = read_values(fields.precision).ravel()
        units = text(fields.value, "units")
        standard_name = text(fields.value, "standard_name")
    keep = (quality > qa) & (quality <= 1) & np.isfinite(value)
    keep &= np.isfinite(longitude).all(axis=1) & np.isfinite(latitude).all(axis=1)
    return Footprints(
        granule=describe_granule(fields.name),
        units=UNITS.get(units, units),
        standard_name=standard_name,
        pixels=len(value),
        longitude=longitude[keep],
        latitude=latitude[keep],
        value=value[keep],
        sigma=sigma[keep],
    )


def _read(variable: netCDF4.Variable, path: Path) -> np.ndarray:
    values = read_values(variable)
    if not np.isfinite(values).any():
        raise ProductError(path, f"{variable.name} holds nothing but fill values", DAMAGED)
    return values


def _check_shapes(fields: Fields, path: Path) -> None:
    shape = fields.value.shape
    expected = [(fields.value, shape), (fields.quality, shape)]
    expected += [(fields.longitude, (*shape, 4)), (fields.latitude, (*shape, 4))]
    if fields.precision is not None:
        expected.append((fields.precision, shape))
    for variable, wanted in expected:
        if getattr(variable.dtype, "kind", "?") not in "iuf":
            raise ProductError(path, f"{variable.name} does not hold numbers", DAMAGED)
        if variable.shape != wanted:
            fault = f"{variable.name} has shape {variable.shape}, expected {wanted}"
            raise ProductError(path, fault, "Choose a variable with one value a pixel")
    if fields.value.size == 0:
        raise ProductError(path, f"{fields.value.name} holds no pixel", DAMAGED)
