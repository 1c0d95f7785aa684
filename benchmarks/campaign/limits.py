"""Calls in a process of their own, with limits of time and memory."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mmaq.base.errors import MmaqError
from mmaq.base.faults import Bug, explain
from mmaq.base.logs import start_logging

CPU_SECONDS = 20.0
"""Of the processor, after which a call hangs; a healthy input takes less than one."""

SECONDS = 600.0
"""Of the clock, after which a call waits for ever; the machine may have other work."""

MEMORY = 3 * 2**30
"""Bytes that a process may take beyond what it has when it starts."""

CALLS = 300
"""Of one process before it is started anew."""

# Copied from a process that has imported everything and done nothing: threads of libraries, which
# no copy has, hold locks for ever.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmarks.campaign.targets"])


@dataclass(frozen=True)
class Told:
    """What the boundary of errors told of a call."""

    told: str
    bug: bool
    trace: str
    """Of what no stage foresaw."""


@dataclass(frozen=True)
class Ended:
    """How a process ended that gave no answer."""

    how: str


class Worker:
    """A process that calls ``function`` again and again, and is started anew when it ends.

    Function, arguments and results are pickled.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._asked = function, 0
        self._process: multiprocessing.process.BaseProcess | None = None

    def call(self, *arguments: Any) -> Any:
        """The result, or :class:`Told`, or :class:`Ended`."""
        if self._process is None or self._asked >= CALLS:
            self.end()
            self._ours, theirs = CONTEXT.Pipe()
            arguments_ = (self._function, theirs)
            self._process = CONTEXT.Process(target=_serve, args=arguments_, daemon=True)
            self._process.start()
            theirs.close()
            self._asked = 0
        self._asked += 1
        self._ours.send(arguments)
        try:
            if self._ours.poll(SECONDS):
                return self._ours.recv()
        except EOFError:
            self._process.join()
            code, self._process = self._process.exitcode, None
            hangs = code == -signal.SIGXCPU
            return Ended("it hangs" if hangs else f"it crashes (status {code})")
        self.end()
        return Ended("it hangs")

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """One call in a process of its own."""
    worker = Worker(function)
    try:
        return worker.call(*arguments)
    finally:
        worker.end()


def _serve(function: Callable[..., Any], asked: Connection) -> None:
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    taken = (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        * resource.getpagesize()
    )
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    start_logging()
    logging.getLogger("mmaq").setLevel(logging.CRITICAL)
    while True:
        arguments = asked.recv()
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + CPU_SECONDS) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        try:
            asked.send(function(*arguments))
        except BaseException as error:
            told = explain(error)
            trace = "" if isinstance(error, MmaqError) else traceback.format_exc()[-3000:]
            asked.send(Told(str(told), isinstance(told, Bug), trace))
