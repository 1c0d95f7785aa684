"""Searches of STAC services through our own client: retries, slots, proxies.

Not by pystac-client, which follows a page that repeats for ever, and takes a page without items for
the last even where a next one is named; both would be silent.
Sources: STAC API 1.0.0, item search and its query and filter extensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urljoin

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.items import Box, read_or_leave
from mmaq.acquire.search.paging import every_page
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import Service, service
from mmaq.acquire.services.faults import Gone
from mmaq.base.errors import ServiceError
from mmaq.config.data import Period

REMEDY = "Run the same command later, or set another address in acquire.endpoints"

PAGE = 100
"""Items a page: full items of Sentinel-2 take 30 KB each, and gateways time out on more."""

Place = tuple[str, str, dict[str, Any]]
"""Method, address and parameters of a page."""

OPERATORS = {"lte": "<=", "eq": "="}


def stac_service(name: str, endpoints: Mapping[str, str]) -> Service:
    """The STAC service of a provider; Planetary Computer's and the Data Space's lie beside others.

    Raises:
        ServiceError: there is no such service, or its address is none.
    """
    if name == "cdse":
        return service("cdse-stac", endpoints)
    found = service(name, endpoints)
    return replace(found, url=f"{found.url}/stac/v1") if name == "planetary-computer" else found


def search_items(
    client: Client,
    collections: list[str],
    bbox: Box,
    period: Period,
    conditions: Mapping[str, tuple[str, Any]],
) -> Iterator[dict[str, Any] | LeftOut]:
    """All items of the collections that meet ``bbox`` in the period, as plain JSON.

    ``conditions`` gives by property an operator ("lte", "eq") and a value. They are sent to a
    service that can apply them and applied here in any case; an item that lacks the property
    passes, and one whose property compares with nothing is left out. The search goes month by
    month, so that a fault costs one month; what lies on the first moment of the next comes, too.

    Raises:
        ServiceError: the service cannot be reached, is no STAC API, or its pages repeat.
    """
    url, classes = _search_of(client)
    asked = {"collections": collections, "bbox": list(bbox), "limit": PAGE}
    asked |= _sent(classes, conditions)
    for first, last in period.parts("month").values():
        after = last + timedelta(days=1)  # scenes are taken within the last second of a day, too
        span = {"datetime": f"{first.isoformat()}T00:00:00Z/{after.isoformat()}T00:00:00Z"}
        for page in get_pages(client, url, "POST", asked | span):
            for item in page["features"]:
                meets = read_or_leave(partial(_meets, conditions=conditions), item, "id")
                if isinstance(meets, LeftOut):
                    yield meets
                elif meets:
                    yield item


def _search_of(client: Client) -> tuple[str, list[str]]:
    """Address of the service's search, and what its landing page says that it conforms to."""
    landing = _ask(client, "GET", client.service.url, {})
    if not isinstance(landing, dict) or landing.get("type") != "Catalog":
        raise ServiceError(client.service.where, "is no STAC service", REMEDY)
    try:
        links = {link.get("rel"): link.get("href") for link in landing.get("links") or []}
        classes = [str(name) for name in landing.get("conformsTo") or []]
    except (AttributeError, TypeError):
        raise ServiceError(client.service.where, "is no STAC service", REMEDY) from None
    if not links.get("search") or not any("item-search" in name for name in classes):
        raise ServiceError(client.service.where, "is a STAC catalogue without a search", REMEDY)
    return urljoin(f"{client.service.url}/", str(links["search"])), classes


def collection_ids(client: Client) -> list[str]:
    """Ids of all collections of the service, over all pages of its list."""
    pages = get_pages(client, f"{client.service.url}/collections", holds="collections")
    return [found["id"] for page in pages for found in page["collections"]]


def get_pages(
    client: Client,
    url: str,
    method: str = "GET",
    parameters: Mapping[str, Any] = {},
    holds: str = "features",
) -> Iterator[dict[str, Any]]:
    """Every page of a search, or of a list of what it ``holds``; as ``every_page``."""
    first, read = (method, url, dict(parameters)), partial(_read, holds=holds)
    return every_page(client.service.where, "STAC", first, lambda at: _ask(client, *at), read)


def _ask(client: Client, method: str, url: str, parameters: Mapping[str, Any]) -> Any:
    try:
        if method == "POST":
            return client.post_json(url, parameters)
        return client.get_json(url, parameters or None)
    except Gone as fault:
        told = f"has no STAC there ({fault.fault})"
        raise ServiceError(client.service.where, told, REMEDY) from None


def _read(
    page: dict[str, Any], place: Place, holds: str
) -> tuple[set[str], Place | None, int | None]:
    """Ids on a page, each with its collection (two may share one), the next page, and the count."""
    ids = {f"{thing.get('collection', '')}/{thing['id']}" for thing in page[holds]}
    number = page.get("numberMatched", (page.get("context") or {}).get("matched"))
    return ids, _following(page, place), number if isinstance(number, int) else None


def _following(page: Mapping[str, Any], current: Place) -> Place | None:
    """Method, address and parameters of the next page."""
    link = next((link for link in page.get("links") or [] if link.get("rel") == "next"), None)
    if link is None:
        return None
    method, body = str(link.get("method", "GET")).upper(), link.get("body", {})
    if link.get("merge"):
        body = {**current[2], **body}
    return method, urljoin(current[1], link["href"]), body if method == "POST" else {}


def _sent(classes: list[str], conditions: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """The conditions in the language that the service understands, if any."""
    if conditions and any("item-search#query" in name for name in classes):
        return {"query": {key: {sign: value} for key, (sign, value) in conditions.items()}}
    if conditions and any("item-search#filter" in name for name in classes):
        parts = [
            {"op": OPERATORS[sign], "args": [{"property": key}, value]}
            for key, (sign, value) in conditions.items()
        ]
        return {"filter": {"op": "and", "args": parts}, "filter-lang": "cql2-json"}
    return {}


def _meets(item: Mapping[str, Any], conditions: Mapping[str, tuple[str, Any]]) -> bool:
    stated = item.get("properties") or {}
    for key, (sign, value) in conditions.items():
        held = stated.get(key)
        if held is not None and not (held <= value if sign == "lte" else held == value):
            return False
    return True
