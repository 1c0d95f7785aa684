import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from mmaq.base.errors import ServiceError
from mmaq.services import slots
from mmaq.services.endpoints import SERVICES
from mmaq.services.slots import pace, slot

HOLDER = """
import sys, time
from mmaq.services.endpoints import SERVICES
from mmaq.services.slots import slot
with slot(SERVICES["cdse"]):
    print("held", flush=True)
    time.sleep(60)
"""


def _busy(service):
    """How many slots can be taken now."""
    taken = [slots._lock(slots.slots_folder() / f"{service.family}.{n}") for n in range(4)]
    free = [descriptor for descriptor in taken if descriptor is not None]
    for descriptor in free:
        os.close(descriptor)
    return service.connections - len(free)


def test_never_more_than_the_service_bears_over_threads():
    service, now, most, lock = SERVICES["cdse"], [0], [0], threading.Lock()

    def work():
        with slot(service):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.03)
            with lock:
                now[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [4]
    assert _busy(service) == 0


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
    with pytest.raises(ZeroDivisionError), slot(SERVICES["geofabrik"]):
        raise ZeroDivisionError
    with slot(SERVICES["geofabrik"]):
        pass


def test_a_disk_without_locks_is_named(monkeypatch):
    def failing(descriptor, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(slots.fcntl, "flock", failing)
    with (
        pytest.raises(ServiceError, match=r"cannot be locked \(No locks available\)\. Set XDG_"),
        slot(SERVICES["eea"]),
    ):
        pass


def test_requests_keep_the_services_pace(waits):
    service = replace(SERVICES["openaq"], per_minute=60)
    for _ in range(4):
        pace(service)
    assert waits == [pytest.approx(n, abs=0.2) for n in (1, 2, 3)]
    pace(SERVICES["earth-search"])
    assert len(waits) == 3


@pytest.mark.parametrize("text", ["nonsense", "", "99999999999999"])
def test_a_broken_note_of_the_pace_is_ignored(waits, text):
    path = slots.slots_folder() / "openaq.pace"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    pace(SERVICES["openaq"])
    assert waits == []
