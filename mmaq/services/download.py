"""One remote file to disk: resumed, verified, renamed when it is whole."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from mmaq.base.errors import ServiceError
from mmaq.services import waiting
from mmaq.services.checksums import difference, digests
from mmaq.services.client import AGAIN, Client
from mmaq.services.faults import Broken, Changed, plain
from mmaq.services.opened import CHUNK, Opened, open_http
from mmaq.services.part import Part, note_of, open_part
from mmaq.services.remote_file import RemoteFile
from mmaq.services.s3 import open_s3

STARTS = 3
"""Times a file is fetched from its first byte while it does not verify."""

LOG = logging.getLogger(__name__)

Progress = Callable[[int], None]


def fetch_file(
    client: Client, remote: RemoteFile, path: Path, progress: Progress | None = None
) -> str:
    """Download ``remote`` to ``path`` and return the file's SHA-256.

    A ``.part`` beside it grows and is resumed by ranges, also by a later process; the size and
    every checksum known are verified, then it is renamed. A file that is there already and
    verifies is kept. ``progress`` is told the bytes that came. s3:// goes through the object
    store's own protocol.

    Raises:
        Gone: the file is no longer at its address.
        ServiceError: it cannot be had, or is another one than the manifest's (both sums are
            named), or the disk is full (the part is kept).
    """
    if path.exists():
        found = digests(path)
        if not difference(found, remote):
            note_of(path).unlink(missing_ok=True)
            return found.sha256
        LOG.warning("%s: not the manifest's file, fetched anew", path)
    fault = ""
    for _ in range(STARTS):
        with open_part(path) as part:
            if part is None:
                return fetch_file(client, remote, path, progress)
            _complete(client, remote, part, progress or (lambda _: None))
            found = digests(part.path)
            fault = difference(found, remote)
            if not fault:
                part.finish()
                return found.sha256
            part.begin("")
        LOG.warning("%s: %s; fetched anew", plain(remote.href), fault)
    fault = f"{fault}, {STARTS} times"
    remedy = "Search again: `mmaq acquire plan` makes a new manifest; or tell the service"
    raise ServiceError(plain(remote.href), fault, remedy)


def _complete(client: Client, remote: RemoteFile, part: Part, progress: Progress) -> None:
    """Fetch until the part is whole. Attempts that bring next to nothing are limited."""
    barren = 0
    while True:
        before = part.size
        try:
            if _fetch(client, remote, part, progress):
                return
            fault: ServiceError = Broken(plain(remote.href), "the answer ended early", AGAIN)
        except Changed as changed:
            part.begin("")
            fault = changed
        except Broken as broken:
            fault = broken
        barren = 0 if part.size - before >= CHUNK else barren + 1
        if barren >= client.attempts:
            raise ServiceError(fault.where, f"{fault.fault}, {barren} times", fault.remedy)
        pause = waiting.backoff(barren + 1)
        LOG.warning("%s: %s; goes on in %.0f s", fault.where, fault.fault, pause)
        waiting.wait(pause)


def _fetch(client: Client, remote: RemoteFile, part: Part, progress: Progress) -> bool:
    """Fetch what is missing, in one answer; whether the part is whole then."""
    known = part.validator
    verifiable = known or remote.md5 or remote.blake3 or remote.sha256
    if not verifiable or (remote.bytes is not None and part.size > remote.bytes):
        part.begin("")  # bytes of an unknown state could be joined to those of another
    if remote.bytes is not None and part.size == remote.bytes:
        return True
    with _open(client, remote.href, part.size, known) as opened:
        total = remote.bytes if opened.total is None else opened.total
        if remote.bytes is not None and total != remote.bytes:
            fault = f"the file has {total} bytes there, {remote.bytes} in the manifest"
            remedy = "Search again: `mmaq acquire plan` makes a new manifest"
            raise ServiceError(plain(remote.href), fault, remedy)
        moved = known and opened.validator and opened.validator != known
        if opened.start != part.size and opened.start != 0:
            raise Changed(plain(remote.href), "another part came than was asked for", AGAIN)
        if opened.start != part.size or part.size == 0:
            part.begin(opened.validator)
        elif moved:
            raise Changed(plain(remote.href), "the file changed at the service", AGAIN)
        for chunk in opened.chunks:
            part.append(chunk)
            progress(len(chunk))
    # Without any stated length, the end of the answer is the end of the file.
    return total is None or part.size == total


def _open(client: Client, href: str, start: int, known: str) -> AbstractContextManager[Opened]:
    if href.startswith("s3:"):
        return open_s3(client, href, start, known)
    return open_http(client, href, start, None, known)
