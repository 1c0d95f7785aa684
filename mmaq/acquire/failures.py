"""Products fetched side by side: those that fail after all retries are listed, the rest goes on."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from mmaq.acquire.services.faults import DiskFull
from mmaq.base.errors import MmaqError, ServiceError
from mmaq.base.files import write_json
from mmaq.base.pools import working

Task = TypeVar("Task")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Failures:
    """Faults by product, kept in ``failed_<name>.json`` beside the manifest.

    ``total`` is the number of products asked for, ``tolerated`` the share of them that may fail.
    """

    def __init__(self, manifest: Path, name: str, total: int, tolerated: float) -> None:
        self.path = manifest.parent / f"failed_{name}.json"
        self.name, self.total, self.tolerated = name, total, tolerated
        self._faults: dict[str, str] = {}

    def add(self, product: str, error: MmaqError) -> None:
        """Note that a product failed; of one that failed twice the first fault stays."""
        if product not in self._faults:
            log.warning("%s failed: %s", product, error)
            self._faults[product] = str(error)

    def __contains__(self, product: str) -> bool:
        return product in self._faults

    @property
    def too_many(self) -> bool:
        """Whether more products failed than are tolerated."""
        return len(self._faults) > self.tolerated * self.total

    def settle(self) -> None:
        """Write the list, or take an older one away when nothing failed.

        Raises:
            ServiceError: more products failed than are tolerated.
        """
        if not self._faults:
            self.path.unlink(missing_ok=True)
            return
        failed = [{"id": key, "fault": self._faults[key]} for key in sorted(self._faults)]
        write_json(self.path, {"failed": failed, "of": self.total})
        if self.too_many:
            first = failed[0]
            fault = (
                f"{len(failed)} of {self.total} products failed, the first {first['id']}: "
                f"{first['fault'].rstrip('.')} (all are listed in {self.path})"
            )
            remedy = "Run the same command again: it goes on from what is complete"
            raise ServiceError(self.name, fault, remedy)

    def side_by_side(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
    ) -> Iterator[tuple[Task, Result]]:
        """Each product with its result, but for those that failed, which are noted."""
        for task, result in side_by_side(function, tasks, threads):
            if isinstance(result, MmaqError):
                self.add(str(getattr(task, "id", task)), result)
            else:
                yield task, result


def side_by_side(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[tuple[Task, Result | MmaqError]]:
    """Each task with its result, or with the fault that ended it, in the order of the tasks.

    At most ``2 * threads`` tasks are begun and not yet handed on, so that results do not pile up.
    A full disk ends the whole, and so does what is no MmaqError.
    """
    with working(ThreadPoolExecutor(threads, "fetch")) as pool:
        ahead: deque[tuple[Task, Future[Result]]] = deque()
        for task in tasks:
            ahead.append((task, pool.submit(function, task)))
            if len(ahead) >= 2 * threads:
                first, future = ahead.popleft()
                outcome = _outcome(future)
                yield first, outcome
        for task, future in ahead:
            rest = _outcome(future)
            yield task, rest


def _outcome(future: Future[Result]) -> Result | MmaqError:
    error = future.exception()
    if isinstance(error, MmaqError) and not isinstance(error, DiskFull):
        return error
    return future.result()
