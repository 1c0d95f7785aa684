"""Generators with workers are given up without waiting for these."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmaq.acquire.failures import side_by_side
from mmaq.base.pools import working
from mmaq.config.data import Grid
from mmaq.sentinel5p import accumulator


@pytest.mark.parametrize("reader", ["granules", "fetched"])
def test_whoever_gives_up_may_hold_what_a_worker_waits_for(reader, monkeypatch):
    lock, done = threading.Lock(), Counter()

    def work(number, *_):
        if number:
            with lock:
                done[number] += 1

    monkeypatch.setattr(accumulator, "_read", work)
    given = {
        "granules": lambda: accumulator._read_ahead(range(9), Grid(), 2),
        "fetched": lambda: side_by_side(work, range(9), 2),
    }
    with lock:
        found = given[reader]()
        next(found)
        closing = threading.Thread(target=found.close, daemon=True)
        closing.start()
        closing.join(10)
        assert not closing.is_alive()
    assert not done.keys() & set(range(6, 9))  # what had not begun


@pytest.mark.parametrize("fault", [None, ValueError])
def test_what_has_begun_is_waited_for_at_the_end_and_after_a_fault(fault):
    began, go, done = threading.Event(), threading.Event(), []

    def work():
        began.set()
        go.wait(10)
        done.append(True)

    def numbers():
        with working(ThreadPoolExecutor(1)) as pool:
            pool.submit(work)
            yield 1
            began.wait(10)
            threading.Timer(0.05, go.set).start()
            if fault:
                raise fault

    found = numbers()
    assert next(found) == 1
    with pytest.raises(fault or StopIteration):
        next(found)
    assert done == [True]
