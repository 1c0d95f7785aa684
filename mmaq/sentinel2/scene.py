"""One opened Sentinel-2 L2A product: its bands on one grid, and which pixels show the surface."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from mmaq.base.errors import ProductError
from mmaq.contracts.archive import Product
from mmaq.sentinel2.resample import Axis, Taps, bilinear, nearest, taps
from mmaq.vocabulary import BANDS

CLEAR = {"SCL": (2, 4, 5, 6, 7), "cloud_mask": (0,)}
"""Clear classes of each asset that a product may bring; the first that it has is used.

``SCL`` is the scene classification of Sen2Cor (Sentinel-2 Products Specification, table of scene
classes): 4 vegetation, 5 not vegetated, 6 water count as clear, and so do 2 (dark area: asphalt,
dark roofs and slopes in shade, seen through clear air) and 7 (unclassified, which is mostly
surface of unusual colour). Not clear are 0 no data, 1 saturated or defective, 3 cloud shadow,
8 and 9 cloud, 10 thin cirrus, and 11 snow, which hides the ground that a patch is meant to show.

``cloud_mask`` is the four-class mask of SEnSeIv2 that Major TOM ships: 0 clear, 1 thick cloud,
2 thin cloud, 3 cloud shadow, 255 no data.
"""

REFETCH = "Fetch the product again, then run `mmaq acquire`"


@dataclass(frozen=True)
class Raster:
    """An open file, its axes, and which store band (position in BANDS) each of its bands is."""

    path: Path
    data: rasterio.DatasetReader
    x: Axis
    y: Axis
    bands: tuple[int, ...] = ()
    indexes: tuple[int, ...] = (1,)

    def read(self, rows: Taps, columns: Taps) -> np.ndarray:
        """Raw values (bands, rows.count, columns.count); ProductError when the file is damaged."""
        window = Window(columns.first, rows.first, columns.count, rows.count)
        try:
            return self.data.read(list(self.indexes), window=window)
        except RasterioIOError as fault:
            raise ProductError(self.path, f"damaged ({_cause(fault)})", REFETCH) from None


class Scene:
    """A product opened for reading windows; use as a context manager.

    The target grid is that of the product's finest band (10 m in a full-resolution product):
    ``x`` and ``y`` are its axes, ``crs`` its coordinate system, ``pixel`` its pixel size in m.

    Raises:
        ProductError: a file is missing, damaged or not georeferenced, bands are missing, there is
            neither a scene classification nor a cloud mask, or the offset of DN is not recorded.
    """

    def __init__(self, product: Product) -> None:
        self.product = product
        self.offset = _offset(product)
        self._files = ExitStack()
        try:
            self._rasters = self._open_bands()
            self._mask_name, self._mask = self._open_mask()
            self._check_crs()
        except BaseException:
            self._files.close()
            raise
        finest = min(self._rasters, key=lambda raster: raster.x.pixel)
        self.crs, self.x, self.y, self.pixel = finest.data.crs, finest.x, finest.y, finest.x.pixel

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def read_clear(self, row: int, column: int, size: int) -> np.ndarray:
        """Whether each pixel of the window is clear: (size, size) bool, first row north."""
        rows, columns = self._taps(self._mask, row, column, size)
        classes = self._mask.read(rows, columns)[0]
        return is_clear(nearest(classes, rows, columns), self._mask_name)

    def read_bands(self, row: int, column: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Reflectance x 10000 of a window, and where every band has data.

        Coarser bands are interpolated bilinearly with the pixels around the window. DN 0 is no
        data (Sentinel-2 Products Specification); elsewhere the value is DN + ``boa_offset``,
        rounded and clipped to 0..65535. A pixel without data is 0 in that band.

        Returns:
            (12, size, size) uint16 in BANDS order, and (size, size) bool.
        """
        values = np.zeros((len(BANDS), size, size), np.uint16)
        valid = np.ones((size, size), bool)
        for raster in self._rasters:
            rows, columns = self._taps(raster, row, column, size)
            dn = raster.read(rows, columns)
            fine, held = bilinear(dn, dn != 0, rows, columns)
            reflectance = np.clip(np.rint(fine + self.offset), 0, 65535)
            values[list(raster.bands)] = np.where(held, reflectance, 0)
            valid &= held.all(axis=0)
        return values, valid

    def _taps(self, raster: Raster, row: int, column: int, size: int) -> tuple[Taps, Taps]:
        return taps(self.y, row, size, raster.y), taps(self.x, column, size, raster.x)

    def _open_bands(self) -> list[Raster]:
        found: dict[int, tuple[Raster, int]] = {}
        for name, asset in sorted(self.product.assets.items()):
            names = asset.bands or ((name,) if name in BANDS else ())
            if not set(names) & set(BANDS):
                continue
            raster = self._open(asset.path)
            _check_bands(raster, names)
            for index, band in enumerate(names, start=1):
                if band not in BANDS:
                    continue
                known = found.get(BANDS.index(band))
                if known is None or raster.x.pixel < known[0].x.pixel:
                    found[BANDS.index(band)] = raster, index
        missing = [band for position, band in enumerate(BANDS) if position not in found]
        if missing:
            fault = f"the product lacks {', '.join(missing)} of the 12 Level-2A bands"
            raise ProductError(self.product.id, fault, REFETCH)
        rasters = {raster.path: raster for raster, _ in found.values()}
        return [_with_bands(raster, found) for raster in rasters.values()]

    def _open_mask(self) -> tuple[str, Raster]:
        name = mask_asset(self.product.assets)
        if name is None:
            fault = "the product has neither a scene classification (SCL) nor a cloud_mask"
            raise ProductError(self.product.id, fault, REFETCH)
        return name, self._open(self.product.assets[name].path)

    def _open(self, path: Path) -> Raster:
        if not path.exists():
            raise ProductError(path, "the file does not exist", REFETCH)
        try:
            data = self._files.enter_context(rasterio.open(path))
        except RasterioIOError as fault:
            raise ProductError(path, f"not a readable raster ({_cause(fault)})", REFETCH) from None
        place = data.transform
        straight = place.b == 0 and place.d == 0 and place.a > 0 and place.e == -place.a
        if data.crs is None or not data.crs.is_projected or not straight:
            fault_ = "not on a north-up grid of square pixels in a projected coordinate system"
            raise ProductError(path, fault_, REFETCH)
        # Rows run south, so the row axis measures -y.
        x, y = Axis(place.c, place.a, data.width), Axis(-place.f, place.a, data.height)
        return Raster(path, data, x, y)

    def _check_crs(self) -> None:
        first = self._rasters[0]
        for raster in (*self._rasters, self._mask):
            if raster.data.crs != first.data.crs:
                fault = f"its coordinate system differs from that of {first.path.name}"
                raise ProductError(raster.path, fault, REFETCH)


