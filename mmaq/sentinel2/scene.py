"""One opened Sentinel-2 L2A product: its bands on one grid, and which pixels show the surface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product as pairs
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from mmaq.base.errors import ProductError
from mmaq.base.rasters import Pixels, alpha_bands, cause, open_raster, read_pixels
from mmaq.contracts.archive import Product
from mmaq.sentinel2.numbers import Numbers, numbers_of, several
from mmaq.sentinel2.offsets import TEN_METRES
from mmaq.sentinel2.resample import Axis, Taps, bilinear, grid_axes, nearest, on_raster, taps
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

LARGEST_OFFSET = 10_000
"""DN of a reflectance of 1: no processing baseline adds nearly as much."""

SAMPLE, ACROSS = 64, 4
"""Side in pixels, and number along each axis, of the pieces by which an offset is judged."""


@dataclass(frozen=True)
class Raster:
    """An open file, its axes, and which of its bands are read (``indexes``, from 1)."""

    path: Path
    data: rasterio.DatasetReader
    x: Axis
    y: Axis
    indexes: tuple[int, ...]

    def read(self, rows: Taps, columns: Taps) -> Pixels:
        """What the file says there, in its declared unit; ProductError when it is damaged."""
        return self._read(rows.first, columns.first, rows.count, columns.count)

    def pieces(self) -> Iterator[Pixels]:
        """Pieces of ``SAMPLE`` pixels spread evenly over the raster."""
        starts = [
            sorted({round(at) for at in np.linspace(0, max(axis.length - SAMPLE, 0), ACROSS)})
            for axis in (self.y, self.x)
        ]
        for row, column in pairs(*starts):
            yield self._read(row, column, SAMPLE, SAMPLE)

    def _read(self, row: int, column: int, height: int, width: int) -> Pixels:
        try:
            return read_pixels(self.data, self.indexes, row, column, height, width)
        except RasterioError as fault:
            raise ProductError(self.path, f"damaged ({cause(fault)})", REFETCH) from None


@dataclass(frozen=True)
class Bands(Raster):
    """Spectral bands: their positions in BANDS, and how they encode reflectance."""

    bands: tuple[int, ...]
    numbers: Numbers


class Scene:
    """A product opened for reading windows; use as a context manager.

    The target grid is that of the product's finest band (10 m in a full-resolution product):
    ``x`` and ``y`` are its axes, ``crs`` its coordinate system, ``pixel`` its pixel size in m.

    Raises:
        ProductError: a file is missing, damaged or not georeferenced, or lies elsewhere than the
            others; bands are missing or hold no digital numbers; there is neither a scene
            classification nor a cloud mask; the offset of DN is not recorded.
    """

    def __init__(self, product: Product) -> None:
        self.product = product
        self.offset = _offset(product)
        self._files = ExitStack()
        try:
            self._rasters = self._open_bands()
            self._mask_name, self._mask = self._open_mask()
            self._check_place()
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
        """Whether each pixel of the window is clear: (size, size) bool, first row north.

        What the classification does not cover, or declares no data, is not clear.
        """
        rows, columns = self._taps(self._mask, row, column, size)
        classes = self._mask.read(rows, columns)
        clear = is_clear(classes.values[0], self._mask_name) & classes.valid[0]
        return nearest(clear, rows, columns) & on_raster(rows, columns)

    def read_bands(self, row: int, column: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Reflectance x 10000 of a window, and where every band has data.

        Coarser bands are interpolated bilinearly with the pixels around the window. A pixel has no
        data where a file does not cover it, declares so, or holds DN 0 (see ``Numbers``). Elsewhere
        the value is DN + ``boa_offset``, or what the file's own scale and offset make of the DN,
        rounded and clipped to 0..65535. A pixel without data is 0 in that band.

        Returns:
            (12, size, size) uint16 in BANDS order, and (size, size) bool.
        """
        values = np.zeros((len(BANDS), size, size), np.uint16)
        valid = np.ones((size, size), bool)
        for raster in self._rasters:
            rows, columns = self._taps(raster, row, column, size)
            read, numbers = raster.read(rows, columns), raster.numbers
            known = numbers.known(read.values, read.valid)
            fine, held = bilinear(read.values, known, rows, columns)
            reflectance = np.clip(np.rint(fine * numbers.factor + numbers.added), 0, 65535)
            values[list(raster.bands)] = np.where(held, reflectance, 0)
            valid &= held.all(axis=0)
        return values, valid

    def sample(self) -> tuple[int, list[np.ndarray]]:
        """What is added to the DN of the 10 m bands, and a sample of these DN."""
        wanted = [BANDS.index(band) for band in TEN_METRES]
        found, added = [], {self.offset}
        for raster in self._rasters:
            ten = [at for at, band in enumerate(raster.bands) if band in wanted]
            if ten:
                numbers = raster.numbers
                added |= {int(told) for told in numbers.offset[ten].flat if told}
                for piece in raster.pieces():
                    known = numbers.known(piece.values, piece.valid)[ten]
                    found.append(numbers.numbers(piece.values)[ten][known])
        return min(added), found

    def _taps(self, raster: Raster, row: int, column: int, size: int) -> tuple[Taps, Taps]:
        return taps(self.y, row, size, raster.y), taps(self.x, column, size, raster.x)

    def _open_bands(self) -> list[Bands]:
        found: dict[int, tuple[Raster, int]] = {}
        for name, asset in sorted(self.product.assets.items()):
            names = asset.bands or ((name,) if name in BANDS else ())
            if not set(names) & set(BANDS):
                continue
            raster = self._open(asset.path)
            indexes = list(raster.data.indexes)
            if len(indexes) > len(names):
                alpha = alpha_bands(raster.data)
                indexes = [index for index in indexes if index not in alpha]
            if len(indexes) != len(names):
                told = f"the catalogue names {len(names)} ({', '.join(names)})"
                fault = f"{len(indexes)} bands where {told}"
                raise ProductError(asset.path, fault, REFETCH)
            for index, band in zip(indexes, names, strict=True):
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
        return [_with_bands(raster, found, self.offset) for raster in rasters.values()]

    def _open_mask(self) -> tuple[str, Raster]:
        name = mask_asset(self.product.assets)
        if name is None:
            fault = "the product has neither a scene classification (SCL) nor a cloud_mask"
            raise ProductError(self.product.id, fault, REFETCH)
        return name, self._open(self.product.assets[name].path)

    def _open(self, path: Path) -> Raster:
        data = self._files.enter_context(open_raster(path, REFETCH))
        axes = grid_axes(data.transform, data.width, data.height)
        if data.crs is None or not data.crs.is_projected or axes is None:
            fault = "not on a north-up grid of square pixels in a projected coordinate system"
            raise ProductError(path, fault, REFETCH)
        return Raster(path, data, *axes, (1,))

    def _check_place(self) -> None:
        """All files are of one place: one coordinate system, and ground that they share."""
        first = self._rasters[0]
        for raster in (*self._rasters, self._mask):
            if not _same_system(raster.data.crs, first.data.crs):
                fault = f"its coordinate system differs from that of {first.path.name}"
                raise ProductError(raster.path, fault, REFETCH)
            if not (raster.x.meets(first.x) and raster.y.meets(first.y)):
                fault = f"lies elsewhere than {first.path.name}, so it is of another scene"
                raise ProductError(raster.path, fault, REFETCH)


