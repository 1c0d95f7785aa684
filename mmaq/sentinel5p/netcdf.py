"""NetCDF as the granules use it: opened whole or refused, values with NaN for fill."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import netCDF4
import numpy as np
from scipy.io import netcdf_file

from mmaq.errors import ProductError

DAMAGED = "Get the file again; it may be truncated"
LIKELY_FILL = 1e30
"""Above any physical value; the default fill value of floating-point NetCDF is 9.97e36."""


@contextmanager
def opening(path: Path) -> Iterator[netCDF4.Dataset]:
    """Open a NetCDF file for reading; values come as stored, without masks and scaling.

    Raises:
        ProductError: the file is absent, truncated or no NetCDF, here or while it is read.
    """
    if not path.is_file():
        raise ProductError(path, "the file does not exist", "Give an existing granule")
    try:
        _refuse_short_classic(path)
        with netCDF4.Dataset(path) as dataset:
            dataset.set_auto_maskandscale(False)
            yield dataset
    except (OSError, RuntimeError, UnicodeDecodeError) as fault:
        raise ProductError(path, f"not a readable NetCDF file ({fault})", DAMAGED) from None


def read_values(variable: netCDF4.Variable) -> np.ndarray:
    """A variable as float64, scaled, NaN where it is fill or not finite."""
    stored = np.asarray(variable[:])
    values = stored.astype(np.float64)
    missing = ~(np.abs(values) < LIKELY_FILL)
    if "_FillValue" in variable.ncattrs():
        missing |= stored == variable.getncattr("_FillValue")
    values *= _number(variable, "scale_factor", 1.0)
    values += _number(variable, "add_offset", 0.0)
    values[missing] = np.nan
    return values


def text(owner: netCDF4.Dataset | netCDF4.Variable, attribute: str) -> str:
    """A text attribute, or "" where it is absent."""
    return str(owner.getncattr(attribute)) if attribute in owner.ncattrs() else ""


def _number(variable: netCDF4.Variable, attribute: str, default: float) -> float:
    return float(variable.getncattr(attribute)) if attribute in variable.ncattrs() else default


def _refuse_short_classic(path: Path) -> None:
    """Refuse a truncated classic file, for which the NetCDF library would return zeros.

    SciPy's reader maps each variable at its place in the file, which fails when the place is not
    there, and reads no data.
    """
    with open(path, "rb") as stream:
        if stream.read(3) != b"CDF":
            return
    damage = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns about the maps of a file it gives up on
        try:
            netcdf_file(path, mmap=True).close()
        except Exception as fault:  # SciPy raises many types for a damaged header
            damage = str(fault)
    if damage:
        raise OSError(f"damaged header or missing end: {damage}")
