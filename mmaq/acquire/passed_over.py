"""What a search leaves out, told in a closing line: how many things for which reason."""

from __future__ import annotations

import logging
from collections import defaultdict
from os import PathLike

SHOWN = 3
"""Reasons that are told in full; the rest are counted together."""


class PassedOver:
    """Counts what a search of ``where`` passes over, by reason.

    What is another product is told as information. What nearly fits, and may be missed, is a
    warning.
    """

    def __init__(self, where: str | PathLike[str]) -> None:
        self.where = where
        self._other: dict[str, list[str]] = defaultdict(list)
        self._near: dict[str, list[str]] = defaultdict(list)

    def other(self, name: str | PathLike[str], reason: str) -> None:
        """Note another product; a reason is what a number of them are: "other NetCDF files"."""
        self._other[reason].append(str(name))

    def near(self, name: str | PathLike[str], reason: str) -> None:
        """Note what nearly fits."""
        self._near[reason].append(str(name))

    def __len__(self) -> int:
        return sum(map(len, (*self._other.values(), *self._near.values())))

    def __str__(self) -> str:
        """What was passed over, by numbers alone: "2 other NetCDF files"."""
        both = [*self._near.items(), *self._other.items()]
        return ", ".join(f"{len(names)} {reason}" for reason, names in both)

    def tell(self, log: logging.Logger) -> None:
        """Write the closing line, of each kind at most one."""
        if self._other:
            log.info("%s: passed over: %s", self.where, _told(self._other))
        if self._near:
            log.warning("%s: left out: %s", self.where, _told(self._near))


def _told(reasons: dict[str, list[str]]) -> str:
    ordered = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    told = [f"{len(names)} {reason} (first {min(names)})" for reason, names in ordered[:SHOWN]]
    rest = sum(len(names) for _, names in ordered[SHOWN:])
    return "; ".join([*told, f"{rest} for {len(ordered) - SHOWN} other reasons"] if rest else told)
