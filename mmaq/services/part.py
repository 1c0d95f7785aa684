"""The file that grows beside the one wanted: ``NAME.part``, with a note of what it is part of.

The note (``NAME.part.of``) holds the validator (ETag) that came with the first byte, so that a
later process can tell whether the file at the service is still the same one.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from mmaq.base import stopping
from mmaq.base.errors import ServiceError
from mmaq.base.files import replacing
from mmaq.services.faults import DiskFull


@contextmanager
def naming_a_full_disk(path: Path) -> Iterator[None]:
    """Turn a full disk, or a used-up quota, into a ServiceError that names ``path``."""
    try:
        yield
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        remedy = "Free space and run the same command again: it goes on from there"
        raise DiskFull(path, "the disk is full", remedy) from None


class Part:
    """A growing file, locked against other processes that fetch the same one."""

    def __init__(self, path: Path, wanted: Path, stream: FileIO) -> None:
        self.path, self._wanted, self._stream = path, wanted, stream
        self._note = note_of(wanted)

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


def note_of(wanted: Path) -> Path:
    """Where the note lies while ``wanted`` comes, or was left by a process killed at the end."""
    return wanted.with_name(f"{wanted.name}.part.of")


@contextmanager
def open_part(wanted: Path) -> Iterator[Part | None]:
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
        yield Part(path, wanted, stream) if ours else None
