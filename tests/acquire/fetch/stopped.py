"""A process that is killed at a moment of its work, as a power cut or a batch system does."""

from __future__ import annotations

import os
import signal
import threading
import time

from tqdm import tqdm


def run_for(seconds, work):
    """Run ``work`` in a forked process and kill it after ``seconds``; True when it was done.

    The process has a lock of its own for its bars: tqdm's is shared with those that are forked, and
    who is killed with it in his hands leaves this process waiting for ever.
    """
    child = os.fork()
    if child == 0:
        tqdm.set_lock(threading.RLock())
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
