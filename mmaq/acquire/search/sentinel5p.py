"""Sentinel-5P NO2 granules of a period that meet the area: one version of each orbit."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from mmaq.acquire.files.sentinel5p import of_name, one_version_an_orbit
from mmaq.acquire.manifest import LeftOut, Manifest, RemoteProduct, tell_left_out
from mmaq.acquire.search.dhus import query_hub
from mmaq.acquire.search.items import (
    NOWHERE,
    Box,
    bounding_box,
    footprint,
    meets,
    read_or_leave,
    remote_file,
    span,
)
from mmaq.acquire.search.odata import ARCHIVED, Listed, list_products
from mmaq.acquire.search.stac import REMEDY, collection_ids, search_items, stac_service
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.archive import SENTINEL5P, Product
from mmaq.sentinel5p.granule import NAME
from mmaq.vocabulary import S5P_PRODUCT

DAY = timedelta(days=1)

GAP = 4 * DAY
"""Days without a granule over the area that are told of."""

MIRROR_COLLECTION = "sentinel-5p-l2-netcdf"
"""Planetary Computer's: all gases and streams, distinguished by s5p:product_name."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Granule:
    """A granule by its official name, with its footprint in degrees."""

    product: RemoteProduct
    footprint: BaseGeometry


def search_granules(asked: Acquire, period: Period) -> Manifest:
    """Search the configured provider; the manifest names the best version of each orbit.

    Raises:
        ServiceError: the service cannot be reached, its answer is broken, or it holds nothing.
    """
    provider = asked.sentinel5p.provider
    searches = {"cdse": _at_the_data_space, "planetary-computer": _at_the_mirror, "dhus": _at_a_hub}
    found: list[Granule] = []
    left_out: list[LeftOut] = []
    for granule in searches[provider](asked, period):
        if isinstance(granule, LeftOut):
            left_out.append(granule)
        else:
            found.append(granule)
    chosen, passed_over = choose(found, asked, period)
    left_out = list(dict.fromkeys(left_out))  # of a list with two pages that overlap
    if not chosen:
        fault = f"holds no Sentinel-5P NO2 granule of {period.start} to {period.end} over the area"
        raise ServiceError(provider, fault, "Check period, acquire.bbox and the streams")
    tell_left_out(provider, left_out, passed_over, log)
    _warn(provider, chosen, period)
    return Manifest(
        collection=SENTINEL5P, service=provider, products=tuple(chosen),
        asked=_question(asked, period), left_out=(*left_out, *passed_over),
    )  # fmt: skip


def _at_the_data_space(asked: Acquire, period: Period) -> Iterator[Granule | LeftOut]:
    """Granules that either catalogue of the Data Space lists: STAC, and OData with all sums.

    The two are filled separately, and each has had gaps: what only one lists is taken, too. Whether
    a granule is online only OData tells.
    """
    listed: dict[str, Listed] = {}
    archived: set[str] = set()
    catalogue = service("cdse-catalogue", asked.endpoints)
    first, last = span(period)
    with Client(catalogue) as client:
        area = asked.bbox
        for entry in list_products(client, "SENTINEL-5P", S5P_PRODUCT, area, first, last):
            if isinstance(entry, LeftOut):
                if entry.reason == ARCHIVED:
                    archived.add(entry.id.removesuffix(".nc"))
                yield entry
            else:
                listed[entry.id] = entry
    download = service("cdse", asked.endpoints).url
    scheme = "s3" if asked.sentinel5p.download == "s3" else "https"
    in_stac = set()
    with Client(stac_service("cdse", asked.endpoints)) as client:
        collections = _resolved(client, asked)
        for item in search_items(client, collections, asked.bbox, period, {}):
            granule = read_or_leave(partial(read_granule, scheme=scheme), item, "id")
            if isinstance(granule, Granule):
                if granule.product.id in archived:
                    continue
                in_stac.add(granule.product.id)
                granule = _completed(granule, listed, download, asked)
            if granule is not None:
                yield granule
    only = [entry for name, entry in listed.items() if name not in in_stac]
    if only:
        log.info("%d granules are listed by OData alone", len(only))
    for entry in only:
        file = entry.file(download, asked.sentinel5p.download)
        found = named_granule(entry.id, file, entry.footprint)
        if found is not None:
            yield found


def _resolved(client: Client, asked: Acquire) -> list[str]:
    """Ids of the NO2 collections of the asked streams, as the service names them today."""
    streams = [stream.lower() for stream in asked.sentinel5p.streams]
    found = [
        name
        for name in collection_ids(client)
        if {"5p", "no2"} <= set(name.lower().replace("_", "-").split("-"))
        and name.lower().endswith(tuple(streams))
    ]
    lacking = [stream for stream in streams if not any(f.lower().endswith(stream) for f in found)]
    if lacking:
        fault = f"lists no collection of Sentinel-5P NO2 for {', '.join(lacking)}"
        raise ServiceError(client.service.where, fault, REMEDY)
    return found


def _completed(
    granule: Granule, listed: Mapping[str, Listed], download: str, asked: Acquire
) -> Granule:
    """A granule of STAC with the address, size and sums that OData has of it."""
    entry = listed.get(granule.product.id)
    if entry is None:
        return granule
    files = {"product": entry.file(download, asked.sentinel5p.download)}
    return Granule(granule.product.model_copy(update={"files": files}), granule.footprint)


