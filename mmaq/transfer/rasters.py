"""Images of the published layout, and masks from outlines: all that needs rasterio."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.features import rasterize
from rasterio.warp import transform as to_crs

from mmaq.errors import ProductError
from mmaq.transfer.labels import Outlines

FILE_BANDS = 13
READ = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13)
"""Bands of a file (from 1) that are B01..B12 without B10, the eleventh."""
SIDE = 120
"""Pixels a side of the store: 1.2 km at 10 m."""
SIDES = (120, 300)
SLACK = 2
"""By how many pixels a side may differ from the nominal one: cuts were made in degrees."""
REFETCH = "Fetch the images again (Zenodo 5874537)"


def read_image(path: Path) -> tuple[np.ndarray, int, tuple[float, float]]:
    """Bands (12, 120, 120) uint16, the file's nominal side, and the longitude and latitude.

    The centre is cut from a larger image. A side that is off by one or two pixels is cut, or its
    last pixels repeated, as the released code does. Without georeference the place is NaN.

    Raises:
        ProductError: the file is damaged, or has other bands or sides.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                if file.count != FILE_BANDS:
                    fault = f"{file.count} bands, not {FILE_BANDS}"
                    raise ProductError(path, fault, "Give B01 to B12 with B8A and B10")
                side = _nominal(path, file.shape)
                place = _place(file)
                values = file.read(READ)
    except RasterioError as fault:
        raise ProductError(path, f"not a readable GeoTIFF ({fault})", REFETCH) from None
    if not np.isfinite(values).all():
        raise ProductError(path, "it holds values that are not finite", REFETCH)
    values = np.clip(np.rint(values), 0, 65535).astype(np.uint16)
    return cut_centre(_square(values, side)), side, place


def make_mask(outlines: Outlines, side: int) -> np.ndarray:
    """Mask (120, 120) uint8 of outlines in percent of an image of ``side`` pixels.

    A pixel is in the plume where its centre is (the released code takes every pixel that an
    outline touches, which widens each plume by a pixel).
    """
    shapes = [
        {"type": "Polygon", "coordinates": [[*points, points[0]]]}
        for points in ((ring * side / 100).tolist() for ring in outlines)
    ]
    if not shapes:
        return np.zeros((SIDE, SIDE), np.uint8)
    return cut_centre(rasterize(shapes, out_shape=(side, side), dtype=np.uint8))


def cut_centre(values: np.ndarray) -> np.ndarray:
    """The central 120 x 120 of (..., side, side)."""
    first = (values.shape[-1] - SIDE) // 2
    return values[..., first : first + SIDE, first : first + SIDE]


def _nominal(path: Path, shape: tuple[int, int]) -> int:
    for side in SIDES:
        if max(abs(length - side) for length in shape) <= SLACK:
            return side
    fault = f"{shape[0]} x {shape[1]} pixels, not 120 x 120 or 300 x 300"
    raise ProductError(path, fault, REFETCH)


def _square(values: np.ndarray, side: int) -> np.ndarray:
    missing = [(0, max(0, side - length)) for length in values.shape[1:]]
    return np.pad(values, [(0, 0), *missing], mode="edge")[:, :side, :side]


def _place(file: rasterio.DatasetReader) -> tuple[float, float]:
    if file.crs is None:
        return float("nan"), float("nan")
    x, y = file.transform @ (file.width / 2, file.height / 2)
    (lon,), (lat,) = to_crs(file.crs, "EPSG:4326", [x], [y])
    return lon, lat
