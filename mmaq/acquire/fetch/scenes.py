"""The windows of one scene as a product of the archive: sparse rasters on the tile's full grid."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError

from mmaq.acquire.fetch.choose import Chosen
from mmaq.acquire.fetch.offsets import contradiction
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.windows import Read, read_pieces
from mmaq.acquire.manifest import RemoteProduct
from mmaq.archive import SENTINEL2, Asset, Product, write_item
from mmaq.errors import ProductError
from mmaq.files import sha256
from mmaq.services.part import naming_a_full_disk
from mmaq.sparse import SparseRaster

FILES = {
    "R10m": (("B02", "B03", "B04", "B08"), 128),
    "R20m": (("B05", "B06", "B07", "B8A", "B11", "B12"), 64),
    "R60m": (("B01", "B09"), 32),
    "SCL": (("SCL",), 64),
}
"""Asset: its bands in the file's order, and block side in pixels."""
NAMES = ("SCL", *(band for name in ("R10m", "R20m", "R60m") for band in FILES[name][0]))

log = logging.getLogger(__name__)


def read_band(remote: Remote, scene: RemoteProduct, chosen: Chosen, name: str) -> Read:
    """The windows of one band, or of the classification ``SCL``."""
    windows = [window for _, window in sorted(chosen.windows.items())]
    return remote.read(
        scene, name, lambda raster: read_pieces(scene.id, raster, chosen.grid, windows)
    )


def write_scene(
    archive: Path, scene: RemoteProduct, chosen: Chosen, bands: Mapping[str, Read]
) -> None:
    """Write a scene's rasters, then its item; the same windows give the same bytes.

    Raises:
        ProductError: bands of one resolution differ in their grid, or the offset is unknown.
    """
    _check_offset(scene, bands)
    folder = archive / SENTINEL2 / scene.id
    shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
    assets = {}
    for name, (members, block) in FILES.items():
        path = folder / f"{name}.tif"
        raster = _join(scene.id, {band: bands[band] for band in members}, block)
        try:
            with naming_a_full_disk(path):
                raster.write(path)
        except RasterioError as error:
            fault = f"cannot be written ({error})"
            raise ProductError(path, fault, "See whether the disk is full") from None
        assets[name] = Asset(path, members, sha256(path))
    properties = dict(scene.properties) | {"proj:epsg": chosen.grid.epsg}
    write_item(archive, Product(scene.id, SENTINEL2, scene.time, scene.bbox, assets, properties))


def _join(scene: str, bands: Mapping[str, Read], block: int) -> SparseRaster:
    reads = list(bands.values())
    frames = {read.frame for read in reads}
    if len(frames) > 1:
        fault = f"{', '.join(bands)} do not lie on one grid"
        raise ProductError(scene, fault, "Leave the scene out of the manifest, or search again")
    dtype = "uint8" if "SCL" in bands else "uint16"
    raster = SparseRaster(reads[0].frame, tuple(bands), dtype, block)
    for pieces in zip(*(read.pieces for read in reads), strict=True):
        raster.put(pieces[0].row, pieces[0].column, np.stack([piece.values for piece in pieces]))
    return raster


def _check_offset(scene: RemoteProduct, bands: Mapping[str, Read]) -> None:
    offset = scene.properties.get("boa_offset")
    if not isinstance(offset, int):
        fault = f"the manifest says boa_offset {offset!r} where an integer DN is needed"
        raise ProductError(scene.id, fault, "Search again")
    fine = [piece.values for band in FILES["R10m"][0] for piece in bands[band].pieces]
    baseline = str(scene.properties.get("s2:processing_baseline", ""))
    wrong = contradiction(offset, baseline, fine)
    if wrong is not None:
        log.warning("%s: %s: the mirror's offset may be wrong", scene.id, wrong)
