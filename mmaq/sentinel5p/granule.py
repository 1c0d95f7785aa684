"""What one level-2 granule is, and what its reader hands on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np

NAME = re.compile(
    r"S5P_(?P<stream>[A-Z_]{4})_(?P<kind>L2__[A-Z0-9_]{6})_(?P<start>\d{8}T\d{6})"
    r"_(?P<stop>\d{8}T\d{6})_(?P<orbit>\d{5})_(?P<collection>\d{2})_(?P<processor>\d{6})"
    r"_(?P<made>\d{8}T\d{6})"
)
"""A granule's official name (Level 2 Product User Manual, S5P-KNMI-L2-0021-MA, chapter on the
structure of the file name); PAL_ is the stream of the Products Algorithm Laboratory. What others
add before or after it (a subset, a second copy) is no part of it."""

SUFFIXES = (".nc", ".nc4")
"""Of NetCDF files, in any case."""


@dataclass(frozen=True)
class Granule:
    """One granule: ``processor`` "2.4.0", ``collection`` "03", ``start`` "2021-01-02T11:05:49Z".

    Processor, collection and ``mode`` (OFFL, RPRO, NRTI, PAL_) are "unknown", and the start "",
    when the name does not tell them. KNMI advises against mixing processor versions in one mean, so
    they stay with the result. ``checksum`` is the SHA-256 of the file, "" where there is none.
    """

    name: str
    processor: str = "unknown"
    collection: str = "unknown"
    mode: str = "unknown"
    start: str = ""
    checksum: str = ""

    def __str__(self) -> str:
        return f"{self.name} (processor {self.processor}, collection {self.collection})"


@dataclass(frozen=True)
class Footprints:
    """The n pixels of a granule that may touch the grid, with a value that passes all filters.

    ``longitude`` and ``latitude`` are (n, 4) degrees; ``value`` and ``sigma``, the standard
    deviation from the product's precision (NaN where it has none), are (n,) in ``units``;
    ``time`` is (n,) seconds since 2010-01-01 UTC, NaN where unknown. ``pixels`` counts all pixels
    of the granule.
    """

    granule: Granule
    units: str
    standard_name: str
    pixels: int
    longitude: np.ndarray
    latitude: np.ndarray
    value: np.ndarray
    sigma: np.ndarray
    time: np.ndarray


def product_kind(name: str) -> str | None:
    """``L2__NO2___`` and the like, from an official product name; ``None`` for another name."""
    match = NAME.search(name)
    return match["kind"] if match else None


def version_of(named: re.Match[str]) -> str:
    """The processor's version in an official name: 020401 is 2.4.1."""
    digits = named["processor"]
    return ".".join(str(int(digits[at : at + 2])) for at in (0, 2, 4))


def describe_granule(name: str, checksum: str = "") -> Granule:
    """Read mode, version and collection off an official product name."""
    match = NAME.search(name)
    if match is None:
        return Granule(name, checksum=checksum)
    try:
        start = datetime.strptime(match["start"], "%Y%m%dT%H%M%S").isoformat() + "Z"
    except ValueError:  # digits, but no date
        start = ""
    about = version_of(match), match["collection"], match["stream"], start
    return Granule(match[0], *about, checksum)
