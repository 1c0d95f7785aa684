"""Whole Sentinel-2 products: of the Copernicus Data Space, or of a DHuS mirror."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from shapely.geometry.base import BaseGeometry

from mmaq.acquire.files.sentinel2 import NATIVE
from mmaq.acquire.manifest import LeftOut, RemoteProduct
from mmaq.acquire.search.dhus import query_hub
from mmaq.acquire.search.items import bounding_box, footprint, read_or_leave, remote_file, span
from mmaq.acquire.search.odata import list_products
from mmaq.acquire.search.scenes import Scene, cloud_cover, tile_of
from mmaq.acquire.search.stac import search_items, stac_service
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.sentinel2.offsets import PRODUCT, baseline_of
from mmaq.services.client import Client
from mmaq.services.endpoints import service
from mmaq.services.remote_file import RemoteFile

Box = tuple[float, float, float, float]


def at_the_data_space(asked: Acquire, period: Period, bbox: Box) -> Iterator[Scene | LeftOut]:
    """Products of the Data Space: zips, listed by OData, or the band files of its object store.

    Raises:
        ServiceError: a catalogue cannot be reached, or its answer is broken.
    """
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


def at_a_hub(asked: Acquire, period: Period, bbox: Box) -> Iterator[Scene | LeftOut]:
    """Products of a DHuS mirror, as zips.

    Raises:
        ServiceError: the mirror cannot be reached, refuses, or its answer is broken.
    """
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


def read_bands(item: Mapping[str, Any]) -> Scene | LeftOut:
    """A product from an item of the Data Space: each band at its native resolution, from S3."""
    identity = str(item["id"]).removesuffix(".SAFE")
    place = footprint(item)
    if place is None:
        return LeftOut(id=identity, reason="the item has neither a geometry nor a bbox")
    assets = item.get("assets") or {}
    named = {band: f"{band}_{size}m" for band, size in NATIVE.items()}
    lacking = [name for name in named.values() if "href" not in (assets.get(name) or {})]
    if lacking:
        return LeftOut(id=identity, reason=f"the item lacks {', '.join(lacking)}")
    files = {band: remote_file(assets[name]) for band, name in named.items()}
    return whole_scene(identity, files, place, item.get("properties") or {})


def whole_scene(
    identity: str, files: dict[str, RemoteFile], place: BaseGeometry, stated: Mapping[str, Any]
) -> Scene | LeftOut:
    """A product by its official name, which tells its time, baseline and tile."""
    named = PRODUCT.fullmatch(identity)
    if named is None:
        return LeftOut(id=identity, reason="its id is no name of a Level-2A product")
    start = datetime.strptime(named["time"], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    properties = {
        "eo:cloud_cover": stated.get("eo:cloud_cover"),
        "s2:processing_baseline": baseline_of(named),
    }
    product = RemoteProduct(
        id=identity, time=start, bbox=bounding_box({}, place), files=files, properties=properties
    )
    return Scene(product, place, cloud_cover(stated), tile_of(identity, {}))
