"""Workers of a generator, which may be given up before its end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TypeVar

Pool = TypeVar("Pool", bound=Executor)


@contextmanager
def working(pool: Pool) -> Iterator[Pool]:
    """The pool, for use inside a generator; what it has begun is waited for at the end.

    Not so where the generator is given up, as after an error of who reads it: the garbage collector
    then ends it, in any thread and at any moment. That thread may hold a lock, as h5py's, that the
    pool's own threads wait for, and both would wait for ever. What is not begun is left anyway.
    """
    wait = True
    try:
        yield pool
    except GeneratorExit:
        wait = False
        raise
    finally:
        pool.shutdown(wait, cancel_futures=True)
