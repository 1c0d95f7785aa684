"""Sentinel-2 scenes of a STAC mirror: bands, baseline and offset, from three layouts of items.

Earth Search names bands by colour ("rededge1"), its retired layout and Planetary Computer as ESA
does ("B05"). From processing baseline 04.00 on, reflectance is (DN - 1000) / 10000 (Sentinel-2
Products Specification Document, BOA_ADD_OFFSET). Earth Search's Collection 1 states the offset
with each band; a mirror that has taken it off already says so (earthsearch:boa_offset_applied).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from mmaq.acquire.files.sentinel2 import OFFSET, OFFSET_SINCE, PRODUCT, REPROCESSED
from mmaq.acquire.manifest import LeftOut, RemoteProduct
from mmaq.acquire.search.items import bounding_box, footprint, remote_file, sensing_time

COLOURS = {
    "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1",
    "B06": "rededge2", "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B09": "nir09",
    "B11": "swir16", "B12": "swir22", "SCL": "scl",
}  # fmt: skip

TILE = re.compile(r"(?:^|[-_]T?)(\d{2}[A-Z]{3})(?:_|$)")


@dataclass(frozen=True)
class Scene:
    """A product with its footprint (degrees), cloud cover (percent) and tile ("31UGR")."""

    product: RemoteProduct
    footprint: BaseGeometry
    cloud: float
    tile: str

    @property
    def version(self) -> str:
        """Processing baseline: of one scene processed twice the later is taken."""
        return str(self.product.properties.get("s2:processing_baseline", ""))


def read_scene(item: Mapping[str, Any]) -> Scene | LeftOut:
    """A scene of 12 bands and SCL from an item of any of the layouts, or why it is left out."""
    identity = str(item["id"])
    place, time = footprint(item), sensing_time(item)
    if place is None:
        return LeftOut(id=identity, reason="the item has neither a geometry nor a bbox")
    if time is None:
        return LeftOut(id=identity, reason="the item has no time")
    assets = item.get("assets") or {}
    named = {band: assets.get(colour) or assets.get(band) for band, colour in COLOURS.items()}
    lacking = [band for band, asset in named.items() if not asset or "href" not in asset]
    if lacking:
        return LeftOut(id=identity, reason=f"the item lacks {', '.join(lacking)}")
    stated = item.get("properties") or {}
    baseline, epsg = _baseline(stated), _epsg(stated)
    offset = _offset(stated, named["B02"] or {}, baseline)
    if offset is None:
        reason = f"processing baseline {baseline!r} does not tell the offset of its DN"
        return LeftOut(id=identity, reason=reason)
    if epsg is None:
        return LeftOut(id=identity, reason="the item does not tell its projection")
    properties = {
        "boa_offset": offset, "eo:cloud_cover": stated.get("eo:cloud_cover"), "proj:epsg": epsg,
        "s2:processing_baseline": baseline,
    }  # fmt: skip
    product = RemoteProduct(
        id=identity, time=time, bbox=bounding_box(item, place), properties=properties,
        files={band: remote_file(asset) for band, asset in named.items() if asset},
    )  # fmt: skip
    return Scene(product, place, cloud_cover(stated), tile_of(identity, stated))


def cloud_cover(stated: Mapping[str, Any]) -> float:
    """Cloud cover in percent; where it is not stated, the worst."""
    value = stated.get("eo:cloud_cover")
    return 100.0 if value is None else float(value)


def newest(scenes: list[Scene]) -> tuple[list[Scene], list[LeftOut]]:
    """One processing of each scene, and the others with the reason.

    A scene is known by its tile and its time to the second, which processing does not change.
    """
    best: dict[tuple[str, datetime], Scene] = {}
    older: list[LeftOut] = []
    for scene in sorted(scenes, key=lambda scene: (scene.version, scene.product.id)):
        key = scene.tile, scene.product.time.replace(microsecond=0)
        if scene.tile and key in best:
            reason = f"{scene.product.id} is a later processing of the same scene"
            older.append(LeftOut(id=best[key].product.id, reason=reason))
        best[key if scene.tile else (scene.product.id, scene.product.time)] = scene
    return list(best.values()), older


def _baseline(stated: Mapping[str, Any]) -> str:
    """Processing baseline ("05.09") as stated, else from the product's official name."""
    for key in ("s2:processing_baseline", "processing:version"):
        if stated.get(key):
            return str(stated[key])
    for key in ("s2:product_uri", "sentinel:product_id"):
        named = PRODUCT.match(str(stated.get(key, "")))
        if named:
            return f"{named['baseline'][:2]}.{named['baseline'][2:]}"
    return ""


def _offset(stated: Mapping[str, Any], asset: Mapping[str, Any], baseline: str) -> int | None:
    """DN to add; None where neither the band nor the baseline tells."""
    if stated.get("earthsearch:boa_offset_applied") is True:
        return 0
    bands = asset.get("raster:bands") or [{}]
    offset = asset.get("raster:offset", bands[0].get("offset"))
    scale = asset.get("raster:scale", bands[0].get("scale"))
    if offset is not None and scale:
        return round(float(offset) / float(scale))
    try:
        number = float(baseline)
    except ValueError:
        return None
    if number >= REPROCESSED:
        return None
    return OFFSET if number >= OFFSET_SINCE else 0


def _epsg(stated: Mapping[str, Any]) -> int | None:
    code = stated.get("proj:code") or stated.get("proj:epsg")
    digits = str(code).removeprefix("EPSG:")
    return int(digits) if digits.isdecimal() else None


def tile_of(identity: str, stated: Mapping[str, Any]) -> str:
    """The tile ("31UGR") as stated or in the id, "" where neither tells."""
    for text in (stated.get("grid:code"), stated.get("s2:mgrs_tile"), identity):
        named = TILE.search(str(text or ""))
        if named:
            return named[1]
    return ""
