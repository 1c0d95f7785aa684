"""A process that is killed at a moment of its work, as a power cut or a batch system does."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def forked(work: Callable[[], Any]) -> int:
    """Begin ``work`` in a process of its own; its id. A fork need not import anything anew.

    The process has a lock of its own for its bars: tqdm's is shared with those that are forked, and
    who is killed with it in his hands leaves this process waiting for ever.
    """
    child = os.fork()
    if child:
        os.setpgid(child, child)  # whoever of the two comes first: from now on it can be killed
        return child
    status = 1
    try:
        os.setpgid(0, 0)
        tqdm.set_lock(threading.RLock())
        work()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child: int) -> int | None:
    """The exit status of a process, None while it runs."""
    done, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def kill(child: int) -> None:
    """kill -9 of the process and all that it started."""
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)


def run_until(ready: Callable[[], bool], later: float, work: Callable[[], Any]) -> None:
    """Run ``work`` in a process and kill it ``later`` seconds after ``ready``, before its end."""
    child = forked(work)
    while not ready():
        assert ended(child) is None, "it ended before it could be killed"
        time.sleep(0.002)
    time.sleep(later)
    kill(child)


def run_whole(work: Callable[[], Any]) -> None:
    """Run ``work`` in a process to its end."""
    assert os.waitstatus_to_exitcode(os.waitpid(forked(work), 0)[1]) == 0
