"""Products side by side in threads, as many as the service has connections for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from mmaq.errors import MmaqError
from mmaq.services.faults import DiskFull

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[tuple[Task, Result | MmaqError]]:
    """Each task with its result, or with the fault that ended it, in the order of the tasks.

    At most ``2 * threads`` tasks are begun and not yet handed on, so that results do not pile up.
    A full disk ends the whole, and so does what is no MmaqError.
    """
    with ThreadPoolExecutor(threads, "fetch") as pool:
        ahead: deque[tuple[Task, Future[Result]]] = deque()
        try:
            for task in tasks:
                ahead.append((task, pool.submit(function, task)))
                if len(ahead) >= 2 * threads:
                    first, future = ahead.popleft()
                    outcome = _outcome(future)
                    yield first, outcome
            for task, future in ahead:
                rest = _outcome(future)
                yield task, rest
        finally:
            for _, future in ahead:
                future.cancel()


def _outcome(future: Future[Result]) -> Result | MmaqError:
    error = future.exception()
    if isinstance(error, MmaqError) and not isinstance(error, DiskFull):
        return error
    return future.result()
