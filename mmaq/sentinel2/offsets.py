"""The offset of a Sentinel-2 product's digital numbers: who tells it, and can it be right.

From processing baseline 04.00 on, reflectance is (DN - 1000) / 10000 (Sentinel-2 Products
Specification Document, BOA_ADD_OFFSET), and a mirror may have taken the 1000 away already. Earth
Search said so wrongly of some scenes of 2022 and 2025 (its issues 66 and 71), which shifts every
reflectance by 0.1. Products come in two ways, as files of the user and from services: both ask
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

PRODUCT = re.compile(
    r"S2[A-D]_MSIL2A_(?P<time>\d{8}T\d{6})_N(?P<baseline>\d{4})_R\d{3}_T(?P<tile>\w{5})_\d{8}T\d{6}"
)
"""A product's official name (the same document, "product naming convention")."""

ADDED = 1000
"""DN that processing adds to the reflectance, from the baseline ``SINCE`` on."""

SINCE = 4.0

REPROCESSED = 99.0
"""Baseline 99.99 marks a user's own Sen2Cor run, which says nothing about the offset."""

COLOURS = {
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1",
    "B06": "rededge2", "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09",
    "B11": "swir16", "B12": "swir22", "SCL": "scl",
}  # fmt: skip
"""Earth Search's names of the bands; its retired layout and others have ESA's."""

TOO_DARK, FEW = 900, 0.02
"""With the 1000 in them, DN below 900 are reflectances below -0.01: a rare overcorrection."""

TEN_METRES = ("B02", "B03", "B04", "B08")
"""Bands by whose DN an offset is judged."""


def stated_baseline(properties: Mapping[str, Any]) -> str:
    """Processing baseline ("05.09") that a STAC item states, else its product's, else ""."""
    for key in ("s2:processing_baseline", "processing:version"):
        if properties.get(key):
            return str(properties[key])
    named = stated_product(properties)
    return baseline_of(named) if named else ""


def stated_product(properties: Mapping[str, Any]) -> re.Match[str] | None:
    """The official name of the product that a STAC item is of, where it states it."""
    for key in ("s2:product_uri", "sentinel:product_id"):
        named = PRODUCT.match(str(properties.get(key, "")))
        if named:
            return named
    return None


def baseline_of(named: re.Match[str]) -> str:
    """The baseline in an official name: N0509 is "05.09"."""
    return f"{named['baseline'][:2]}.{named['baseline'][2:]}"


def stated_offset(item: Mapping[str, Any], baseline: str) -> int | None:
    """DN to add, by a STAC item (plain JSON) and the baseline; None where neither tells.

    Earth Search's Collection 1 states the offset with each band; where the mirror has taken it off
    already, it says so.
    """
    properties, assets = item.get("properties") or {}, item.get("assets") or {}
    if properties.get("earthsearch:boa_offset_applied") is True:
        return 0
    asset = assets.get(COLOURS["B02"]) or assets.get("B02") or {}
    bands = asset.get("raster:bands") or [{}]
    offset = asset.get("raster:offset", bands[0].get("offset"))
    scale = asset.get("raster:scale", bands[0].get("scale"))
    if offset is not None and scale:
        return round(float(offset) / float(scale))
    return offset_since(baseline)


def offset_since(baseline: str) -> int | None:
    """DN to add, by the processing baseline; None where it is no official one."""
    number = _number(baseline)
    if number is None or number >= REPROCESSED:
        return None
    return -ADDED if number >= SINCE else 0


def contradiction(offset: int, baseline: str, values: Iterable[np.ndarray]) -> str | None:
    """What is wrong with ``offset`` (DN to add), by DN of the 10 m bands; ``None``: nothing.

    DN 0 is no data. An offset of 0 is doubted only where the baseline adds 1000, and so may a
    scene of cloud, snow or bright sand alone be, which is why this warns and changes nothing.
    """
    data = np.concatenate([each.ravel() for each in values])
    data = data[data > 0]
    if not data.size:
        return None
    dark = float((data < TOO_DARK).mean())
    if offset <= -ADDED and dark > FEW:
        return f"boa_offset {offset}, but {dark:.0%} of the DN are below {TOO_DARK}"
    since = (_number(baseline) or 0.0) >= SINCE
    if offset == 0 and since and float((data < ADDED).mean()) <= FEW:
        return f"boa_offset 0, but the darkest DN of baseline {baseline} is {data.min():.0f}"
    return None


def _number(baseline: str) -> float | None:
    try:
        return float(baseline)
    except ValueError:
        return None
