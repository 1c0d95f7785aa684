"""Sentinel-2 L2A scenes: folders of band files with a product id or a STAC item.

Names: Sentinel-2 Products Specification Document, "product naming convention". From processing
baseline 04.00 on, reflectance is (DN - 1000) / 10000 (same document, BOA_ADD_OFFSET).
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pystac
import rasterio
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from mmaq.base.errors import ArchiveError, ProductError
from mmaq.base.files import read_json
from mmaq.contracts.archive import SENTINEL2, Asset, Product
from mmaq.vocabulary import BANDS

PRODUCT = re.compile(
    r"S2[A-D]_MSIL2A_(?P<time>\d{8}T\d{6})_N(?P<baseline>\d{4})_R\d{3}_T\w{5}_\d{8}T\d{6}"
)

BAND_FILE = re.compile(r"(?:.*_)?(?P<band>B\d{2}|B8A|SCL|cloud_mask)(?:_(?P<size>\d0)m)?")

SUFFIXES = (".tif", ".tiff", ".jp2")

NATIVE = {band: 60 if band in ("B01", "B09") else 20 for band in (*BANDS, "SCL")} | dict.fromkeys(
    ("B02", "B03", "B04", "B08"), 10
)

MASKS = ("SCL", "cloud_mask")

OFFSET_SINCE = 4.0

OFFSET = -1000

REPROCESSED = 99.0
"""Baseline 99.99 marks a user's own Sen2Cor run, which says nothing about the offset."""

REMEDY = "Download the scene again, or take it out of the folder"

log = logging.getLogger(__name__)


def find_scenes(folder: Path) -> list[Product]:
    """Level-2A scenes below ``folder``, from GeoTIFF or JPEG 2000 band files.

    Where a band lies there at several resolutions, as in a SAFE, its native one is taken. A
    product that was cut into several folders gives one item for each.

    Raises:
        ArchiveError: there is no scene, or one lacks a band, a mask, its date or its baseline.
        ProductError: a band file is not a georeferenced raster.
    """
    scenes: dict[Path, dict[str, tuple[int, Path]]] = {}
    for path in sorted(folder.rglob("*")):
        named = BAND_FILE.fullmatch(path.stem)
        if named is None or path.suffix not in SUFFIXES:
            continue
        bands = scenes.setdefault(_home(path, folder), {})
        band, size = named["band"], int(named["size"] or 0)
        far = abs(size - NATIVE.get(band, 0)) if size else 0
        if band not in bands or far < bands[band][0]:
            bands[band] = far, path
    if not scenes:
        remedy = "Give a folder of L2A scenes with B01.tif to B12.tif and SCL.tif"
        raise ArchiveError(folder, "holds no band files of a Sentinel-2 scene", remedy)
    found = [
        _read_scene(home, {band: path for band, (_, path) in bands.items()})
        for home, bands in sorted(scenes.items())
    ]
    log.info("%s: %d Sentinel-2 scenes", folder, len(found))
    return _told_apart(found)


def _home(path: Path, folder: Path) -> Path:
    """The scene's folder: the one named by its product id, else the band file's own."""
    inside = [parent for parent in path.parents if parent.is_relative_to(folder)]
    named = (parent for parent in inside if PRODUCT.match(parent.name))
    return next(named, path.parent)


def _read_scene(home: Path, files: dict[str, Path]) -> Product:
    lacking = [band for band in BANDS if band not in files]
    if lacking:
        fault = f"the scene lacks {', '.join(lacking)} of the 12 Level-2A bands"
        raise ArchiveError(home, fault, REMEDY)
    if not any(mask in files for mask in MASKS):
        raise ArchiveError(home, "the scene has neither SCL nor cloud_mask", REMEDY)
    name, time, properties = _identity(home)
    epsg, box = _place(files["B02"])
    assets = {band: Asset(path) for band, path in sorted(files.items()) if band in (*BANDS, *MASKS)}
    return Product(name, SENTINEL2, time, box, assets, properties | {"proj:epsg": epsg})


def _identity(home: Path) -> tuple[str, datetime, dict[str, Any]]:
    """Id, sensing time, and processing baseline with the offset to add to its DN."""
    named = PRODUCT.match(home.name)
    item = _stac_item(home)
    if item is not None:
        uri = str(item.properties.get("s2:product_uri", item.properties.get("sentinel:product_id")))
        named = named or PRODUCT.match(uri)
    baseline = item.properties.get("s2:processing_baseline") if item is not None else None
    if baseline is None and named is not None:
        baseline = f"{named['baseline'][:2]}.{named['baseline'][2:]}"
    if baseline is None:
        fault = "neither the folder's name nor a STAC item beside the bands tells the product"
        raise ArchiveError(home, fault, "Name the folder by its product id (S2A_MSIL2A_...)")
    applied = item is not None and item.properties.get("earthsearch:boa_offset_applied") is True
    time = item.datetime if item is not None else None
    if time is None and named is not None:
        time = datetime.strptime(named["time"], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    if time is None:
        raise ArchiveError(home, "the STAC item has no date", "Give its product id or a datetime")
    name = item.id if item is not None else named.group() if named is not None else home.name
    properties = {
        "s2:processing_baseline": str(baseline),
        "boa_offset": 0 if applied else _offset(home, str(baseline)),
    }
    return name, time, properties


def _offset(home: Path, baseline: str) -> int:
    """DN to add, by the processing baseline."""
    try:
        number = float(baseline)
    except ValueError:
        number = REPROCESSED
    if number >= REPROCESSED:
        fault = f"processing baseline {baseline!r} does not tell the offset of its DN"
        raise ArchiveError(home, fault, "Give a scene of an official baseline")
    return OFFSET if number >= OFFSET_SINCE else 0


def _stac_item(home: Path) -> pystac.Item | None:
    for path in sorted(home.glob("*.json")):
        value = read_json(path, ArchiveError, REMEDY)
        if isinstance(value, dict) and value.get("type") == "Feature":
            try:
                return pystac.Item.from_dict(value, migrate=False)
            except Exception as fault:  # pystac raises many types for a malformed item
                raise ArchiveError(path, f"not a valid STAC item ({fault})", REMEDY) from None
    return None


def _place(path: Path) -> tuple[int, tuple[float, float, float, float]]:
    """EPSG code and west, south, east, north in degrees."""
    try:
        with rasterio.open(path) as raster:
            epsg = raster.crs.to_epsg() if raster.crs else None
            if epsg is None:
                raise ProductError(path, "has no coordinate reference system", REMEDY)
            return epsg, transform_bounds(raster.crs, 4326, *raster.bounds)
    except RasterioError as fault:
        raise ProductError(path, f"not a readable raster ({fault})", REMEDY) from None


def _told_apart(scenes: list[Product]) -> list[Product]:
    """Give the parts of one product ids of their own: the product's, then the outer folder's."""
    ids = [scene.id for scene in scenes]
    named = [
        scene if ids.count(scene.id) == 1 else replace(scene, id=f"{scene.id}_{_outer(scene)}")
        for scene in scenes
    ]
    seen: set[str] = set()
    for scene in named:
        if scene.id in seen:
            raise ArchiveError(scene.id, "the scene lies there twice", "Keep one copy of it")
        seen.add(scene.id)
    return named


def _outer(scene: Product) -> str:
    return scene.assets["B02"].path.parent.parent.name
