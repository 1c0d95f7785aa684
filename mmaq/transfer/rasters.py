"""Images of the published layout, masks from outlines, and whether the two lie on each other."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.features import rasterize
from rasterio.warp import transform as to_crs
from scipy import ndimage

from mmaq.base.errors import ProductError, StoreError
from mmaq.base.rasters import declared_scale, read_pixels
from mmaq.base.reflectance import REMEDY as IN_DN
from mmaq.base.reflectance import other_unit, possible
from mmaq.sentinel2.numbers import factor_of
from mmaq.transfer.labels import Outlines
from mmaq.vocabulary import BANDS

FLIPS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda mask: mask,
    lambda mask: mask[::-1],
    lambda mask: mask[:, ::-1],
    lambda mask: mask[::-1, ::-1],
)
"""The mask as it is, then the orientations that an image alone may have been brought into."""

BLUE = BANDS.index("B02")
RING = 4
"""Pixels about a mask that its inside is compared with."""

FEWEST = 8
"""Masks below which nothing can be said."""

LEAST = 0.6
"""Share of the masks that must fit best as they are."""

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

    Values are reflectance x 10000 by the file's own tags; what it declares no data, and what is no
    possible DN, is 0. The centre is cut from a larger image. A side that is off by one or two
    pixels is cut, or its last pixels repeated, as the released code does. Without georeference the
    place is NaN.

    Raises:
        ProductError: the file is damaged, has other bands or sides, holds what is no number, or is
            not in DN.
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
                pixels = read_pixels(file, READ, 0, 0, *file.shape)
                factor = factor_of(declared_scale(file, READ[0])[0], path)
                picture = file.dtypes[0] == "uint8"
                declares = MaskFlags.all_valid not in file.mask_flag_enums[0]
    except RasterioError as fault:
        raise ProductError(path, f"not a readable GeoTIFF ({fault})", REFETCH) from None
    if not declares and not pixels.valid.all():
        raise ProductError(path, "it holds values that are not finite", REFETCH)
    scaled = np.where(pixels.valid, pixels.values, 0.0) * factor
    if unit := other_unit(scaled.astype(np.uint8) if picture else scaled):
        raise ProductError(path, unit, IN_DN)
    values = np.clip(np.rint(np.where(possible(scaled), scaled, 0.0)), 0, 65535).astype(np.uint16)
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
    on_earth = abs(lon) <= 180.0 and abs(lat) <= 90.0
    return (lon, lat) if on_earth else (float("nan"), float("nan"))


def check_masks(
    images: np.ndarray, masks: np.ndarray, where: str | os.PathLike[str]
) -> float | None:
    """The share of masks that fit their image better than any flip of theirs does.

    A plume is brighter in the blue than what surrounds it. A symmetric or faint plume may fit as
    well when flipped, so a share is asked for and not every mask.

    Args:
        images: (n, 12, side, side).
        masks: (n, side, side), 1 in the plume; empty ones say nothing.
        where: the data set, for the error.

    Returns:
        The share, or None where fewer than ``FEWEST`` masks can tell.

    Raises:
        StoreError: fewer than ``LEAST`` of the masks fit best as they are.
    """
    fits = []
    for image, mask in zip(images, masks, strict=True):
        if not 0 < mask.mean() < 0.5:
            continue
        blue = np.asarray(image[BLUE], float)
        contrast = [_contrast(blue, flip(mask).astype(bool)) for flip in FLIPS]
        fits.append(contrast[0] > max(contrast[1:]))
    if len(fits) < FEWEST:
        return None
    share = float(np.mean(fits))
    if share < LEAST:
        fault = f"only {share:.0%} of {len(fits)} masks fit their image better than when flipped"
        raise StoreError(where, fault, "Flip and rotate images and masks together")
    return share


def _contrast(values: np.ndarray, mask: np.ndarray) -> float:
    """Difference of the means inside of a mask and in a ring about it."""
    ring = ndimage.binary_dilation(mask, iterations=RING) & ~mask
    return float(values[mask].mean() - values[ring].mean()) if ring.any() else 0.0
