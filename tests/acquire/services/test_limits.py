import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from mmaq.acquire.services import limits
from mmaq.acquire.services.endpoints import SERVICES
from mmaq.acquire.services.faults import Passing
from mmaq.acquire.services.limits import Attempts, backoff, pace, retry_after, slot
from mmaq.base.errors import ServiceError

HOLDER = """
import time
from mmaq.acquire.services.endpoints import SERVICES
from mmaq.acquire.services.limits import slot
with slot(SERVICES["cdse"]):
    print("held", flush=True)
    time.sleep(60)
"""


def _busy(service):
    """How many slots can be taken now."""
    taken = [limits._lock(limits.slots_folder() / f"{service.family}.{n}") for n in range(4)]
    free = [descriptor for descriptor in taken if descriptor is not None]
    for descriptor in free:
        os.close(descriptor)
    return service.connections - len(free)


def test_a_killed_process_frees_its_slot_and_services_of_a_family_share():
    with slot(SERVICES["cdse-s3"]):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE)
        try:
            assert holder.stdout.readline() == b"held\n"
            assert _busy(SERVICES["cdse"]) == 2
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            holder.stdout.close()
        assert _busy(SERVICES["cdse"]) == 1
    assert _busy(SERVICES["cdse"]) == 0


def test_an_error_inside_frees_the_slot():
    for _ in range(2):  # of the one that there is
        with pytest.raises(ZeroDivisionError), slot(SERVICES["geofabrik"]):
            raise ZeroDivisionError


def test_a_disk_without_locks_is_named(monkeypatch):
    def failing(descriptor, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(limits.fcntl, "flock", failing)
    told = r"cannot be locked \(No locks available\)\. Set XDG_"
    with pytest.raises(ServiceError, match=told), slot(SERVICES["eea"]):
        pass


def test_requests_keep_the_services_pace(waits, monkeypatch):
    monkeypatch.setattr(limits.time, "time", lambda: 1.6e9)
    service = replace(SERVICES["openaq"], per_minute=60)
    for _ in range(4):
        pace(service)
    assert waits == [1.0, 2.0, 3.0]
    pace(SERVICES["earth-search"])
    assert len(waits) == 3


@pytest.mark.parametrize("text", ["nonsense", "", "99999999999999"])
def test_a_broken_note_of_the_pace_is_ignored(waits, text):
    (limits.slots_folder() / "openaq.pace").write_text(text)
    pace(SERVICES["openaq"])
    assert waits == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("100000", 600.0), (None, None), ("soon", None),
     ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_in_seconds_or_as_a_date(header, seconds):
    assert retry_after(header) == seconds
    moment = datetime.now(timezone.utc) + timedelta(seconds=90)
    assert 60 < retry_after(format_datetime(moment, usegmt=True)) <= 90  # when it is asked


def test_times_grow_and_end_at_a_minute():
    times = [backoff(attempt) for attempt in range(1, 12)]
    assert all(0.75 * 2**n <= time <= 2**n for n, time in enumerate(times[:5], 1))
    assert all(45 <= time <= 60 for time in times[5:])


def test_attempts_that_bring_nothing_are_limited(waits, caplog):
    fault = Passing("https://example.org/a", "answers 429", "Try again")
    fault.after = 5.0
    attempts = Attempts(3)
    attempts.failed(fault)
    attempts.failed(fault)
    attempts.failed(fault, brought=True)
    attempts.failed(fault)
    attempts.failed(fault)
    with pytest.raises(ServiceError, match=r"^https://example.org/a: answers 429, 3 times\. Try"):
        attempts.failed(fault)
    assert waits == [5.0] * 5
    assert "https://example.org/a: answers 429; asked again in 5 s" in caplog.text
