"""Reading a level-2 granule, official or HARP-1.0: which of its pixels are good enough to grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmaq.base.errors import ProductError
from mmaq.config.data import Grid
from mmaq.sentinel5p.containers import opening
from mmaq.sentinel5p.granule import Footprints, describe_granule
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.layouts import Fields, find_fields, seconds_of
from mmaq.sentinel5p.stored import DAMAGED, Stored

UNITS = {"mol/m^2": "mol m-2", "mol/m2": "mol m-2", "mol m^-2": "mol m-2"}
"""HARP's spelling of a unit, and CF's."""

LARGEST_PIXEL = 1.0
"""Degrees of latitude from a pixel's centre to its corners; no pixel of TROPOMI has 0.2."""

ROUNDING = 1e-3
"""Degrees by which a corner at a pole may lie beyond 90, as float32 and packed numbers have it."""


def read_granule(path: Path, config: Grid, checksum: str = "") -> Footprints:
    """The pixels of ``config.variable`` that pass the filters and may touch ``config.bbox``.

    Only needed variables are read, and of them only the scanlines at the latitudes of the box. A
    pixel is left out when its value, its quality or what a filter asks for is missing; a missing or
    impossible corner is NaN, and the kernel refuses and counts it. A granule in which no pixel
    passes (cloud, night, elsewhere) is a valid one and gives n = 0.

    Raises:
        ProductError: the file is no NetCDF, is truncated or damaged, is neither an official
            product nor a HARP-1.0 file, has another gas, lacks a variable, holds nothing but fill
            values, or mostly impossible places or ones in another unit than degrees.
    """
    with opening(path) as container:
        fields = find_fields(container, path, config.variable)
        _check_shapes(fields, path)
        _check_units(fields, path)
        rows = _rows_in_box(fields, RegularGrid.from_config(config), path)
        keep = passing(fields, rows, config, path)
        value = fields.value.values(rows, keep)
        _refuse_all_missing(value, fields.value, path)
        keep[keep] = np.isfinite(value)
        latitude = _places(fields.latitude.values(rows, keep), fields.latitude, 90.0, path)
        longitude = _places(fields.longitude.values(rows, keep), fields.longitude, 360.0, path)
        sigma = np.full(len(latitude), np.nan)
        if fields.precision is not None:
            sigma = fields.precision.values(rows, keep)
        time = seconds_of(fields.time, rows, keep.shape)
        units = fields.value.text("units")
        standard_name = fields.value.text("standard_name")
    return Footprints(
        granule=describe_granule(fields.name, checksum),
        units=UNITS.get(units, units),
        standard_name=standard_name,
        pixels=int(np.prod(fields.value.shape)),
        longitude=longitude,
        latitude=latitude,
        value=value[np.isfinite(value)].astype(np.float64),
        sigma=sigma.astype(np.float64),
        time=time[keep],
    )


def _rows_in_box(fields: Fields, grid: RegularGrid, path: Path) -> slice:
    """The first to the last row with a pixel near the grid's latitudes."""
    everything = slice(0, fields.value.number_of_rows)
    if fields.centre is None:
        return everything
    centre = _places(fields.centre.values(everything), fields.centre, 90.0, path)
    centre = centre.reshape(fields.value.number_of_rows, -1)
    near = (centre > grid.south - LARGEST_PIXEL) & (centre < grid.north + LARGEST_PIXEL)
    found = np.flatnonzero(near.any(axis=1))
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _places(values: np.ndarray, where: Stored, largest: float, path: Path) -> np.ndarray:
    """Degrees from -``largest`` to ``largest``; NaN where they are impossible or missing."""
    _refuse_all_missing(values, where, path)
    beyond = np.abs(values) > largest
    if not beyond.any():
        return values
    impossible = np.abs(values) > largest + ROUNDING
    if 2 * impossible.sum() > np.isfinite(values).sum():
        fault = f"{where.name} holds mostly impossible values"
        raise ProductError(path, fault, "Give places in degrees, or get the file again")
    return np.where(impossible, np.nan, np.clip(values, -largest, largest))


def _refuse_all_missing(values: np.ndarray, where: Stored, path: Path) -> None:
    if values.size and not np.isfinite(values).any():
        raise ProductError(path, f"{where.name} holds nothing but fill values", DAMAGED)


