"""One remote file to disk: resumed, verified, renamed when it is whole.

What grows beside it is ``NAME.part``, with a note of what it is part of: ``NAME.part.of`` holds the
validator (ETag) that came with the first byte, so that a later process can tell whether the file at
the service is still the same one.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from os import PathLike
from pathlib import Path

import requests
from blake3 import blake3
from pydantic import BaseModel, ConfigDict

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.faults import AGAIN, SEARCH, Changed, Passing, naming_a_full_disk, plain
from mmaq.acquire.services.limits import Attempts
from mmaq.base import stopping
from mmaq.base.errors import ServiceError
from mmaq.base.files import replacing

CHUNK = 65536
"""Bytes that are taken over at once: what a kill or a broken connection may cost at most."""

STARTS = 3
"""Times a file is fetched from its first byte while it does not verify."""

LOG = logging.getLogger(__name__)

Progress = Callable[[int], None]


class RemoteFile(BaseModel):
    """A file at a service, as far as it is known before it is fetched.

    ``bytes`` is its size; checksums are hexadecimal, None where unknown. ``href`` is an https, http
    or s3 address without a query that signs it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    href: str
    bytes: int | None = None
    md5: str | None = None
    blake3: str | None = None
    sha256: str | None = None

    @property
    def verifiable(self) -> bool:
        """Whether a checksum is known."""
        return bool(self.md5 or self.blake3 or self.sha256)


@dataclass(frozen=True)
class Digests:
    """Size of a file in bytes, and its checksums in hexadecimal."""

    bytes: int
    md5: str
    blake3: str
    sha256: str


def digests(path: str | PathLike[str]) -> Digests:
    """Size and checksums of a file, in one pass over it."""
    size, md5, sha256 = 0, hashlib.md5(usedforsecurity=False), hashlib.sha256()
    tree = blake3()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            for digest in (md5, sha256, tree):
                digest.update(block)
    return Digests(size, md5.hexdigest(), tree.hexdigest(), sha256.hexdigest())


def difference(found: Digests, remote: RemoteFile) -> str:
    """How a file differs from the manifest, naming both values; "" when nothing does."""
    for name in ("bytes", "md5", "blake3", "sha256"):
        wanted, value = getattr(remote, name), getattr(found, name)
        if wanted is not None and str(wanted).lower() != str(value):
            name = "size" if name == "bytes" else name.upper()
            return f"its {name} is {value}, the manifest says {wanted}"
    return ""


def fetch_file(
    client: Client, remote: RemoteFile, path: Path, progress: Progress | None = None
) -> str:
    """Download ``remote`` to ``path`` and return the file's SHA-256.

    A ``.part`` beside it grows and is resumed by ranges, also by a later process; the size and
    every checksum known are verified, then it is renamed. A file that is there already and
    verifies is kept. ``progress`` is told the bytes that came.

    Raises:
        Gone: the file is no longer at its address.
        ServiceError: it cannot be had, or is another one than the manifest's (both sums are
            named), or the disk is full (the part is kept).
    """
    if path.exists():
        found = digests(path)
        if not difference(found, remote):
            _note_of(path).unlink(missing_ok=True)
            return found.sha256
        LOG.warning("%s: not the manifest's file, fetched anew", path)
    for _ in range(STARTS):
        with _open_part(path) as part:
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
    raise ServiceError(
        plain(remote.href), f"{fault}, {STARTS} times", f"{SEARCH}; or tell the service"
    )


def _complete(client: Client, remote: RemoteFile, part: _Part, progress: Progress) -> None:
    """Fetch until the part is whole. Attempts that bring next to nothing are limited."""
    attempts = Attempts(client.attempts)
    while True:
        before = part.size
        try:
            if _fetch(client, remote, part, progress):
                return
            fault: ServiceError = Passing(plain(remote.href), "the answer ended early", AGAIN)
        except Changed as changed:
            part.begin("")
            fault = changed
        except Passing as passing:
            fault = passing
        attempts.failed(fault, brought=part.size - before >= CHUNK)


