"""Sentinel-5P NO2 granules of a period that meet the area: one version of each orbit."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from mmaq.acquire.manifest import LeftOut, Manifest, RemoteProduct, tell_left_out
from mmaq.acquire.search.dhus import query_hub
from mmaq.acquire.search.granules import Granule, choose, named_granule, read_granule
from mmaq.acquire.search.items import read_or_leave, span
from mmaq.acquire.search.odata import Listed, list_products
from mmaq.acquire.search.stac import REMEDY, collection_ids, search_items, stac_service
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.archive import SENTINEL5P
from mmaq.services.client import Client
from mmaq.services.endpoints import service
from mmaq.services.faults import plain
from mmaq.vocabulary import S5P_PRODUCT

DAY = timedelta(days=1)

GAP = 4 * DAY
"""Days without a granule over the area that are told of."""

MIRROR_COLLECTION = "sentinel-5p-l2-netcdf"
"""Planetary Computer's: all gases and streams, distinguished by s5p:product_name."""

log = logging.getLogger(__name__)


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

    The two are filled separately, and each has had gaps: what only one lists is taken, too.
    """
    listed: dict[str, Listed] = {}
    catalogue = service("cdse-catalogue", asked.endpoints)
    first, last = span(period)
    with Client(catalogue) as client:
        area = asked.bbox
        for entry in list_products(client, "SENTINEL-5P", S5P_PRODUCT, area, first, last):
            if isinstance(entry, LeftOut):
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
                in_stac.add(granule.product.id)
                granule = _completed(granule, listed, download, asked)
            if granule is not None:
                yield granule
    only = [entry for name, entry in listed.items() if name not in in_stac]
    if only:
        log.info("%d granules are listed by OData alone", len(only))
    for entry in only:
        granule = _from_listed(entry, download, asked)
        if granule is not None:
            yield granule


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
        where = f"{client.service.name} ({plain(client.service.url)})"
        fault = f"lists no collection of Sentinel-5P NO2 for {', '.join(lacking)}"
        raise ServiceError(where, fault, REMEDY)
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


def _from_listed(entry: Listed, download: str, asked: Acquire) -> Granule | LeftOut | None:
    item = {"id": entry.id, "bbox": list(entry.footprint.bounds)}
    found = named_granule(entry.id, entry.file(download, asked.sentinel5p.download), item)
    return Granule(found.product, entry.footprint) if isinstance(found, Granule) else found


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
        if isinstance(entry, LeftOut):
            yield entry
            continue
        item = {"id": entry.id, "bbox": list(entry.footprint.bounds)}
        found = named_granule(entry.id, entry.remote, item)
        if isinstance(found, Granule):
            yield Granule(found.product, entry.footprint)
        elif found is not None:
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