def _check_shapes(fields: Fields, path: Path) -> None:
    shape = fields.value.shape
    like_value = (fields.quality, fields.precision, fields.centre, *fields.filters.values())
    expected = [(each, shape) for each in (fields.value, *like_value, fields.row) if each]
    expected += [(each, (*shape, 4)) for each in (fields.longitude, fields.latitude)]
    for stored, wanted in expected:
        if stored.dtype.kind not in "iuf":
            raise ProductError(path, f"{stored.name} does not hold numbers", DAMAGED)
        if stored.shape != wanted:
            fault = f"{stored.name} has shape {stored.shape}, expected {wanted}"
            raise ProductError(path, fault, "Choose a variable with one value a pixel")
    if len(shape) != 1 + 2 * fields.value.axis:
        fault = f"{fields.value.name} has shape {shape}"
        raise ProductError(path, fault, "Choose a variable with one value a pixel")
    if not np.prod(shape):
        raise ProductError(path, f"{fields.value.name} holds no pixel", DAMAGED)


def _check_units(fields: Fields, path: Path) -> None:
    """Refuse corners that are not in degrees, and a precision in another unit than its column."""
    for stored in (fields.longitude, fields.latitude):
        units = stored.text("units")
        if units and not units.startswith("deg"):
            raise ProductError(path, f"{stored.name} is in {units!r}", "Give corners in degrees")
    if fields.precision is not None:
        units, other = fields.value.text("units"), fields.precision.text("units")
        if units and other and units != other:
            fault = f"{fields.precision.name} is in {other!r} and its column in {units!r}"
            raise ProductError(path, fault, "Give the precision in the column's unit, or drop it")


def passing(fields: Fields, rows: slice, config: Grid, path: Path) -> np.ndarray:
    """(scanlines, pixels) bool; (pixels,) for a HARP file. A missing value passes no filter.

    Raises:
        ProductError: the quality is impossible, or the file lacks what a filter asks for.
    """
    shape = (rows.stop - rows.start, *fields.value.shape[fields.value.axis + 1 :])
    keep = _quality(fields, rows, path).reshape(shape) > config.qa
    for name, limit in (
        ("cloud_fraction", config.cloud_fraction),
        ("solar_zenith", config.solar_zenith),
    ):
        if limit is not None:
            if name not in fields.filters:
                raise ProductError(path, f"no variable for the filter grid.{name}", "Drop it")
            keep &= fields.filters[name].values(rows).reshape(shape) <= limit
    if config.rows is not None:
        first, last = config.rows
        row = _detector_row(fields, rows, shape, path)
        keep &= (row >= first) & (row <= last)
    return keep


def _quality(fields: Fields, rows: slice, path: Path) -> np.ndarray:
    """Quality from 0 to 1; below 0 where HARP passes on the product's fill value.

    Source: product user manuals; qa_value is stored in hundredths in all products.
    """
    stored = fields.quality
    if stored.number("scale_factor", 1.0) not in (1.0, float(np.float32(0.01)), 0.01):
        raise ProductError(path, f"{stored.name} has an impossible scale", DAMAGED)
    quality = np.round(stored.values(rows) / fields.best_quality, 4)
    if quality.size and not np.isfinite(quality).any():
        raise ProductError(path, f"{stored.name} holds nothing but fill values", DAMAGED)
    if quality.size and not np.nanmax(quality) <= 1:
        raise ProductError(path, f"{stored.name} holds impossible values", DAMAGED)
    return quality


def _detector_row(fields: Fields, rows: slice, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Number of the ground pixel across the track: the edges' pixels are four times as wide."""
    if fields.row is not None:
        return fields.row.values(rows).reshape(shape)
    if fields.value.axis == 0:
        fault = "no variable scan_subindex for the filter grid.rows"
        raise ProductError(path, fault, "Keep it in HARP's export, or drop the filter")
    return np.arange(shape[1])


def describe_filters(config: Grid) -> str:
    """The filters in words, for the attributes of a result."""
    said = [f"qa_value > {config.qa:g}"]
    if config.cloud_fraction is not None:
        said.append(f"cloud fraction <= {config.cloud_fraction:g}")
    if config.solar_zenith is not None:
        said.append(f"solar zenith angle <= {config.solar_zenith:g} degrees")
    if config.rows is not None:
        said.append("ground pixels {} to {}".format(*config.rows))
    return ", ".join(said)
