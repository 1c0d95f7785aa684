"""A remote file whose bytes begin to come, whichever protocol brings them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from mmaq.base.errors import ServiceError
from mmaq.services.client import Client
from mmaq.services.faults import Changed, plain

CHUNK = 65536
"""Bytes that are taken over at once: what a kill or a broken connection may cost at most."""


@dataclass(frozen=True)
class Opened:
    """Bytes from ``start`` on; ``total`` is the whole file's size, None where it is not told.

    ``validator`` tells one state of the file from another (an ETag or a date of change), "" where
    the service gives none.
    """

    start: int
    total: int | None
    validator: str
    chunks: Iterator[bytes]


@contextmanager
def open_http(
    client: Client, url: str, start: int, stop: int | None, known: str
) -> Iterator[Opened]:
    """Bytes ``start`` to ``stop`` (exclusive; None: to the end) of a file over HTTP.

    ``known`` is the validator of what is there already, "" when nothing is: the service then
    sends the whole file, from 0, when it has changed. So does a service that knows no ranges.

    Raises:
        Changed: the file ends before ``start``.
        Gone, Refused, Broken, ServiceError: as Client.stream.
    """
    headers = {}
    if start or stop is not None:
        headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        if known and not known.startswith("W/"):
            headers["If-Range"] = known
    with client.stream(url, headers) as response:
        if response.status_code == 416:
            if response.headers.get("Content-Range") == f"bytes */{start}":
                yield Opened(start, start, known, iter(()))  # it ends here: nothing is missing
                return
            fault = f"the file has no byte {start}, so it is not the one that was begun"
            raise Changed(plain(url), fault, "Run the same command again")
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        begins, total = _extent(response, url)
        # As sent: a checksum is that of the stored file, however the server labels its encoding.
        chunks = response.raw.stream(CHUNK, decode_content=False)
        yield Opened(begins, total, validator, chunks)


def _extent(response: requests.Response, url: str) -> tuple[int, int | None]:
    """Where the body begins, and the size of the whole file."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not found:
        fault = "answers a part of the file without saying which"
        raise ServiceError(plain(url), fault, "Try another provider")
    return int(found[1]), None if found[2] == "*" else int(found[2])
