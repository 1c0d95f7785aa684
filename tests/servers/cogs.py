"""Scenes of an archive as a mirror has them: one cloud-optimised GeoTIFF a band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.shutil import copy

from mmaq.acquire.manifest import RemoteProduct
from mmaq.acquire.services.download import RemoteFile
from mmaq.base.sparse import Frame, SparseRaster
from mmaq.contracts.archive import Product


def write_cog(path: Path, values: np.ndarray, transform, crs, block=128) -> Path:
    """A band (height, width) as a cloud-optimised GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = values.shape
    profile = {
        "driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": values.dtype,
        "crs": crs, "transform": transform, "nodata": 0, "sparse_ok": True, "tiled": True,
    }  # fmt: skip
    plain = path.with_suffix(".plain.tif")
    with rasterio.open(plain, "w", **profile) as data:
        data.write(values, 1)
    copy(plain, path, driver="COG", blocksize=block, compress="DEFLATE", overviews="AUTO",
         predictor="YES", sparse_ok="TRUE")  # fmt: skip
    plain.unlink()
    return path


def scene_to_cogs(product: Product, folder: Path, block=128) -> dict[str, Path]:
    """Files of a scene by band, ``SCL`` among them, below ``folder / product.id``.

    Files in which GDAL left blocks out (a simulated scene) stay sparse, and have no overviews.
    """
    written = {}
    for name, asset in product.assets.items():
        with rasterio.open(asset.path) as data:
            tall, wide = data.block_shapes[0]  # a window of each of 50,000 blocks takes seconds
            rows, columns = range(-(-data.height // tall)), range(-(-data.width // wide))
            there = [(i, j) for i in rows for j in columns if _is_there(data, (i, j))]
            filled = [data.block_window(1, *place) for place in there]
            sparse = len(there) < len(rows) * len(columns)
            for index, band in enumerate(asset.bands or (name,), start=1):
                path = folder / product.id / f"{band}.tif"
                if sparse:
                    _write_sparse(path, data, index, filled, block)
                else:
                    write_cog(path, data.read(index), data.transform, data.crs, block)
                written[band] = path
    return written


def _is_there(data, place) -> bool:
    row, column = place
    return data.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1) is not None


def _write_sparse(path, data, index, filled, block):
    place = data.transform
    frame = Frame(data.crs.to_epsg(), place.c, place.f, data.shape, place.a)
    raster = SparseRaster(
        frame, (data.descriptions[index - 1] or path.stem,), data.dtypes[0], block
    )
    for window in filled:
        raster.put(window.row_off, window.col_off, data.read([index], window=window))
    raster.write(path)


def remote_scene(product: Product, files: dict[str, Path], root: Path, url: str) -> RemoteProduct:
    """What a search finds of a scene whose files are served from ``root`` at ``url``."""
    return RemoteProduct(
        id=product.id, time=product.time, bbox=product.bbox, properties=dict(product.properties),
        files={
            name: RemoteFile(href=f"{url}/{path.relative_to(root)}", bytes=path.stat().st_size)
            for name, path in files.items()
        },
    )  # fmt: skip


COLOURS = {
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1",
    "B06": "rededge2", "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09",
    "B11": "swir16", "B12": "swir22", "SCL": "scl",
}  # fmt: skip


def stac_item(product: RemoteProduct, collection="sentinel-2-c1-l2a") -> dict:
    """The item of a scene in Earth Search's first collection of Collection 1."""
    west, south, east, north = product.bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    offset = product.properties["boa_offset"] / 10_000
    time = product.time.isoformat().replace("+00:00", "Z")
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": product.id, "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": list(product.bbox),
        "properties": {
            "datetime": time, "proj:epsg": product.properties["proj:epsg"],
            "s2:processing_baseline": product.properties.get("s2:processing_baseline", "05.00"),
            "eo:cloud_cover": product.properties.get("eo:cloud_cover", 10.0),
        },
        "links": [],
        "assets": {
            COLOURS[name]: {"href": file.href, "file:size": file.bytes,
                            "raster:bands": [{"scale": 0.0001, "offset": offset}]}
            for name, file in product.files.items()
        },
    }  # fmt: skip
