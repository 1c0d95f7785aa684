"""The two kinds of image file of the published data set (Zenodo 5764262)."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import netCDF4
import numpy as np

from mmaq.errors import ProductError
from mmaq.patches.store import BANDS

SIDE = 120
"""Pixels of a published patch: 1.2 km at 10 m."""

FILE_BANDS = ("B04", "B03", "B02", "B08", "B05", "B06", "B07", "B8A", "B11", "B12", "B01", "B09")
"""Bands of a Sentinel-2 file, in file order (method facts, section 1)."""

VARIABLE = "tropospheric_NO2_column_number_density"
MOLECULES_CM2 = 6.02214076e19
"""Molecules/cm² in one mol/m²: Avogadro's number, exact since 2019, over 10^4 cm² in a m²."""

REFETCH = "Fetch the images again (Zenodo 5764262)"
_NAME = re.compile(r"S2[A-D]_MSIL2A_(\d{8}T\d{6})_N(\d{4})_")


def product_of(path: str) -> tuple[str, datetime, int]:
    """Product id, UTC time and DN offset of a Sentinel-2 file, from its product name.

    From processing baseline 04.00 on, DN carry an offset of +1000 that must be taken off again
    (BOA_ADD_OFFSET, Sentinel-2 Products Specification); before it they carry none. Baseline 99.99
    is somebody's own run of Sen2Cor, which tells no offset.
    """
    name = Path(path).stem
    match = _NAME.match(name)
    if match is None or match[2] == "9999":
        fault = "the name does not say product time and processing baseline"
        raise ProductError(path, fault, "Keep the product names of the sample table")
    time = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    return name, time, -1000 if int(match[2]) >= 400 else 0


def read_sentinel2(path: Path, offset: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The central ``side`` pixels of a file: (12, side, side) uint16 in BANDS order, and mask.

    Files hold H x W x 12 DN. One of 200 x 200 is first cut to rows and columns 40 to 160, as the
    released code does. DN 0 and values that are not finite are no data; elsewhere the value is
    DN + ``offset``, clipped to 0..65535. The data set brings no cloud mask, so the mask (side,
    side) uint8 says only where all bands have data.

    Raises:
        ProductError: the file is damaged, or not an array of one of these two shapes.
    """
    try:
        pixels = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as fault:
        raise ProductError(path, f"not a readable array ({fault})", REFETCH) from None
    if pixels.shape not in ((200, 200, 12), (SIDE, SIDE, 12)) or pixels.dtype.kind not in "iuf":
        shape = " x ".join(map(str, pixels.shape))
        fault_ = f"{pixels.dtype} array of {shape}, not DN of 200 x 200 x 12 or 120 x 120 x 12"
        raise ProductError(path, fault_, REFETCH)
    if pixels.shape[0] == 200:
        pixels = pixels[40:160, 40:160]
    dn = np.moveaxis(_centre(pixels, side), -1, 0)[[FILE_BANDS.index(band) for band in BANDS]]
    valid = np.isfinite(dn) & (dn != 0)
    reflectance = np.clip(np.rint(np.where(valid, dn, 0).astype(float) + offset), 0, 65535)
    return np.where(valid, reflectance, 0).astype(np.uint16), valid.all(axis=0).astype(np.uint8)


def read_sentinel5p(path: Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The central ``side`` pixels of a file: (side, side) float32 in mol/m², and uint8 mask.

    Files hold molecules/cm², interpolated to the pixels of the Sentinel-2 patch. The first row
    is turned north where the file's coordinate rises. Masked pixels are 0.

    Raises:
        ProductError: the file is damaged, lacks the variable, or is no 2-D field of that size.
    """
    try:
        with netCDF4.Dataset(path) as data:
            if VARIABLE not in data.variables:
                raise ProductError(path, f"no variable {VARIABLE}", REFETCH)
            column = data.variables[VARIABLE]
            units = getattr(column, "units", "molec/cm2")
            masked: np.ma.MaskedArray = np.ma.asarray(column[:], dtype=float)
            field: np.ndarray = masked.filled(np.nan).squeeze()
            rows = [name for name in column.dimensions if len(data.dimensions[name]) > 1][:1]
            places = [data.variables[name][:] for name in rows if name in data.variables]
    except (OSError, RuntimeError) as fault:
        raise ProductError(path, f"not a readable NetCDF ({fault})", REFETCH) from None
    if "molec" not in units:
        raise ProductError(path, f"{VARIABLE} in {units!r}, not molecules/cm2", REFETCH)
    if field.ndim != 2 or min(field.shape) < side:
        fault_ = f"{VARIABLE} of shape {field.shape} holds no {side} x {side} pixels"
        raise ProductError(path, fault_, f"Set patches.s5p_size to at most {SIDE}")
    if places and len(places[0]) > 1 and places[0][0] < places[0][-1]:
        field = field[::-1]
    field = _centre(field, side)
    valid = np.isfinite(field)
    return (np.where(valid, field, 0) / MOLECULES_CM2).astype(np.float32), valid.astype(np.uint8)


def _centre(values: np.ndarray, side: int) -> np.ndarray:
    """The central ``side`` rows and columns (the first two axes)."""
    row, column = (values.shape[0] - side) // 2, (values.shape[1] - side) // 2
    return values[row : row + side, column : column + side]
