"""Sentinel-2 scenes for the sites: windows at an open mirror, or whole products."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from datetime import date

import pandas as pd
from shapely import STRtree
from shapely.geometry import Polygon, box

from mmaq.acquire.manifest import LeftOut, Manifest, tell_left_out
from mmaq.acquire.search.dhus import query_hub
from mmaq.acquire.search.items import Box, in_one_piece, read_or_leave, span
from mmaq.acquire.search.odata import list_products
from mmaq.acquire.search.scenes import Scene, newest, read_bands, read_scene, whole_scene
from mmaq.acquire.search.stac import search_items, stac_service
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.archive import SENTINEL2

COLLECTIONS = {"earth-search": "sentinel-2-c1-l2a", "planetary-computer": "sentinel-2-l2a"}
"""Earth Search's other collection, sentinel-2-l2a, has wrong offset flags in 2022 and 2025
(Element84/earth-search issues 66 and 71)."""

EDGE = 0.01
"""Degrees (1 km) around the sites within which their windows lie."""

SLANT = 1.1
"""A window follows the tile's grid, which is turned by up to 3 degrees against the meridian."""

MARGIN_M = 60.0
"""Read around each window (a pixel of the coarsest band)."""

METRES = 111_320.0
"""Metres of one degree of latitude."""

log = logging.getLogger(__name__)


def search_scenes(asked: Acquire, period: Period, sites: pd.DataFrame, side_m: float) -> Manifest:
    """Search the configured provider for scenes around the sites.

    ``side_m`` is the side of a site's window in metres. Of mirrors with windows the manifest
    names the scenes to look at by site; of whole products it holds as many as give each site
    ``acquire.sentinel2.dates`` dates.

    Raises:
        ServiceError: the service cannot be reached, its answer is broken, or it holds nothing.
    """
    provider, settings = asked.sentinel2.provider, asked.sentinel2
    searches = {"cdse": _at_the_data_space, "dhus": _at_a_hub}
    bbox = _around(sites)
    scenes: list[Scene] = []
    left_out: list[LeftOut] = []
    for scene in searches.get(provider, _at_a_mirror)(asked, period, bbox):
        if isinstance(scene, LeftOut):
            left_out.append(scene)
        else:
            scenes.append(scene)
    first, after = span(period)
    scenes, older = newest([each for each in scenes if first <= each.product.time < after])
    left_out = list(dict.fromkeys(left_out))  # of a list with two pages that overlap
    tell_left_out(provider, left_out, older, log)
    candidates = clearest_dates(scenes, sites, side_m, settings.dates)
    chosen = {scene.product.id: scene.product for found in candidates.values() for scene in found}
    if not chosen:
        fault = f"holds no Sentinel-2 scene of {period.start} to {period.end} around a site"
        raise ServiceError(provider, fault, "Check period, acquire.bbox and max_cloud")
    without = [site for site, found in candidates.items() if not found]
    if without:
        log.warning("%d sites have no scene, the first %s", len(without), without[0])
    windows = provider in COLLECTIONS
    return Manifest(
        collection=SENTINEL2, service=provider, products=tuple(chosen.values()),
        left_out=(*left_out, *older), asked={
            "bbox": list(bbox), "start": period.start.isoformat(), "end": period.end.isoformat(),
            "max_cloud": settings.max_cloud, "dates": settings.dates, "side_m": side_m,
        },
        candidates={
            site: tuple(scene.product.id for scene in found) for site, found in candidates.items()
        } if windows else {},
    )  # fmt: skip


def _around(sites: pd.DataFrame) -> tuple[float, float, float, float]:
    lon, lat = sites["lon"].astype(float), sites["lat"].astype(float)
    return (
        max(round(lon.min() - EDGE, 6), -180.0), max(round(lat.min() - EDGE, 6), -90.0),
        min(round(lon.max() + EDGE, 6), 180.0), min(round(lat.max() + EDGE, 6), 90.0),
    )  # fmt: skip


