"""Which files the four maps of an area are made of, frozen in a manifest."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from mmaq.acquire.files.ancillary import UNDATED
from mmaq.acquire.ground.mosaic import Box, boxes_around
from mmaq.acquire.ground.sources import Source, find_source
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.contracts.archive import ANCILLARY, LEGEND_PROPERTY
from mmaq.services.client import Client
from mmaq.services.endpoints import service
from mmaq.services.remote_file import RemoteFile

STEP = {"dem": 1, "land_cover": 3}
"""Degrees of a tile, which is named by its south-west corner."""

MARGIN = 250.0
"""Metres kept around the discs of the sites."""

EDGE = 0.001
"""Degrees by which a tile may begin before its corner: the DEM's do by half a cell."""


def find_maps(acquire: Acquire, sites: pd.DataFrame, radius_m: float) -> Manifest:
    """What the four maps are made of: tiles around the sites, and whole files.

    ``sites`` has columns lon and lat (degrees). Asks the OpenStreetMap server for the sums of its
    extracts; whether a tile exists shows when it is read.

    Raises:
        ConfigError: a map is no entry of the table of sources.
        ServiceError: a sum cannot be had.
    """
    maps = acquire.maps
    boxes = boxes_of(sites, radius_m)
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


def boxes_of(sites: pd.DataFrame, radius_m: float) -> list[Box]:
    """Squares around the sites (columns lon, lat) that hold their discs."""
    return boxes_around(
        sites["lon"].to_numpy(float), sites["lat"].to_numpy(float), radius_m + MARGIN
    )


def _corners(low: float, high: float, step: int) -> range:
    return range(math.floor(low / step) * step, math.floor(high / step) * step + 1, step)