def _same_system(one: CRS, other: CRS) -> bool:
    """Files name one system in more than one way."""
    return one == other or (one.to_epsg() is not None and one.to_epsg() == other.to_epsg())


def _with_bands(raster: Raster, found: dict[int, tuple[Raster, int]], offset: int) -> Bands:
    own = sorted((band, index) for band, (file, index) in found.items() if file is raster)
    bands, indexes = zip(*own, strict=True)
    numbers = several([numbers_of(raster.data, index, offset, raster.path) for index in indexes])
    return Bands(raster.path, raster.data, raster.x, raster.y, indexes, bands, numbers)


def _offset(product: Product) -> int:
    offset = product.properties.get("boa_offset")
    if not isinstance(offset, int) or isinstance(offset, bool) or abs(offset) > LARGEST_OFFSET:
        fault = f"the catalogue says boa_offset {offset!r} where an integer DN is needed"
        raise ProductError(product.id, fault, "Catalogue the product again with `mmaq acquire`")
    return offset


def mask_asset(assets: Mapping[str, object]) -> str | None:
    """Name of the asset that says what is clear, or ``None`` when the product has none."""
    return next((name for name in CLEAR if name in assets), None)


def is_clear(classes: np.ndarray, asset: str) -> np.ndarray:
    """True where the class of ``asset`` ("SCL" or "cloud_mask") is a clear one."""
    return np.isin(classes, CLEAR[asset])
