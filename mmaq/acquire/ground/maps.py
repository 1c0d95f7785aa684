"""The four maps of an area: which files they are made of, and how each is made of them."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from mmaq.acquire.failures import side_by_side
from mmaq.acquire.files.ancillary import UNDATED
from mmaq.acquire.ground.mosaic import (
    Box,
    Tile,
    boxes_around,
    boxes_over,
    read_tile,
    write_mosaic,
)
from mmaq.acquire.ground.population import write_density
from mmaq.acquire.ground.roads import write_roads
from mmaq.acquire.ground.sources import Source, find_source
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.unpack import unpack_zip
from mmaq.base.errors import MmaqError, ServiceError
from mmaq.config.acquire import Acquire
from mmaq.contracts.archive import ANCILLARY, LEGEND_PROPERTY
from mmaq.contracts.context import EXACT_M

STEP = {"dem": 1, "land_cover": 3}
"""Degrees of a tile, which is named by its south-west corner."""

MARGIN = 250.0
"""Metres kept around the discs of the sites."""

NODATA = {"dem": -32767.0, "land_cover": 0.0}

UNIT = {"dem": "m", "land_cover": "WorldCover code"}

ABOUT_MAPS = "Elevation, population, land cover and roads"

EDGE = 0.001
"""Degrees by which a tile may begin before its corner: the DEM's do by half a cell."""


log = logging.getLogger(__name__)


def find_maps(
    acquire: Acquire, sites: pd.DataFrame, radius_m: float, areas: Sequence[Box]
) -> Manifest:
    """What the four maps are made of: tiles of the sites and of areas, and whole files.

    ``sites`` has columns lon and lat (degrees). Asks the OpenStreetMap server for the sums of its
    extracts; whether a tile exists shows when it is read.

    Raises:
        ConfigError: a map is no entry of the table of sources.
        ServiceError: a sum cannot be had.
    """
    maps = acquire.maps
    boxes = boxes_of(sites, radius_m, areas)
    products = []
    for item, entry in (("dem", maps.dem), ("land_cover", maps.land_cover)):
        source = find_source(entry, item)
        files = {
            name: RemoteFile(href=source.address(acquire.endpoints, tile=name))
            for name in tile_names(item, boxes)
        }
        products.append(_product(item, acquire, [source], files))
    source = find_source(maps.population, "population")
    files = {"counts": RemoteFile(href=source.address(acquire.endpoints), md5=_sum(source))}
    products.append(_product("population", acquire, [source], files))
    extracts = [find_source(entry, "roads") for entry in maps.roads]
    files = {
        f"{source.name}@{source.version}".replace("/", "_"): RemoteFile(
            href=source.address(acquire.endpoints), md5=_sum_beside(source, acquire)
        )
        for source in extracts
    }
    products.append(_product("roads", acquire, extracts, files))
    asked = {"bbox": list(acquire.bbox), "sites": len(sites), "radius_m": radius_m}
    asked |= {"areas": [list(area) for area in areas]} if areas else {}
    return Manifest(
        collection=ANCILLARY, service="sources.csv", asked=asked, products=tuple(products)
    )


def tile_names(item: str, boxes: Sequence[Box]) -> list[str]:
    """Tiles of the elevation model or of WorldCover that the boxes touch, sorted."""
    step, names = STEP[item], set()
    for west, south, east, north in boxes:
        for lat in _corners(south - EDGE, north + EDGE, step):
            for lon in _corners(west - EDGE, east + EDGE, step):
                y = f"{'N' if lat >= 0 else 'S'}{abs(lat):02d}"
                lon = (lon + 180) % 360 - 180  # 180 E is 180 W
                x = f"{'E' if lon >= 0 else 'W'}{abs(lon):03d}"
                dem = f"Copernicus_DSM_COG_10_{y}_00_{x}_00_DEM"
                names.add(dem if item == "dem" else y + x)
    return sorted(names)


def _product(
    item: str, acquire: Acquire, sources: Sequence[Source], files: dict[str, RemoteFile]
) -> RemoteProduct:
    properties = {
        "service": sources[0].service,
        "sources": [f"{source.name}@{source.version}" for source in sources],
        "licences": sorted({source.licence for source in sources}),
        "mirrors": sorted({source.mirror for source in sources if source.mirror}),
    }
    if item == "land_cover":
        properties[LEGEND_PROPERTY] = "worldcover"
    return RemoteProduct(
        id=item, time=UNDATED, bbox=acquire.bbox, files=files, properties=properties
    )


def _sum(source: Source) -> str | None:
    return source.checksum.removeprefix("md5:") or None


def _sum_beside(source: Source, acquire: Acquire) -> str:
    with Client(service(source.service, acquire.endpoints)) as client:
        return published_sum(client, source.address(acquire.endpoints))


def published_sum(client: Client, href: str) -> str:
    """The MD5 that the server keeps in a file beside this one."""
    text = client.get(f"{href}.md5").text
    if not re.match(r"[0-9a-f]{32}\b", text):
        raise ServiceError(f"{href}.md5", "holds no MD5 sum", "Try again later")
    return text[:32]


def boxes_of(sites: pd.DataFrame, radius_m: float, areas: Sequence[Box]) -> list[Box]:
    """Squares around the sites (columns lon, lat) that hold their discs, and boxes over areas."""
    lon, lat = (sites[name].to_numpy(float) for name in ("lon", "lat"))
    reach = max(radius_m, EXACT_M) + MARGIN
    over = [box for area in areas for box in boxes_over(area, reach)]
    return [*boxes_around(lon, lat, reach), *over]


def _corners(low: float, high: float, step: int) -> range:
    return range(math.floor(low / step) * step, math.floor(high / step) * step + 1, step)


def _make_mosaic(
    product: RemoteProduct, boxes: Sequence[Box], acquire: Acquire, cache: Path, path: Path,
    workers: int,
) -> None:  # fmt: skip
    with Client(service(product.properties["service"], acquire.endpoints)) as client:
        folder = cache / sources_digest(product, boxes)  # of the same tiles for the same boxes

        def read(file: RemoteFile) -> Tile | None:
            return read_tile(client, file.href, boxes, folder / f"{_name_of(file)}.tif")

        tiles = []
        files = [file for _, file in sorted(product.files.items())]
        for file, tile in side_by_side(read, files, workers):
            if isinstance(tile, MmaqError):
                raise tile
            if tile is None:
                log.info("%s does not exist: open sea, no data", file.href)
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