def _with_bands(raster: Raster, found: dict[int, tuple[Raster, int]]) -> Raster:
    own = sorted((band, index) for band, (file, index) in found.items() if file is raster)
    bands, indexes = zip(*own, strict=True)
    return Raster(raster.path, raster.data, raster.x, raster.y, bands, indexes)


def _check_bands(raster: Raster, names: tuple[str, ...]) -> None:
    data = raster.data
    if data.count != len(names):
        fault = f"{data.count} bands where the catalogue names {len(names)} ({', '.join(names)})"
        raise ProductError(raster.path, fault, REFETCH)
    for dtype in data.dtypes:
        if not np.issubdtype(dtype, np.integer):
            raise ProductError(raster.path, f"{dtype} where digital numbers are integers", REFETCH)


def _offset(product: Product) -> int:
    offset = product.properties.get("boa_offset")
    if not isinstance(offset, int):
        fault = f"the catalogue says boa_offset {offset!r} where an integer DN is needed"
        raise ProductError(product.id, fault, "Catalogue the product again with `mmaq acquire`")
    return offset


def _cause(fault: BaseException) -> str:
    """What GDAL said: rasterio keeps it in the chain behind its own general message."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault)


def mask_asset(assets: Mapping[str, object]) -> str | None:
    """Name of the asset that says what is clear, or ``None`` when the product has none."""
    return next((name for name in CLEAR if name in assets), None)


def is_clear(classes: np.ndarray, asset: str) -> np.ndarray:
    """True where the class of ``asset`` ("SCL" or "cloud_mask") is a clear one."""
    return np.isin(classes, CLEAR[asset])
