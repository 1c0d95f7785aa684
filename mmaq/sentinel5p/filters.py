"""Which pixels of a granule are good enough: quality, cloud, sun and place in the swath."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmaq.config.data import Grid
from mmaq.errors import ProductError
from mmaq.sentinel5p.layouts import Fields
from mmaq.sentinel5p.stored import DAMAGED


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
