"""How often, how fast and over how many connections a service is asked.

A slot is a lock on one of N small files, over all processes and threads of this user. The kernel
releases it when the process ends, also by kill -9, so that nothing is left over to be cleaned up.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

from mmaq.acquire.services.endpoints import Service
from mmaq.acquire.services.faults import Passing
from mmaq.base import stopping
from mmaq.base.errors import ServiceError

LONGEST = 600.0
"""Seconds: a server that asks for more is asked again after this."""

LOG = logging.getLogger(__name__)


def wait(seconds: float) -> None:
    """Sleep. Everything here waits through this one function, so that tests can skip it."""
    stopping.pause(seconds)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date (RFC 9110).

    At most ``LONGEST``, and None for a header that is absent or neither.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc)
        seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return min(max(seconds, 0.0), LONGEST)


def backoff(attempt: int) -> float:
    """Seconds before the attempt after ``attempt`` (from 1): 2, 4, 8, ... 60, a quarter random.

    Five of them last a minute: the span over which most services count requests.
    """
    return min(2.0**attempt, 60.0) * random.uniform(0.75, 1.0)


class Attempts:
    """Counts what is tried again, and waits in between."""

    def __init__(self, most: int) -> None:
        self._most, self._barren = most, 0

    def failed(self, fault: ServiceError, brought: bool = False) -> None:
        """Wait before the next attempt; one that ``brought`` something begins the count anew.

        Raises:
            ServiceError: the fault, and how often it came, once all attempts were in vain.
        """
        self._barren = 0 if brought else self._barren + 1
        if self._barren >= self._most:
            told = f"{fault.fault}, {self._barren} times"
            raise ServiceError(fault.where, told, fault.remedy) from None
        after = fault.after if isinstance(fault, Passing) else None
        pause = backoff(max(self._barren, 1)) if after is None else after
        LOG.warning("%s: %s; asked again in %.0f s", fault.where, fault.fault, pause)
        wait(pause)


def slots_folder() -> Path:
    """Where the lock files lie: the user's own cache, shared by all runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmaq" / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def slot(service: Service) -> Iterator[None]:
    """Hold one of the service's connections; waits until one is free.

    A thread that holds a slot must not ask for another of the same family: four of them could
    wait for each other for ever.
    """
    folder, told = slots_folder(), False
    while True:
        for number in random.sample(range(service.connections), service.connections):
            descriptor = _lock(folder / f"{service.family}.{number}")
            if descriptor is not None:
                try:
                    yield
                finally:
                    os.close(descriptor)
                return
        if not told:
            LOG.info("%s: all %d connections are busy", service.family, service.connections)
            told = True
        time.sleep(random.uniform(0.02, 0.1))
        stopping.check()


def _lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as fault:
        os.close(descriptor)
        remedy = "Set XDG_CACHE_HOME to a folder on another disk"
        raise ServiceError(path, f"cannot be locked ({fault.strerror})", remedy) from None
    return descriptor


def pace(service: Service) -> None:
    """Wait until the service's requests a minute allow another one, over all processes."""
    if service.per_minute is None:
        return
    with open(slots_folder() / f"{service.name}.pace", "a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        now = time.time()
        turn = _turn(stream.read(), now)
        stream.truncate(0)
        stream.write(repr(turn + 60.0 / service.per_minute))
    if turn > now:
        wait(turn - now)


def _turn(text: str, now: float) -> float:
    """When the next request may go: what the file says, unless it is none or a clock went back."""
    try:
        turn = float(text)
    except ValueError:
        return now
    return turn if now < turn < now + LONGEST else now