def _fetch(client: Client, remote: RemoteFile, part: _Part, progress: Progress) -> bool:
    """Fetch what is missing, in one answer; whether the part is whole then."""
    known = part.validator
    if not (known or remote.verifiable) or part.size > (remote.bytes or part.size):
        part.begin("")  # bytes of an unknown state could be joined to those of another
    start = part.size
    if start == remote.bytes:
        return True
    headers = {}
    if start:
        headers["Range"] = f"bytes={start}-"
        if known and not known.startswith("W/"):
            headers["If-Range"] = known
    where = plain(remote.href)
    with client.stream(remote.href, headers) as response:
        if response.status_code == 416:
            if response.headers.get("Content-Range") == f"bytes */{start}":
                return True  # it ends here: nothing is missing
            raise Changed(where, f"the file has no byte {start}, so it is not the one begun", AGAIN)
        begins, total = _extent(response, where)
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        total = remote.bytes if total is None else total
        if remote.bytes not in (None, total):
            fault = f"the file has {total} bytes there, {remote.bytes} in the manifest"
            raise ServiceError(where, fault, SEARCH)
        if begins not in (0, start):
            raise Changed(where, "another part came than was asked for", AGAIN)
        if begins == 0:
            part.begin(validator)  # also a service that knows no ranges sends all of it
        elif known and validator not in ("", known):
            raise Changed(where, "the file changed at the service", AGAIN)
        # As sent: a checksum is that of the stored file, however the server labels its encoding.
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            part.append(chunk)
            progress(len(chunk))
    # Without any stated length, the end of the answer is the end of the file.
    return total is None or part.size == total


def _extent(response: requests.Response, where: str) -> tuple[int, int | None]:
    """Where the body begins, and the size of the whole file, None where it is not told."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not found:
        fault = "answers a part of the file without saying which"
        raise ServiceError(where, fault, "Try another provider")
    return int(found[1]), None if found[2] == "*" else int(found[2])


class _Part:
    """A growing file, locked against other processes that fetch the same one."""

    def __init__(self, path: Path, wanted: Path, stream: FileIO) -> None:
        self.path, self._wanted, self._stream = path, wanted, stream
        self._note = _note_of(wanted)

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return os.fstat(self._stream.fileno()).st_size

    @property
    def validator(self) -> str:
        """What the service called the state of the file these bytes are of, "" if it did not."""
        return self._note.read_text(encoding="utf-8") if self._note.exists() else ""

    def begin(self, validator: str) -> None:
        """Forget all bytes; those to come are of the file in the state ``validator``."""
        self._stream.truncate(0)
        with naming_a_full_disk(self.path), replacing(self._note) as temporary:
            temporary.write_text(validator, encoding="utf-8")

    def append(self, block: bytes) -> None:
        """Add bytes; ServiceError when the disk is full (what was written before is kept)."""
        left = memoryview(block)
        stopping.check()
        with naming_a_full_disk(self.path):
            while left:
                left = left[self._stream.write(left) :]

    def finish(self) -> None:
        """Make it the file wanted; also a power cut then leaves the whole file or none."""
        os.fsync(self._stream.fileno())
        os.replace(self.path, self._wanted)
        self._note.unlink(missing_ok=True)


def _note_of(wanted: Path) -> Path:
    return wanted.with_name(f"{wanted.name}.part.of")


@contextmanager
def _open_part(wanted: Path) -> Iterator[_Part | None]:
    """The part of the file ``wanted``, made if need be; None once another process finished it.

    The lock is on a file that is open for writing, so that it holds between the nodes of a shared
    folder too, where the file system has such locks.

    Raises:
        ServiceError: it has none.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    path = wanted.with_name(f"{wanted.name}.part")
    with open(path, "ab", buffering=0) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as fault:
            remedy = "Have `data` on a file system with locks, by a link in its place if need be"
            raise ServiceError(path, f"cannot be locked ({fault.strerror})", remedy) from None
        # Whoever held the lock may have renamed the file that was opened here.
        ours = path.exists() and os.path.samestat(path.stat(), os.fstat(stream.fileno()))
        yield _Part(path, wanted, stream) if ours else None