def _at_the_mirror(asked: Acquire, period: Period) -> Iterator[Granule | LeftOut]:
    conditions = {"s5p:product_name": ("eq", "no2")}
    with Client(stac_service("planetary-computer", asked.endpoints)) as client:
        found = search_items(client, [MIRROR_COLLECTION], asked.bbox, period, conditions)
        for item in found:
            granule = read_or_leave(read_granule, item, "id")
            if granule is not None:
                yield granule


def _at_a_hub(asked: Acquire, period: Period) -> Iterator[Granule | LeftOut]:
    terms = {"platformname": "Sentinel-5 Precursor", "producttype": S5P_PRODUCT}
    for entry in query_hub(service("dhus", asked.endpoints), asked.bbox, period, terms):
        found: Granule | LeftOut | None = (
            entry if isinstance(entry, LeftOut)
            else named_granule(entry.id, entry.remote, entry.footprint)
        )  # fmt: skip
        if found is not None:
            yield found


def _question(asked: Acquire, period: Period) -> dict[str, Any]:
    return {
        "bbox": list(asked.bbox), "start": period.start.isoformat(),
        "end": period.end.isoformat(), "streams": list(asked.sentinel5p.streams),
        "download": asked.sentinel5p.download,
    }  # fmt: skip


def _warn(provider: str, chosen: list[RemoteProduct], period: Period) -> None:
    # A mirror that has stalled answers a search as one does that has it all.
    days = sorted({product.time.date() for product in chosen})
    ends = [period.start - DAY, *days, period.end + DAY]
    widest = max(pairwise(ends), key=lambda pair: pair[1] - pair[0])
    if widest[1] - widest[0] > GAP:
        log.warning("%s: no granule from %s to %s", provider, widest[0] + DAY, widest[1] - DAY)
    versions = sorted({str(item.properties.get("processor_version")) for item in chosen})
    if len(versions) > 1:
        log.warning("%s: processor versions are mixed: %s", provider, ", ".join(versions))


def choose(
    found: Iterable[Granule], asked: Acquire, period: Period
) -> tuple[list[RemoteProduct], list[LeftOut]]:
    """The best version of each orbit that meets the area, and the other versions.

    The rule is the one for files that the user has: reprocessed before offline before near real
    time, then the newest processor. A granule belongs to the day on which it starts.
    """
    area = box(*asked.bbox)
    kept: dict[str, RemoteProduct] = {}
    for granule in found:
        product = granule.product
        inside = period.start <= product.time.date() <= period.end
        stream = product.properties["s5p:stream"] in asked.sentinel5p.streams
        if inside and stream and meets(granule.footprint, area):
            kept.setdefault(product.id, product)
    best = {item.id for item in one_version_an_orbit(map(_as_item, kept.values()))}
    reason = "a better version of the same orbit is taken"
    return (
        [kept[name] for name in sorted(best)],
        [LeftOut(id=name, reason=reason) for name in sorted(kept) if name not in best],
    )


def read_granule(item: Mapping[str, Any], scheme: str = "https") -> Granule | LeftOut | None:
    """A granule from a STAC item, by the official name of its file; None for another gas.

    The name is that of the asset: Planetary Computer's items have shortened ids. Of several
    addresses of the file one of ``scheme`` is taken if there is one.
    """
    identity = str(item["id"])
    offers = [remote_file(offer) for offer in _offers(item)]
    named = [(_official_name(offer.href, identity), offer) for offer in offers]
    usable = [(name, offer) for name, offer in named if name is not None]
    usable.sort(key=lambda pair: not pair[1].href.startswith(f"{scheme}:"))
    if usable:
        place = footprint(item)
        if place is None:
            return LeftOut(id=usable[0][0], reason=NOWHERE)
        return named_granule(*usable[0], place, bounding_box(item, place))
    if "L2__" in identity and "NO2" not in identity:
        return None
    return LeftOut(id=identity, reason="the item has no file with the name of an NO2 granule")


def named_granule(
    name: str, remote: RemoteFile, place: BaseGeometry, bbox: Box | None = None
) -> Granule | LeftOut | None:
    """The granule of an official name; None for another gas."""
    named = NAME.fullmatch(name)
    if named is None:
        return LeftOut(id=name, reason="its name is no official one")
    if named["kind"] != S5P_PRODUCT:
        return None
    start, properties = of_name(named)
    product = RemoteProduct(
        id=name, time=start, bbox=bbox or place.bounds, files={"product": remote},
        properties=properties,
    )  # fmt: skip
    return Granule(product, place)


def _official_name(href: str, identity: str) -> str | None:
    """The granule's name from a file's address, or from the item where the address has none."""
    stem = PurePosixPath(href).name.removesuffix(".nc")
    for text in (stem, identity.removesuffix(".nc")):
        if NAME.fullmatch(text) and (text == stem or href.endswith((".nc", "/$value"))):
            return text
    return None


def _offers(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every address of every asset, with what is stated of the file."""
    for asset in (item.get("assets") or {}).values():
        for offer in (asset, *(asset.get("alternate") or {}).values()):
            if offer.get("href"):
                yield {**asset, **offer}


def _as_item(product: RemoteProduct) -> Product:
    return Product(product.id, SENTINEL5P, product.time, product.bbox, {}, product.properties)
