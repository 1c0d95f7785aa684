"""How long one command takes as a share of another, both at once, each on one core.

    python -m benchmarks.side_by_side COMMAND OTHER

For two versions of the workflow, each in an empty clone:

    python -m benchmarks.side_by_side \\
        'cd new && mmaq run --cores 1 results/benchmark.csv results/report.html' \\
        'cd old && snakemake --cores 1 results/benchmark.csv results/report.html'

A machine is not equally quick at all times, nor are its cores: what runs later, or on the other
core, is measured on another machine. So both run together and change cores every 20 s, with all
that they have started. When one has ended its core goes on with products of matrices, so that the
other does not become quicker. Prints the minutes, the processor seconds and their ratios; nothing
else should run. On Linux.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import psutil

EVERY = 20.0
"""Seconds between two changes of cores."""
BUSY = "import numpy; a = numpy.ones((1000, 1000))\nwhile True: a @ a"


class Taken(NamedTuple):
    """What a command took: seconds on the clock, and of a processor."""

    seconds: float
    processor: float


class Beside:
    """A shell command, and what it took once it has ended."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, shell=True, start_new_session=True)
        self.taken: Taken | None = None

    def look(self) -> None:
        """See whether it has ended.

        Raises:
            SystemExit: it failed.
        """
        if self.taken is not None:
            return
        ended, status, used = os.wait4(self.process.pid, os.WNOHANG)
        if not ended:
            return
        code = self.process.returncode = os.waitstatus_to_exitcode(status)
        if code:
            raise SystemExit(f"{self.command}: ended with status {code}")
        self.taken = Taken(time.monotonic() - self.began, used.ru_utime + used.ru_stime)

    def stop(self) -> None:
        """End it, with all that it has started."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()


def keep_on(pid: int, core: int) -> None:
    """Let a process and all that it has started run on one core alone."""
    try:
        whole = psutil.Process(pid)
        threads = [
            thread.id
            for one in (whole, *whole.children(recursive=True))
            for thread in one.threads()
        ]
    except psutil.NoSuchProcess:
        return
    for thread in threads:
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, {core})


def run_both(commands: Sequence[str], every: float = EVERY) -> list[Taken]:
    """Run two commands, each on a core of its own, until both have ended.

    Raises:
        SystemExit: a command failed, or there is one core alone.
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("this needs two cores")
    both = [Beside(command) for command in commands]
    filler: subprocess.Popen[bytes] | None = None
    try:
        while any(one.taken is None for one in both):
            cores.reverse()
            for one, core in zip(both, cores, strict=True):
                running = one.process if one.taken is None else filler
                if running is not None:
                    keep_on(running.pid, core)
            change = time.monotonic() + every
            while time.monotonic() < change and any(one.taken is None for one in both):
                time.sleep(min(1.0, every))
                for one in both:
                    one.look()
                if filler is None and any(one.taken is not None for one in both):
                    filler = subprocess.Popen([sys.executable, "-c", BUSY])
    finally:
        for one in both:
            one.stop()
        if filler is not None:
            filler.kill()
    return [one.taken for one in both if one.taken is not None]


def main() -> None:
    """Print a line for each command, and the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commands", nargs=2, metavar="COMMAND")
    given = parser.parse_args()
    taken = run_both(given.commands)
    for command, one in zip(given.commands, taken, strict=True):
        print(f"{one.seconds / 60:.1f} min, {one.processor:.0f} processor seconds: {command}")
    first, second = taken
    print(f"{first.seconds / second.seconds:.3f} of the minutes, "
          f"{first.processor / second.processor:.3f} of the processor seconds")  # fmt: skip


if __name__ == "__main__":
    main()
