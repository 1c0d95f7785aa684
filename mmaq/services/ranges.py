"""Remote files read in ranges: what was fetched once is kept on disk."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from mmaq.base.errors import ServiceError
from mmaq.services import waiting
from mmaq.services.blocks import BLOCK, Blocks
from mmaq.services.client import AGAIN, Client
from mmaq.services.faults import Broken, Changed, Gone, plain
from mmaq.services.opened import Opened, open_http

LOG = logging.getLogger(__name__)


def unsigned(href: str) -> str:
    """The address as it is: for services that sign nothing."""
    return href


class RangeCache:
    """A remote file that is read in ranges; complete 64 KiB blocks stay in ``folder``.

    ``sign`` makes the address that is asked from ``href`` (a short-lived signature, never kept);
    ``on_moved`` gives a new ``href`` once the old one answers 404 or 410. Safe between threads and
    under kill -9. ``fetched`` counts the bytes that came over the network through this object.
    """

    def __init__(
        self,
        client: Client,
        href: str,
        folder: Path,
        sign: Callable[[str], str] = unsigned,
        on_moved: Callable[[], str] | None = None,
    ) -> None:
        self.client, self.href, self.folder = client, href, folder
        self.sign, self.on_moved, self.fetched = sign, on_moved, 0
        self._lock = threading.RLock()
        self._kept = Blocks.load(folder)

    @property
    def size(self) -> int:
        """Bytes of the whole remote file; asks the service the first time."""
        return self._blocks().size

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``, fewer only at the file's end.

        Raises:
            Gone, Changed, ServiceError: as Client; Changed when the file was replaced meanwhile
                (what was kept is discarded then, and reading it again works).
        """
        self.fetch([(offset, size)])
        stop = min(offset + size, self.size)
        return self._blocks().read(offset, stop) if offset < stop else b""

    def holds(self, ranges: list[tuple[int, int]]) -> bool:
        """Whether all of these (offset, size) are on disk, and the size of the file is known."""
        with self._lock:
            return self._kept is not None and not _joined(self._kept, ranges)

    def fetch(self, ranges: list[tuple[int, int]]) -> None:
        """Have all of these (offset, size) on disk; neighbouring blocks come in one request."""
        with self._lock:
            kept, barren = self._blocks(), 0
            while runs := _joined(kept, ranges):
                before = self.fetched
                try:
                    for start, stop in runs:
                        self._ask(start, stop)
                except Broken as fault:
                    barren = 0 if self.fetched - before >= BLOCK else barren + 1
                    self._pause(fault, barren)

    def discard(self) -> None:
        """Remove what is kept."""
        with self._lock:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._kept = None

    def _blocks(self) -> Blocks:
        with self._lock:
            barren = 0
            while self._kept is None:
                try:
                    self._ask(0, BLOCK)
                except Broken as fault:
                    barren += 1
                    self._pause(fault, barren)
            return self._kept

    def _pause(self, fault: Broken, barren: int) -> None:
        """Wait before the next attempt; ServiceError after too many that brought no block."""
        if barren >= self.client.attempts:
            raise ServiceError(fault.where, f"{fault.fault}, {barren} times", AGAIN) from None
        pause = waiting.backoff(barren + 1)
        LOG.warning("%s: %s; goes on in %.0f s", fault.where, fault.fault, pause)
        waiting.wait(pause)

    def _ask(self, start: int, stop: int) -> None:
        """Fetch bytes ``start`` to ``stop``, both on block boundaries."""
        known = self._kept.validator if self._kept else ""
        try:
            with open_http(self.client, self.sign(self.href), start, stop, known) as opened:
                self._take(opened, start, stop)
        except Gone:
            if self.on_moved is None:
                raise
            self.href, self.on_moved = self.on_moved(), None  # asked for once
            self._ask(start, stop)

    def _take(self, opened: Opened, start: int, stop: int) -> None:
        kept = self._same(opened)
        if opened.start > start:
            raise Broken(plain(self.href), "another part came than was asked for", AGAIN)
        # A service that knows no ranges sends everything from 0: blocks on the way are kept too.
        position, waiting_bytes = opened.start, bytearray()
        for chunk in opened.chunks:
            self.fetched += len(chunk)
            waiting_bytes += chunk
            while waiting_bytes and len(waiting_bytes) >= min(BLOCK, kept.size - position):
                block = bytes(waiting_bytes[:BLOCK])
                del waiting_bytes[:BLOCK]
                kept.write(position, block)
                position += len(block)
            if position >= min(stop, kept.size):
                return
        raise Broken(plain(self.href), "the answer ended early", AGAIN)

    def _same(self, opened: Opened) -> Blocks:
        """The blocks to add to, once it is clear that the file is still the one they are of."""
        if opened.total is None:
            fault = "does not tell the size of the file"
            raise ServiceError(plain(self.href), fault, "Try another provider")
        kept = self._kept
        if kept is None:
            kept = self._kept = Blocks.begin(self.folder, opened.total, opened.validator)
        elif (opened.total, opened.validator) != (kept.size, kept.validator):
            kept.discard()
            self._kept = None
            fault = "the file changed at the service while it was read"
            raise Changed(plain(self.href), fault, AGAIN)
        return kept


def _joined(kept: Blocks, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs of bytes that are missing of all ranges, in order, neighbours as one."""
    runs: list[tuple[int, int]] = []
    wanted = [(offset, min(offset + size, kept.size)) for offset, size in ranges]
    found = {run for begin, end in wanted if begin < end for run in kept.missing(begin, end)}
    for start, stop in sorted(found):
        if runs and start <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((start, stop))
    return runs
