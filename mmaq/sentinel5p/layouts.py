"""Where the official product and HARP-1.0 keep a variable and what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from mmaq.base.errors import ProductError
from mmaq.sentinel5p.granule import product_kind
from mmaq.sentinel5p.stored import DAMAGED, Container, Stored

GEOLOCATIONS = "SUPPORT_DATA/GEOLOCATIONS"
RESULTS = "SUPPORT_DATA/DETAILED_RESULTS"
INPUT = "SUPPORT_DATA/INPUT_DATA"
CLOUD_FRACTIONS = (
    f"{RESULTS}/cloud_fraction_crb_nitrogendioxide_window",
    f"{RESULTS}/cloud_fraction_crb",
    f"{INPUT}/cloud_fraction_crb",
)
"""Where the gases' products keep the cloud fraction; the retrieval's own window first."""

COMPLETE = "Give the complete product"

EPOCH = datetime(2010, 1, 1, tzinfo=timezone.utc)
EPOCH_UNITS = "seconds since 2010-01-01 00:00:00"
_SECONDS = {"milliseconds": 1e-3, "seconds": 1.0, "s": 1.0, "days": 86400.0}
_UNITS = re.compile(r"(\w+)(?: since (\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d))?)?")


@dataclass(frozen=True)
class Fields:
    """The variables that gridding needs, unread.

    ``quality`` over ``best_quality`` is 0..1. ``time`` are the parts whose sum is the time of a
    row. ``filters`` has the variables that optional filters ask for, as far as the file has them.
    ``row`` is the detector row of each pixel; ``None`` where it is the last axis.
    """

    name: str
    value: Stored
    quality: Stored
    best_quality: float
    precision: Stored | None
    longitude: Stored
    latitude: Stored
    centre: Stored | None
    time: tuple[Stored, ...] = ()
    row: Stored | None = None
    filters: dict[str, Stored] = field(default_factory=dict)


def find_fields(container: Container, path: Path, variable: str) -> Fields:
    """Find ``variable`` and what belongs to it.

    Raises:
        ProductError: neither layout, another gas, an empty PRODUCT group or a missing variable.
    """
    if "PRODUCT" in container.groups():
        return _official(container, path, variable)
    if container.text("Conventions").startswith("HARP"):
        return _harp(container, path, variable)
    remedy = "Give L2 products with a PRODUCT group or HARP-1.0 files"
    raise ProductError(path, "neither a Sentinel-5P L2 product nor a HARP file", remedy)


def _official(container: Container, path: Path, variable: str) -> Fields:
    """Source: Sentinel-5P L2 Product User Manuals, chapter on the description of the product.

    The column is looked for in PRODUCT, then among the detailed results (slant columns). All
    arrays are (time = 1, scanline, ground_pixel[, corner]).
    """
    product = container.names("PRODUCT")
    if not product:
        raise ProductError(path, "the PRODUCT group is empty", DAMAGED)
    present = set(product)
    for group in (RESULTS, GEOLOCATIONS, INPUT):
        present |= {f"{group}/{name}" for name in container.names(f"PRODUCT/{group}")}
    name = container.text("id") or path.stem
    where = next((p for p in (variable, f"{RESULTS}/{variable}") if p in present), None)
    if where is None:
        kind = product_kind(name) or product_kind(path.stem)
        fault = f"{kind or 'the product'} has no variable {variable}"
        raise ProductError(path, fault, _choose(product, "column"))
    for needed in ("qa_value", *(f"{GEOLOCATIONS}/{c}itude_bounds" for c in ("lat", "long"))):
        if needed not in present:
            raise ProductError(path, f"no variable {needed}", COMPLETE)

    def find(*names: str, axis: int = 1) -> Stored | None:
        found = next((each for each in names if each in present), None)
        return container.array(f"PRODUCT/{found}", axis) if found else None

    def need(name: str) -> Stored:
        return container.array(f"PRODUCT/{name}", 1)

    optional = {
        "cloud_fraction": find(*CLOUD_FRACTIONS),
        "solar_zenith": find(f"{GEOLOCATIONS}/solar_zenith_angle"),
    }
    times = find("time", axis=0), find("delta_time")
    return Fields(
        name=name,
        value=need(where),
        quality=need("qa_value"),
        best_quality=1.0,
        precision=find(f"{where}_precision"),
        longitude=need(f"{GEOLOCATIONS}/longitude_bounds"),
        latitude=need(f"{GEOLOCATIONS}/latitude_bounds"),
        centre=find("latitude"),
        time=tuple(each for each in times if each) if all(times) else (),
        filters={key: found for key, found in optional.items() if found},
    )


def _harp(container: Container, path: Path, variable: str) -> Fields:
    """Source: HARP data format 1.0. Validity is 0..100; the uncertainty is the random part.

    All arrays are (time[, corner]), one pixel an element of time. The validity is the variable's
    own or, as for a slant column, that of the same species.
    """
    names = container.names()
    if variable not in names:
        fault = f"no variable {variable}"
        raise ProductError(path, fault, _choose(names, "column_number_density"))
    for needed in ("latitude_bounds", "longitude_bounds"):
        if needed not in names:
            raise ProductError(path, f"no variable {needed}", COMPLETE)

    def find(*wanted: str) -> Stored | None:
        found = next((each for each in wanted if each in names), None)
        return container.array(found, 0) if found else None

    time = find("datetime_start", "datetime")
    optional = {
        "cloud_fraction": find("cloud_fraction"),
        "solar_zenith": find("solar_zenith_angle"),
    }
    return Fields(
        name=container.text("source_product") or path.stem,
        value=container.array(variable, 0),
        quality=container.array(_validity(names, path, variable), 0),
        best_quality=100.0,
        precision=find(f"{variable}_uncertainty_random", f"{variable}_uncertainty"),
        longitude=container.array("longitude_bounds", 0),
        latitude=container.array("latitude_bounds", 0),
        centre=find("latitude"),
        time=(time,) if time else (),
        row=find("scan_subindex"),
        filters={key: found for key, found in optional.items() if found},
    )


def _validity(names: list[str], path: Path, variable: str) -> str:
    own = f"{variable}_validity"
    if own in names:
        return own
    words = set(variable.split("_")) - {"tropospheric", "slant", "column", "number", "density"}
    candidates = [name for name in names if name.endswith("_validity")]
    shared = [name for name in candidates if words & set(name.split("_"))]
    if len(shared) != 1:
        fault = f"{variable} has {'several validity variables' if shared else 'no validity'}"
        raise ProductError(path, fault, f"Export the product from HARP with {own}")
    return shared[0]


def _choose(names: Iterable[str], word: str) -> str:
    """The remedy for a missing variable: the nearest that the file does have."""
    found = [name for name in names if name.endswith(word) and "averaging" not in name]
    return f"Grid one of {', '.join(found)}" if found else "Give products of the wanted gas"


def seconds_of(parts: Sequence[Stored], rows: slice, shape: tuple[int, ...]) -> np.ndarray:
    """Seconds since 2010-01-01 UTC of each pixel, of ``shape`` (rows[, pixels]).

    ``parts`` are a HARP file's ``datetime_start``, or the official reference ``time`` and
    ``delta_time``, milliseconds after it (product user manual, section on time). NaN where there
    are none, or in a unit that is none of these: times are told, not calculated with.
    """
    column = (-1, *(1,) * (len(shape) - 1))
    total = np.zeros(column[1:])
    for number, part in enumerate(parts):
        match = _UNITS.match(part.text("units"))
        if match is None or match[1] not in _SECONDS:
            return np.full(shape, np.nan)
        own_rows = rows if part.number_of_rows > 1 else slice(0, 1)
        seconds = part.values(own_rows).astype(np.float64) * _SECONDS[match[1]]
        # The second part counts from the first, whatever its unit says it counts from.
        total = total + seconds.reshape(column) + (0.0 if number else _offset(match))
    return np.broadcast_to(total if parts else np.nan, shape)


def _offset(match: re.Match[str]) -> float:
    if not match[2]:
        return 0.0
    start = datetime.fromisoformat(f"{match[2]}T{match[3] or '00:00:00'}+00:00")
    return (start - EPOCH).total_seconds()
