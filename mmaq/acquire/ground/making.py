"""The four maps of an area, made from the manifest's files for the archive."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from mmaq.acquire.failures import Failures
from mmaq.acquire.files.ancillary import FILES, UNDATED
from mmaq.acquire.ground.maps import boxes_of, published_sum
from mmaq.acquire.ground.mosaic import Box, read_tile, write_mosaic
from mmaq.acquire.ground.population import write_density
from mmaq.acquire.ground.roads import write_roads
from mmaq.acquire.manifest import RemoteFile, RemoteProduct, read_manifest
from mmaq.acquire.threads import side_by_side
from mmaq.archive import ANCILLARY, LEGEND_PROPERTY, Asset, Product, write_collection
from mmaq.config.acquire import Acquire
from mmaq.errors import MmaqError, ServiceError
from mmaq.files import replacing
from mmaq.services.client import Client
from mmaq.services.download import fetch_file
from mmaq.services.endpoints import service
from mmaq.services.ranges import RangeCache
from mmaq.services.unpack import unpack_zip

NODATA = {"dem": -32767.0, "land_cover": 0.0}
UNIT = {"dem": "m", "land_cover": "WorldCover code"}
ABOUT = "Elevation, population, land cover and roads"

log = logging.getLogger(__name__)


def fetch_maps(
    manifest_path: Path, sites_csv: Path, acquire: Acquire, archive: Path, workers: int
) -> Path:
    """Make the maps of the manifest and write the archive's collection ``ancillary``.

    A map that a former run made from the same sources for the same sites is kept; bytes of one
    that was not finished lie in ``acquire_cache`` beside the archive and are not fetched again.
    Returns the path of ``collection.json``.

    Raises:
        ServiceError: more maps failed than ``acquire.missing`` allows (all four are needed by the
            land-use stage).
    """
    manifest = read_manifest(manifest_path)
    sites = pd.read_csv(sites_csv, usecols=["lon", "lat"])
    boxes = boxes_of(sites, manifest.asked["radius_m"])
    cache = archive.parent / "acquire_cache" / ANCILLARY
    failures = Failures(manifest_path, ANCILLARY, len(manifest.products), acquire.missing)
    made = []
    for product in manifest.products:
        path = archive / ANCILLARY / product.id / FILES[product.id]
        stamp = archive / ANCILLARY / product.id / "made_from.sha256"
        digest = _digest(product, boxes)
        try:
            if not (path.exists() and stamp.exists() and stamp.read_text() == digest):
                stamp.unlink(missing_ok=True)
                MAKERS[product.id](product, boxes, acquire, cache / product.id, path, workers)
                with replacing(stamp) as temporary:
                    temporary.write_text(digest)
        except MmaqError as fault:
            failures.add(product.id, fault)
            continue
        shutil.rmtree(cache / product.id, ignore_errors=True)
        about = {name: product.properties[name] for name in ("sources", "licences")}
        if product.id == "land_cover":
            about[LEGEND_PROPERTY] = product.properties[LEGEND_PROPERTY]
        assets = {"data": Asset(path)}
        made.append(Product(product.id, ANCILLARY, UNDATED, product.bbox, assets, about))
    failures.settle()
    return write_collection(archive, ANCILLARY, ABOUT, made)


def _make_mosaic(
    product: RemoteProduct, boxes: Sequence[Box], acquire: Acquire, cache: Path, path: Path,
    workers: int,
) -> None:  # fmt: skip
    with Client(service(product.properties["service"], acquire.endpoints)) as client:
        caches = [
            RangeCache(client, file.href, cache / _name_of(file))
            for _, file in sorted(product.files.items())
        ]
        tiles = []
        for remote, tile in side_by_side(lambda at: read_tile(at, boxes), caches, workers):
            if isinstance(tile, MmaqError):
                raise tile
            if tile is None:
                log.info("%s does not exist: open sea, no data", remote.href)
            else:
                tiles.append(tile)
        write_mosaic(path, tiles, boxes, NODATA[product.id], UNIT[product.id])


def _make_population(
    product: RemoteProduct, boxes: Sequence[Box], acquire: Acquire, cache: Path, path: Path,
    workers: int,
) -> None:  # fmt: skip
    with Client(service(product.properties["service"], acquire.endpoints)) as client:
        archive = cache / f"{_name_of(product.files['counts'])}.zip"
        fetch_file(client, product.files["counts"], archive)
    files = unpack_zip(archive, cache / "counts")
    write_density(files, acquire.bbox, path)


def _make_roads(
    product: RemoteProduct, boxes: Sequence[Box], acquire: Acquire, cache: Path, path: Path,
    workers: int,
) -> None:  # fmt: skip
    extracts = []
    with Client(service(product.properties["service"], acquire.endpoints)) as client:
        for name, file in sorted(product.files.items()):
            extract = cache / f"{_name_of(file)}.osm.pbf"
            # Hours of download end in vain where the server has made a new extract meanwhile.
            if not extract.exists() and published_sum(client, file.href) != file.md5:
                fault = "the server has a newer extract than the search found"
                remedy = "Search again, or name an extract by its day (geofabrik-austria@240101)"
                raise ServiceError(name, fault, remedy)
            fetch_file(client, file, extract)
            extracts.append(extract)
    write_roads(extracts, acquire.bbox, path)


MAKERS: dict[str, Callable[..., None]] = {
    "dem": _make_mosaic, "land_cover": _make_mosaic, "population": _make_population,
    "roads": _make_roads,
}  # fmt: skip


def _name_of(file: RemoteFile) -> str:
    """A name in the cache that the same tile of another source or version does not have."""
    return hashlib.sha256(file.href.encode()).hexdigest()[:32]


def _digest(product: RemoteProduct, boxes: Sequence[Box]) -> str:
    told = [product.model_dump(mode="json"), sorted(boxes)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
