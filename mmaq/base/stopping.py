"""Whether a signal has asked this process to stop: nothing else interrupts its threads."""

from __future__ import annotations

import threading

from mmaq.base.errors import Stopped

_ASKED = threading.Event()
_NUMBERS: list[int] = []


def ask(number: int) -> None:
    """Ask all threads to stop, for the signal of that number."""
    _NUMBERS.append(number)
    _ASKED.set()


def go_on() -> None:
    """Take back what was asked."""
    _ASKED.clear()
    _NUMBERS.clear()


def check() -> None:
    """To be called between the steps of a long task.

    Raises:
        Stopped: this process was asked to stop.
    """
    if _ASKED.is_set():
        raise Stopped(_NUMBERS[0])


def pause(seconds: float) -> None:
    """Sleep, unless and until this process is asked to stop.

    Raises:
        Stopped: it was.
    """
    _ASKED.wait(seconds)
    check()
