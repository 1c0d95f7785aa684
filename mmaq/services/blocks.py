"""Blocks of one remote file on disk, written so that a stop at any moment costs at most one.

``data`` is a sparse file of the remote one's size; ``blocks`` holds four bytes a block, its CRC-32
written after its data, or 0; ``about.json`` tells the size and which state of the remote file it
is. Writing is by position and the same bytes always go to the same place, so that threads and
processes do not disturb each other.
"""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import numpy as np

from mmaq.base.errors import ServiceError
from mmaq.base.files import read_json, replacing, write_json
from mmaq.services.part import naming_a_full_disk

BLOCK = 65536


class Blocks:
    """The blocks of a file of ``size`` bytes that are kept in ``folder``."""

    def __init__(self, folder: Path, size: int, validator: str) -> None:
        self.folder, self.size, self.validator = folder, size, validator
        self._data, self._marks = folder / "data", folder / "blocks"
        self._sums = np.fromfile(self._marks, dtype="<u4")
        self._sound = np.zeros(self._sums.size, dtype=bool)  # looked at by this process

    @classmethod
    def begin(cls, folder: Path, size: int, validator: str) -> Blocks:
        """Nothing kept yet; what an older state of the file left behind is removed."""
        with naming_a_full_disk(folder), replacing(folder) as temporary:
            temporary.mkdir()
            with open(temporary / "data", "wb") as stream:
                stream.truncate(size)
            with open(temporary / "blocks", "wb") as stream:
                stream.truncate(4 * -(-size // BLOCK))
            write_json(temporary / "about.json", {"size": size, "validator": validator})
        return cls(folder, size, validator)

    @classmethod
    def load(cls, folder: Path) -> Blocks | None:
        """What a former process kept; None when that is nothing, or not sound."""
        try:
            about = read_json(folder / "about.json", ServiceError, "")
            kept = cls(folder, int(about["size"]), str(about["validator"]))
            whole = (folder / "data").stat().st_size == kept.size
        except (ServiceError, OSError, KeyError, TypeError, ValueError):
            return None
        return kept if whole and kept._sums.size == -(-kept.size // BLOCK) else None

    def discard(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def missing(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Runs of bytes within ``start`` to ``stop`` that are not there, on block boundaries."""
        runs: list[tuple[int, int]] = []
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            if self._has(number):
                continue
            begin, end = number * BLOCK, min((number + 1) * BLOCK, self.size)
            if runs and runs[-1][1] == begin:
                begin = runs.pop()[0]
            runs.append((begin, end))
        return runs

    def write(self, start: int, block: bytes) -> None:
        """Keep a whole block; ServiceError when the disk is full."""
        number, total = start // BLOCK, max(zlib.crc32(block), 1)
        with naming_a_full_disk(self._data):
            _write(self._data, block, start)
            _write(self._marks, total.to_bytes(4, "little"), 4 * number)
        self._sums[number], self._sound[number] = total, True

    def read(self, start: int, stop: int) -> bytes:
        """Bytes that are there."""
        with open(self._data, "rb", buffering=0) as stream:
            return os.pread(stream.fileno(), stop - start, start)

    def _has(self, number: int) -> bool:
        if self._sums[number] and not self._sound[number]:
            start = number * BLOCK
            block = self.read(start, min(start + BLOCK, self.size))
            # A power cut can leave the mark without its data.
            self._sound[number] = max(zlib.crc32(block), 1) == self._sums[number]
        return bool(self._sound[number])


def _write(path: Path, content: bytes, start: int) -> None:
    with open(path, "r+b", buffering=0) as stream:
        left = memoryview(content)
        while left:
            written = os.pwrite(stream.fileno(), left, start)
            left, start = left[written:], start + written
