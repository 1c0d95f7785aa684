"""Tiles into one cloud-optimised GeoTIFF whose bands say what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from rasterio.shutil import copy
from rasterio.windows import Window

from mmaq.base.files import remove_left_over, replacing
from mmaq.map.bands import Band
from mmaq.map.grid import MapGrid, Square

BLOCK = 256
"""Pixels a side of the file's own tiles."""


def write_geotiff(
    path: Path,
    grid: MapGrid,
    bands: Sequence[Band],
    tiles: Iterable[tuple[Square, np.ndarray]],
    tags: Mapping[str, str],
) -> None:
    """Write a map, one tile in memory at a time.

    The file is first written tile by tile and then copied by GDAL's COG driver, which puts
    overviews before the cells: every cell of an overview is one of the map, since the band
    ``inputs`` holds numbers that have no mean.

    Args:
        path: the file to write.
        grid: its cells.
        bands: what they are.
        tiles: each with its values, float32 (bands, rows, columns).
        tags: what the file says of itself.
    """
    remove_left_over(path.parent.glob(f".{path.stem}.*.part*"))
    with replacing(path) as temporary:
        plain = temporary.with_name(f"{temporary.stem}.plain{temporary.suffix}")
        try:
            with rasterio.open(
                plain, "w", driver="GTiff", width=grid.columns, height=grid.rows,
                count=len(bands), dtype="float32", crs=f"EPSG:{grid.epsg}", nodata=np.nan,
                transform=grid.transform, tiled=True, blockxsize=BLOCK, blockysize=BLOCK,
                compress="deflate", predictor=3, bigtiff="if_safer",
            ) as file:  # fmt: skip
                file.descriptions = [band.name for band in bands]
                file.units = [band.unit for band in bands]
                for number, band in enumerate(bands, 1):
                    file.update_tags(number, about=band.about)
                file.update_tags(**tags)
                for tile, values in tiles:
                    window = Window(tile.column, tile.row, tile.columns, tile.rows)
                    file.write(values, window=window)
            copy(
                plain, temporary, driver="COG", blocksize=BLOCK, compress="deflate",
                predictor="yes", overview_resampling="nearest", bigtiff="if_safer",
            )  # fmt: skip
        finally:
            plain.unlink(missing_ok=True)
