"""A real STAC API (rustac) on loopback, behind a front that scripts faults and keeps a log.

    with stac_api(items, collections, folder) as api:
        api.server.script("/search", Status(429, {"Retry-After": "1"}))
        endpoints = {"earth-search": api.url}

What rustac's in-memory server does not do: the query, filter, sort and fields extensions, a list
of collections in pages, and items without a geometry or a bbox (it refuses to load them); those
are tested with ``paged`` instead, which answers with pages as given.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.faulty import Answer, Asked, FaultyServer, faulty

SEARCHES = [
    "https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/collections",
]  # fmt: skip


@dataclass
class StacApi:
    """``url`` is the landing page; ``server`` scripts faults by path, ``prefix`` included."""

    url: str
    server: FaultyServer


@contextmanager
def stac_api(
    items: Sequence[dict[str, Any]], folder: Path, prefix: str = "", more: Sequence[str] = ()
) -> Iterator[StacApi]:
    """Serve items by rustac, with a collection for each they name, and for each in ``more``."""
    front: dict[str, str] = {}

    def answer(asked: Asked) -> Answer | None:
        if not asked.path.startswith(prefix):
            return None
        found = forward(front["at"] + asked.path.removeprefix(prefix), asked)
        # rustac's links know no path of the landing page.
        found.body = found.body.replace(server.url.encode(), url.encode())
        return found

    (folder / "served").mkdir(parents=True, exist_ok=True)
    with faulty(folder / "served", answer) as server:
        url = server.url + prefix
        process, front["at"] = _start(_write(items, more, folder), server.url)
        try:
            yield StacApi(url, server)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def paged(
    pages: Sequence[dict[str, Any]], folder: Path, conforms: Sequence[str] = ()
) -> Iterator[StacApi]:
    """Answer searches with the given pages by their number; "next" is the number of the next one.

    A page is {"features": [...], "next": 1}; collections lists go by /collections?page=N.
    """

    def answer(asked: Asked) -> Answer | None:
        if asked.path == "/":
            return Answer.json(_landing(server.url, conforms))
        if asked.path in ("/search", "/collections"):
            body = json.loads(asked.body or b"{}")
            number = int(asked.query.get("page", [body.get("page", 0)])[0])
            return Answer.json(_page(server.url + asked.path, pages[number], asked.method))
        return None

    with faulty(folder, answer) as server:
        yield StacApi(server.url, server)


def _page(url: str, page: dict[str, Any], method: str) -> dict[str, Any]:
    kept = {key: value for key, value in page.items() if key != "next"}
    value = {"type": "FeatureCollection", "links": [], **kept}
    if "next" in page:
        link = {"rel": "next", "method": method, "href": url}
        if method == "POST":
            link |= {"body": {"page": page["next"]}, "merge": True}
        else:
            link["href"] = f"{url}?page={page['next']}"
        value["links"] = [link]
    return value


def _landing(url: str, conforms: Sequence[str]) -> dict[str, Any]:
    links = [
        {"rel": "self", "href": f"{url}/"},
        {"rel": "root", "href": f"{url}/"},
        {
            "rel": "search",
            "method": "POST",
            "href": f"{url}/search",
            "type": "application/geo+json",
        },
    ]
    return {
        "type": "Catalog", "stac_version": "1.0.0", "id": "paged", "description": "pages",
        "conformsTo": [*SEARCHES, *conforms], "links": links,
    }  # fmt: skip


def _write(items: Sequence[dict[str, Any]], more: Sequence[str], folder: Path) -> list[Path]:
    paths = []
    for name in sorted({str(item["collection"]) for item in items} | set(more)):
        extent = {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-01-01T00:00:00Z", None]]},
        }
        value = {
            "type": "Collection", "stac_version": "1.0.0", "id": name, "description": name,
            "license": "other", "extent": extent, "links": [],
        }  # fmt: skip
        paths.append(folder / f"{name}.collection.json")
        paths[-1].write_text(json.dumps(value))
    for number, item in enumerate(items):
        paths.append(folder / f"item_{number}.json")
        paths[-1].write_text(json.dumps({**item, "links": []}))
    return paths


def _start(paths: Iterable[Path], url: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    program = Path(sys.executable).with_name("rustac")
    process = subprocess.Popen(
        [program, "serve", "--addr", url, "--bind", f"127.0.0.1:{port}", *paths],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    at = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{at}/conformance").close()
            return process, at
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                break
            time.sleep(0.05)
    process.kill()
    raise RuntimeError("rustac does not serve")


def forward(url: str, asked: Asked) -> Answer:
    query = urllib.parse.urlencode(asked.query, doseq=True)
    request = urllib.request.Request(
        f"{url}?{query}" if query else url, asked.body or None, method=asked.method,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request) as response:
            return Answer(response.status, response.read(), {"Content-Type": "application/json"})
    except urllib.error.HTTPError as fault:
        return Answer(fault.code, fault.read())
