"""Errors a user can act on: each is one line that names the file, the fault and the remedy."""

from __future__ import annotations

import signal
from os import PathLike

LONGEST = 800
"""Characters of a fault that are told: libraries print whole files."""


class MmaqError(Exception):
    """Bad input. ``str(error)`` is the whole message: ``WHERE: FAULT. REMEDY.``"""

    def __init__(self, where: str | PathLike[str], fault: str, remedy: str) -> None:
        self.where, self.fault, self.remedy = str(where), fault, remedy
        told = fault if len(fault) <= LONGEST else f"{fault[:LONGEST]}..."
        line = f"{where}: {told.rstrip('.')}. {remedy.rstrip('.')}."
        super().__init__(_printable(" ".join(line.split())))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # The default pickles the joined line alone, and a worker process could not hand it back.
        return type(self), (self.where, self.fault, self.remedy)


def _printable(line: str) -> str:
    """Without what a damaged file would have a terminal do."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


class ConfigError(MmaqError):
    """A key of the configuration is unknown, missing or out of range."""


class ArchiveError(MmaqError):
    """The raw archive (contract 1) is missing, damaged or lacks something a stage needs."""


class ServiceError(MmaqError):
    """A service cannot be reached, refuses, or gives something else than was asked for."""


class ProductError(MmaqError):
    """A satellite product or a raster cannot be read as what it should be."""


class TableError(MmaqError):
    """A table lacks a column or holds an impossible value."""


class StoreError(MmaqError):
    """The patch store (contract 3) is missing, damaged or lacks a modality."""


class CheckpointError(MmaqError):
    """A checkpoint (contract 4) cannot be read or does not fit the data."""


class TrainingError(MmaqError):
    """A training run cannot start on these devices, or cannot go on."""


class LeakError(MmaqError):
    """Something of a test station has reached training, or labels have changed their stations."""


class Unavailable(Exception):
    """A split or a method that these data cannot give. ``str(error)`` is the row's reason."""


class Stopped(BaseException):
    """A signal asked this process to stop. No ``Exception``: what handles faults lets it pass."""

    def __init__(self, number: int) -> None:
        self.signal = number
        name = signal.Signals(number).name
        super().__init__(f"{name} ended this command. Give it again: it goes on from what is done.")
