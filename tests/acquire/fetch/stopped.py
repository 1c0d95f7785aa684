"""A process that is killed at a moment of its work, as a power cut or a batch system does."""

from __future__ import annotations

import os
import signal
import time


def run_for(seconds, work):
    """Run ``work`` in a forked process and kill it after ``seconds``; True when it was done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False
