"""Full-size GeoTIFFs of which only a few blocks hold anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.base.files import replacing


@dataclass(frozen=True)
class Frame:
    """The pixels of a north-up raster: EPSG code, outer edges in m, (rows, columns), pixel in m."""

    epsg: int
    west: float
    north: float
    shape: tuple[int, int]
    pixel: float


class SparseRaster:
    """A raster filled by windows and written block by block, each block once and in order.

    Blocks that no window touches take no room in the file and read as 0, which is no data. The
    same windows give the same bytes, in whatever order they are put.
    """

    def __init__(self, frame: Frame, bands: Sequence[str], dtype: str, block: int) -> None:
        self.frame, self.bands, self.dtype, self.block = frame, tuple(bands), dtype, block
        self._blocks: dict[tuple[int, int], np.ndarray] = {}

    def put(self, row: int, column: int, values: np.ndarray) -> None:
        """Set the window (bands, height, width) whose first pixel is at ``row``, ``column``."""
        _, height, width = values.shape
        size = self.block
        for i in range(row // size, (row + height - 1) // size + 1):
            for j in range(column // size, (column + width - 1) // size + 1):
                top, left = max(row, i * size), max(column, j * size)
                bottom, right = (
                    min(row + height, (i + 1) * size),
                    min(column + width, (j + 1) * size),
                )
                if (i, j) not in self._blocks:
                    self._blocks[i, j] = np.zeros((len(self.bands), size, size), self.dtype)
                part = values[:, top - row : bottom - row, left - column : right - column]
                inside = np.s_[
                    :, top - i * size : bottom - i * size, left - j * size : right - j * size
                ]
                self._blocks[i, j][inside] = part

    def write(self, path: Path) -> None:
        """Write the file: tiled, deflated, sparse; bands are described by their names."""
        frame = self.frame
        rows, columns = frame.shape
        with (
            replacing(path) as part,
            rasterio.open(
                part, "w", driver="GTiff", width=columns, height=rows,
                count=len(self.bands), dtype=self.dtype, crs=f"EPSG:{frame.epsg}", nodata=0,
                transform=from_origin(frame.west, frame.north, frame.pixel, frame.pixel),
                tiled=True, blockxsize=self.block, blockysize=self.block, compress="deflate",
                predictor=2, interleave="pixel", sparse_ok=True, zlevel=1,
            ) as file,
        ):  # fmt: skip
            file.descriptions = self.bands
            for (i, j), values in sorted(self._blocks.items()):
                top, left = i * self.block, j * self.block
                height, width = min(self.block, rows - top), min(self.block, columns - left)
                file.write(values[:, :height, :width], window=Window(left, top, width, height))
