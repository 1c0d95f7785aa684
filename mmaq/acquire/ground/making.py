"""How each of the four maps of an area is made from the files of its manifest."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from mmaq.acquire.failures import side_by_side
from mmaq.acquire.ground.maps import published_sum
from mmaq.acquire.ground.mosaic import Box, read_tile, write_mosaic
from mmaq.acquire.ground.population import write_density
from mmaq.acquire.ground.roads import write_roads
from mmaq.acquire.manifest import RemoteProduct
from mmaq.base.errors import MmaqError, ServiceError
from mmaq.config.acquire import Acquire
from mmaq.services.client import Client
from mmaq.services.download import fetch_file
from mmaq.services.endpoints import service
from mmaq.services.ranges import RangeCache
from mmaq.services.remote_file import RemoteFile
from mmaq.services.unpack import unpack_zip

NODATA = {"dem": -32767.0, "land_cover": 0.0}

UNIT = {"dem": "m", "land_cover": "WorldCover code"}

ABOUT_MAPS = "Elevation, population, land cover and roads"

log = logging.getLogger(__name__)


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


def sources_digest(product: RemoteProduct, boxes: Sequence[Box]) -> str:
    """Digest of what a map is made of: its files, and the boxes around the sites."""
    told = [product.model_dump(mode="json"), sorted(boxes)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
