"""Sentinel-2 scenes for the sites: windows at an open mirror, or whole products."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from mmaq.acquire.manifest import LeftOut, Manifest, tell_left_out
from mmaq.acquire.search.clearest import clearest_dates
from mmaq.acquire.search.items import read_or_leave
from mmaq.acquire.search.scenes import Scene, newest, read_scene
from mmaq.acquire.search.stac import search_items, stac_service
from mmaq.acquire.search.whole import Box, at_a_hub, at_the_data_space
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.archive import SENTINEL2
from mmaq.services.client import Client

COLLECTIONS = {"earth-search": "sentinel-2-c1-l2a", "planetary-computer": "sentinel-2-l2a"}
"""Earth Search's other collection, sentinel-2-l2a, has wrong offset flags in 2022 and 2025
(Element84/earth-search issues 66 and 71)."""

EDGE = 0.01
"""Degrees (1 km) around the sites within which their windows lie."""

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
    searches = {"cdse": at_the_data_space, "dhus": at_a_hub}
    bbox = _around(sites)
    scenes: list[Scene] = []
    left_out: list[LeftOut] = []
    for scene in searches.get(provider, _at_a_mirror)(asked, period, bbox):
        if isinstance(scene, LeftOut):
            left_out.append(scene)
        else:
            scenes.append(scene)
    scenes, older = newest(scenes)
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
