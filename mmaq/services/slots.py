"""At most so many connections to a service, over all processes and threads of this user.

A slot is a lock on one of N small files. The kernel releases it when the process ends, also by
kill -9, so that nothing is ever left over to be cleaned up.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmaq.base.errors import ServiceError
from mmaq.services import waiting
from mmaq.services.endpoints import Service

LOG = logging.getLogger(__name__)


def slots_folder() -> Path:
    """Where the lock files lie: the user's own cache, shared by all runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmaq" / "slots"


@contextmanager
def slot(service: Service) -> Iterator[int]:
    """Hold one of the service's connections; waits until one is free. Gives its number.

    A thread that holds a slot must not ask for another of the same family: four of them could
    wait for each other for ever.
    """
    folder = slots_folder()
    folder.mkdir(parents=True, exist_ok=True)
    told = False
    while True:
        for number in random.sample(range(service.connections), service.connections):
            descriptor = _lock(folder / f"{service.family}.{number}")
            if descriptor is not None:
                try:
                    yield number
                finally:
                    os.close(descriptor)
                return
        if not told:
            LOG.info("%s: all %d connections are busy", service.family, service.connections)
            told = True
        time.sleep(random.uniform(0.02, 0.1))


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
    folder = slots_folder()
    folder.mkdir(parents=True, exist_ok=True)
    apart = 60.0 / service.per_minute
    with open(folder / f"{service.name}.pace", "a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        now = time.time()
        turn = _turn(stream.read(), now)
        stream.truncate(0)
        stream.write(repr(turn + apart))
    if turn > now:
        waiting.wait(turn - now)


def _turn(text: str, now: float) -> float:
    """When the next request may go: what the file says, unless it is none or a clock went back."""
    try:
        turn = float(text)
    except ValueError:
        return now
    return turn if now < turn < now + waiting.LONGEST else now
