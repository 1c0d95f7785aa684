"""Logging, and how an error or a signal reaches the user: one line and a non-zero exit."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

from mmaq.base import stopping
from mmaq.base.errors import Stopped
from mmaq.base.faults import Bug, explain

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What asks a process to stop: a scheduler, Ctrl-C, a terminal that is closed."""

TRACEBACKS = Path("logs", "tracebacks.log")
"""Where tracebacks of a verb go; those of a rule go to the rule's log."""


def start_logging(path: str | os.PathLike[str] | None = None) -> None:
    """Log to standard error, and to ``path`` as well when a rule gives its log file.

    Where that file cannot be written, a warning says so and no more: the stage may well succeed.
    What is printed is UTF-8, whatever the locale: a name that Latin-1 lacks must not end a stage.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    logging.raiseExceptions = False  # a log on a full disk hides the one line that says so
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    unwritten = None
    if path is not None and _is_first():  # the others would cut the file short
        try:
            handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
        except OSError as fault:
            unwritten = fault
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S",
        handlers=handlers, force=True,
    )  # fmt: skip
    # What GDAL signals is raised, too; dozens of its lines would hide the one that is meant.
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    logging.getLogger("pyogrio").setLevel(logging.WARNING)
    if unwritten is not None:
        told = "%s: %s: what is logged stands here alone"
        logging.getLogger("mmaq").warning(told, path, unwritten.strerror)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn whatever ends a command into one logged line and a non-zero exit.

    An exception ends with status 1. The line has file, fault and remedy; where no stage foresaw it,
    also the log that holds the traceback, and only a fault of this package is called a bug. A
    signal ends with 128 and its number, as a shell counts, after what was half written is removed.
    """
    log = logging.getLogger("mmaq")
    try:
        with _stopping_at_signals():
            yield
    except Stopped as stopped:
        if _is_first():
            log.error("stopped: %s", stopped)
        sys.exit(128 + stopped.signal)
    except Exception as error:
        told = explain(error)
        if told is error:
            log.error("error: %s", told)
        else:
            kind = "error" if not isinstance(told, Bug) else "bug"
            log.error("%s: %s The traceback is in %s.", kind, told, _keep_traceback(error))
        sys.exit(1)


def _is_first() -> bool:
    """Whether this is the first process of a run; SLURM's count goes over all nodes."""
    return os.environ.get("LOCAL_RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


@contextmanager
def _stopping_at_signals() -> Iterator[None]:
    """Raise :class:`Stopped` at a signal that asks to stop, so that what is half written goes.

    Raises:
        Stopped: also at the end, if code in between has swallowed it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a worker that was forked ends at once, without a word
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        stopping.ask(number)
        # A pool whose workers are gone may end its own thread with a traceback.
        threading.excepthook = lambda _: None
        # Waiting for the tasks of a pool would take minutes; their results are not wanted.
        for child in multiprocessing.active_children():
            child.terminate()
        raise Stopped(number)

    # What is ignored stays so: nohup, and what a script starts in the background.
    heard = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heard}
    of_threads = threading.excepthook
    try:
        yield
        stopping.check()
    finally:
        stopping.go_on()
        threading.excepthook = of_threads
        for each, handler in before.items():
            signal.signal(each, handler)


def _keep_traceback(error: Exception) -> str:
    """Append the traceback to the rule's log or the verbs' file; gives the file's name."""
    text = "".join(traceback.format_exception(error))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler) and handler.stream is not None:
            handler.stream.write(text)
            handler.flush()
            return handler.baseFilename
    head = f"\n{datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(sys.argv)}\n"
    for path in (TRACEBACKS, Path(tempfile.gettempdir(), f"mmaq-{os.getuid()}-tracebacks.log")):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(head + text)
        except OSError:  # the folder cannot be written to, or the disk is full
            continue
        return str(path)
    sys.stderr.write(text)
    return "the lines below"