def _at_a_mirror(asked: Acquire, period: Period, bbox: Box) -> Iterator[Scene | LeftOut]:
    provider = asked.sentinel2.provider
    collection = COLLECTIONS[provider]
    conditions = {"eo:cloud_cover": ("lte", asked.sentinel2.max_cloud)}
    with Client(stac_service(provider, asked.endpoints)) as client:
        for item in search_items(client, [collection], bbox, period, conditions):
            yield read_or_leave(read_scene, item, "id")


def _at_the_data_space(asked: Acquire, period: Period, bbox: Box) -> Iterator[Scene | LeftOut]:
    """Products of the Data Space: zips, listed by OData, or the band files of its object store."""
    cloud = asked.sentinel2.max_cloud
    if asked.sentinel2.download == "s3":
        with Client(stac_service("cdse", asked.endpoints)) as client:
            conditions = {"eo:cloud_cover": ("lte", cloud)}
            for item in search_items(client, ["sentinel-2-l2a"], bbox, period, conditions):
                yield read_or_leave(read_bands, item, "id")
        return
    first, last = span(period)
    download = service("cdse", asked.endpoints).url
    with Client(service("cdse-catalogue", asked.endpoints)) as client:
        listed = list_products(client, "SENTINEL-2", "S2MSI2A", bbox, first, last, cloud)
        for entry in listed:
            if isinstance(entry, LeftOut):
                yield entry
                continue
            stated = {"eo:cloud_cover": entry.attributes.get("cloudCover")}
            zipped = {"product": entry.file(download, "odata")}
            yield whole_scene(entry.id, zipped, entry.footprint, stated)


def _at_a_hub(asked: Acquire, period: Period, bbox: Box) -> Iterator[Scene | LeftOut]:
    """Products of a DHuS mirror, as zips."""
    terms = {
        "platformname": "Sentinel-2", "producttype": "S2MSI2A",
        "cloudcoverpercentage": (0, asked.sentinel2.max_cloud),
    }  # fmt: skip
    for entry in query_hub(service("dhus", asked.endpoints), bbox, period, terms):
        if isinstance(entry, LeftOut):
            yield entry
        else:
            stated = {"eo:cloud_cover": entry.cloud}
            yield whole_scene(entry.id, {"product": entry.remote}, entry.footprint, stated)


def clearest_dates(
    scenes: Iterable[Scene], sites: pd.DataFrame, side_m: float, dates: int
) -> dict[str, tuple[Scene, ...]]:
    """For each site the ``dates`` clearest scenes whose footprint holds its whole window.

    Of one date only the clearest scene counts (ties: the later processing, then the id).
    ``side_m`` is the window's side in metres. A site that no scene holds gets an empty tuple.
    """
    names = [str(name) for name in sites["site_id"]]
    # Footprints across the antimeridian go on beyond 180 degrees, so each window is there too.
    windows = [
        _window(lon + turn, lat, side_m)
        for turn in (0.0, 360.0)
        for lon, lat in zip(sites["lon"], sites["lat"], strict=True)
    ]
    tree = STRtree(windows)
    best: list[dict[date, Scene]] = [{} for _ in names]
    for scene in sorted(scenes, key=_rank):
        for place in tree.query(in_one_piece(scene.footprint), predicate="covers"):
            best[place % len(names)].setdefault(scene.product.time.date(), scene)
    return {
        name: tuple(sorted(found.values(), key=_rank)[:dates])
        for name, found in zip(names, best, strict=True)
    }


def _rank(scene: Scene) -> tuple[float, tuple[int, ...], str]:
    later = tuple(-ord(letter) for letter in scene.version)
    return scene.cloud, later, scene.product.id


def _window(lon: float, lat: float, side_m: float) -> Polygon:
    half = (side_m / 2 * SLANT + MARGIN_M) / METRES
    wide = half / max(math.cos(math.radians(lat)), 0.01)
    return box(lon - wide, lat - half, lon + wide, lat + half)
