"""Who holds a working folder: the Snakemake that `mmaq run` started there, until it ends.

Snakemake locks a folder and leaves the lock behind when it is killed. Whether its holder lives is
judged on the host that it runs on, by process number and start time: a number is used again.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from mmaq.base.errors import ConfigError
from mmaq.base.files import read_json, write_json

CLOCK = 2.0
"""Seconds by which a start time may seem to move when the clock is set."""

PATIENCE = 20.0
"""Seconds that a job has to end in when it is asked to."""


@dataclass(frozen=True)
class Holder:
    """A process of a host."""

    host: str
    process: int
    started: float
    """Seconds since 1970."""
    starter: int
    """The process that started it and stops it, with its jobs, when it is asked to."""

    @classmethod
    def of(cls, process: int) -> Holder:
        """A process of this host, which this process has started."""
        started = psutil.Process(process).create_time()
        return cls(socket.gethostname(), process, started, os.getpid())

    @property
    def is_here(self) -> bool:
        """Whether this is its host, so that it can be judged."""
        return self.host == socket.gethostname()

    @property
    def lives(self) -> bool:
        """Whether it runs, judged on its host."""
        try:
            found = psutil.Process(self.process)
            same = abs(found.create_time() - self.started) < CLOCK
            return same and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        since = f"{datetime.fromtimestamp(self.started):%Y-%m-%d %H:%M:%S}"
        return f"process {self.process} of {self.host}, started {since}"


class HeldFolder:
    """The state of a working folder, below its ``.snakemake``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._state = self.folder / ".snakemake"
        self._note = self._state / "holder.json"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among those that start here, for as long as it takes to judge and to start."""
        self._state.mkdir(parents=True, exist_ok=True)
        with open(self._state / "holder.lock", "a", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def take(self, process: int) -> None:
        """Say that a process of this host holds the folder."""
        write_json(self._note, asdict(Holder.of(process)))

    def leave(self) -> None:
        """Nobody holds it, unless a lock says that its holder was killed."""
        if not self.is_locked:
            self._note.unlink(missing_ok=True)

    @property
    def is_locked(self) -> bool:
        """Whether Snakemake's lock is there."""
        locks = self._state / "locks"
        return locks.is_dir() and any(locks.iterdir())

    def refuse_second(self) -> None:
        """Refuse a run beside a live one, and where it cannot be known whether one lives.

        Raises:
            ConfigError: names who holds the folder, and what to do.
        """
        holder = self._holder()
        if holder is not None and holder.is_here and holder.lives:
            remedy = f"Wait until it ends, or stop it: kill {holder.starter}"
            raise ConfigError(self.folder, f"{holder}, is running here", remedy)
        if not self.is_locked:
            return
        for process in self._processes():
            if not _is_job(process):
                remedy = f"Wait until it ends, or stop it: kill -INT {process.pid}"
                fault = f"another Snakemake, process {process.pid}, is running here"
                raise ConfigError(self.folder, fault, remedy)
        if holder is None or not holder.is_here:
            fault = f"it is locked by {holder or 'a run that `mmaq run` did not start'}"
            remedy = "If that has ended, `snakemake --unlock` and give the same command again"
            raise ConfigError(self.folder, fault, remedy)

    def end_jobs(self) -> int:
        """End what jobs are left of a Snakemake that was killed or stopped; gives their number.

        They would write what the next one makes.
        """
        jobs = [process for process in self._processes() if _is_job(process)]
        for job in jobs:
            job.terminate()
        _, left = psutil.wait_procs(jobs, PATIENCE)
        for job in left:
            job.kill()
        return len(jobs)

    def _holder(self) -> Holder | None:
        if not self._note.exists():
            return None
        remedy = "Remove it, if no run is going on here"
        found = read_json(self._note, ConfigError, remedy)
        try:
            numbers = int(found["process"]), float(found["started"]), int(found["starter"])
            return Holder(str(found["host"]), *numbers)
        except (KeyError, TypeError, ValueError) as fault:
            raise ConfigError(self._note, f"it names no process ({fault})", remedy) from None

    def _processes(self) -> Iterator[psutil.Process]:
        """Snakemake's processes that work in this folder, jobs among them."""
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                here = _works_in(process, self.folder)
            except (psutil.Error, OSError):  # it has ended, or is another user's
                continue
            program = Path(words[0]).name if words else ""
            runs = program == "snakemake" or program.startswith("python")
            if here and runs and process.pid != os.getpid() and _is_snakemake(words):
                yield process


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Whether it is in this folder, and not in one of the same name that was removed."""
    own = Path(f"/proc/{process.pid}/cwd")  # psutil tells the name alone
    return own.samefile(folder) if own.exists() else Path(process.cwd()) == folder


def _is_snakemake(words: list[str]) -> bool:
    started = any(Path(word).name == "snakemake" for word in words[:3])
    return started or any(".snakemake/scripts/" in word for word in words)


def _is_job(process: psutil.Process) -> bool:
    """Whether it is a job, or the Snakemake that runs one, and not the one over all."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return True
    return "--target-jobs" in words or any(".snakemake/scripts/" in word for word in words)
