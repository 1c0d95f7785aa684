"""Searches of STAC services by pystac-client, through our own client: retries, slots, proxies.

pystac-client follows a page that repeats for ever, and takes a page without items for the last
even where a next one is named; both would be silent. The pages are therefore followed here.
Sources: STAC API 1.0.0, item search and its query and filter extensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urljoin

from pystac_client import Client as Catalogue
from pystac_client.stac_api_io import StacApiIO

from mmaq.base.errors import ServiceError
from mmaq.config.data import Period
from mmaq.services.client import Client
from mmaq.services.endpoints import Service, service
from mmaq.services.faults import Gone, plain

REMEDY = "Run the same command later, or set another address in acquire.endpoints"

PAGE = 100
"""Items a page: full items of Sentinel-2 take 30 KB each, and gateways time out on more."""

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


class PoliteIO(StacApiIO):
    """pystac-client's way to the service: every request goes through our client."""

    def __init__(self, client: Client) -> None:
        super().__init__(max_retries=None)
        self.client = client

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """One document, as text."""
        return json.dumps(self._ask(method or "GET", href, parameters or {}))

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every page of a search or a list, to the one that names no next.

        Raises:
            ServiceError: a page repeats, is no page, or fewer come than the first says there are.
        """
        following: tuple[str, str, dict[str, Any]] | None = (method or "GET", url, parameters or {})
        asked: set[str] = set()
        known: set[str] = set()
        there: int | None = None
        while following:
            key = json.dumps(following, sort_keys=True)
            page = {} if key in asked else self._ask(*following)
            found = self._identities(page, len(asked) + 1)
            if key in asked or (found and found <= known):
                fault = f"page {len(asked) + 1} of the list repeats an earlier one"
                raise ServiceError(_where(self.client), fault, REMEDY)
            asked.add(key)
            known |= found
            there = _stated_number(page) if there is None else there
            yield page
            following = self._following(page, following)
        if there is not None and len(known) < there:
            fault = f"lists {len(known)} items where it says it has {there}"
            raise ServiceError(_where(self.client), fault, REMEDY)

    def _ask(self, method: str, url: str, parameters: dict[str, Any]) -> Any:
        try:
            if method.upper() == "POST":
                return self.client.post_json(url, parameters)
            return self.client.get_json(url, parameters or None)
        except Gone as fault:
            told = f"has no STAC there ({fault.fault})"
            raise ServiceError(_where(self.client), told, REMEDY) from None

    def _identities(self, page: Any, number: int) -> set[str]:
        """Ids on a page, each with its collection: two collections may share one."""
        if not isinstance(page, dict):
            page = {"features": None}
        things = page.get("features", page.get("collections", []))
        try:
            return {f"{thing.get('collection', '')}/{thing['id']}" for thing in things}
        except (AttributeError, KeyError, TypeError):
            fault = f"page {number} of the list is no page of STAC"
            raise ServiceError(_where(self.client), fault, REMEDY) from None

    def _following(
        self, page: Mapping[str, Any], current: tuple[str, str, dict[str, Any]]
    ) -> tuple[str, str, dict[str, Any]] | None:
        """Method, address and parameters of the next page."""
        links = (link for link in page.get("links", []) if link.get("rel") == "next")
        link = next(links, None)
        if link is None:
            return None
        method = str(link.get("method", "GET")).upper()
        body = link.get("body", {})
        if link.get("merge"):
            body = {**current[2], **body}
        return method, urljoin(current[1], link["href"]), body if method == "POST" else {}


def search_items(
    client: Client,
    collections: list[str],
    bbox: tuple[float, float, float, float],
    period: Period,
    conditions: Mapping[str, tuple[str, Any]],
) -> Iterator[dict[str, Any]]:
    """All items of the collections that meet ``bbox`` in the period, as plain JSON.

    ``conditions`` gives by property an operator ("lte", "eq") and a value. They are sent to a
    service that can apply them and applied here in any case; an item that lacks the property
    passes. The search goes month by month, so that a fault costs one month.

    Raises:
        ServiceError: the service cannot be reached, is no STAC API, or its pages repeat.
    """
    pages = PoliteIO(client)
    catalogue = _open(pages)
    sent = _sent(catalogue, conditions)
    for first, last in period.parts("month").values():
        asked = catalogue.search(
            collections=collections, bbox=bbox, datetime=_interval(first, last), limit=PAGE, **sent
        )
        for page in pages.get_pages(asked.url, asked.method, asked.get_parameters()):
            yield from (item for item in page["features"] if _meets(item, conditions))


def collection_ids(client: Client) -> list[str]:
    """Ids of all collections of the service, over all pages of its list."""
    pages = PoliteIO(client).get_pages(f"{client.service.url}/collections")
    return [found["id"] for page in pages for found in page.get("collections", [])]


def _open(pages: PoliteIO) -> Catalogue:
    where = _where(pages.client)
    try:
        catalogue = Catalogue.open(pages.client.service.url, stac_io=pages)
    except ServiceError:
        raise
    except Exception as fault:  # pystac raises many types for a document that is no catalogue
        name = type(fault).__name__
        raise ServiceError(where, f"is no STAC service ({name})", REMEDY) from None
    if not catalogue.conforms_to("ITEM_SEARCH"):
        raise ServiceError(where, "is a STAC catalogue without a search", REMEDY)
    return catalogue


def _sent(catalogue: Catalogue, conditions: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """The conditions in the language that the service understands, if any."""
    if not conditions:
        return {}
    if catalogue.conforms_to("QUERY"):
        return {"query": {key: {sign: value} for key, (sign, value) in conditions.items()}}
    if catalogue.conforms_to("FILTER"):
        parts = [
            {"op": OPERATORS[sign], "args": [{"property": key}, value]}
            for key, (sign, value) in conditions.items()
        ]
        return {"filter": {"op": "and", "args": parts}, "filter_lang": "cql2-json"}
    return {}


def _meets(item: Mapping[str, Any], conditions: Mapping[str, tuple[str, Any]]) -> bool:
    stated = item.get("properties") or {}
    for key, (sign, value) in conditions.items():
        held = stated.get(key)
        if held is not None and not (held <= value if sign == "lte" else held == value):
            return False
    return True


def _interval(first: date, last: date) -> str:
    return f"{first.isoformat()}T00:00:00Z/{last.isoformat()}T23:59:59Z"


def _stated_number(page: Mapping[str, Any]) -> int | None:
    """How many items the service says there are, on all pages, where it says so."""
    number = page.get("numberMatched", (page.get("context") or {}).get("matched"))
    return number if isinstance(number, int) else None


def _where(client: Client) -> str:
    return f"{client.service.name} ({plain(client.service.url)})"
