"""Sentinel-2 scenes as services list them, from several layouts of items, and each of them once.

Earth Search names bands by colour ("rededge1"), its retired layout and Planetary Computer as ESA
does ("B05"); the Data Space's items have the files of whole products ("B05_20m").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from shapely.geometry.base import BaseGeometry

from mmaq.acquire.files.sentinel2 import NATIVE
from mmaq.acquire.manifest import LeftOut, RemoteProduct
from mmaq.acquire.search.items import (
    NOWHERE,
    bounding_box,
    footprint,
    in_one_piece,
    remote_file,
    sensing_time,
)
from mmaq.acquire.services.download import RemoteFile
from mmaq.sentinel2.offsets import COLOURS, PRODUCT, baseline_of, stated_baseline, stated_offset

SAME_GROUND = 0.9
"""Share of a footprint: processing moves its edges a little; pieces of a pass overlap by less."""

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
        return LeftOut(id=identity, reason=NOWHERE)
    if time is None:
        return LeftOut(id=identity, reason="the item has no time")
    assets = item.get("assets") or {}
    named = {band: assets.get(colour) or assets.get(band) for band, colour in COLOURS.items()}
    lacking = [band for band, asset in named.items() if not asset or "href" not in asset]
    if lacking:
        return LeftOut(id=identity, reason=f"the item lacks {', '.join(lacking)}")
    stated = item.get("properties") or {}
    baseline, epsg = stated_baseline(stated), _epsg(stated)
    offset = stated_offset(item, baseline)
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


def read_bands(item: Mapping[str, Any]) -> Scene | LeftOut:
    """A product from an item of the Data Space: each band at its native resolution, from S3."""
    identity = str(item["id"]).removesuffix(".SAFE")
    place = footprint(item)
    if place is None:
        return LeftOut(id=identity, reason=NOWHERE)
    assets = item.get("assets") or {}
    named = {band: f"{band}_{size}m" for band, size in NATIVE.items()}
    lacking = [name for name in named.values() if "href" not in (assets.get(name) or {})]
    if lacking:
        return LeftOut(id=identity, reason=f"the item lacks {', '.join(lacking)}")
    files = {band: remote_file(assets[name]) for band, name in named.items()}
    return whole_scene(identity, files, place, item.get("properties") or {})


def whole_scene(
    identity: str, files: dict[str, RemoteFile], place: BaseGeometry, stated: Mapping[str, Any]
) -> Scene | LeftOut:
    """A product by its official name, which tells its time, baseline and tile."""
    named = PRODUCT.fullmatch(identity)
    if named is None:
        return LeftOut(id=identity, reason="its id is no name of a Level-2A product")
    start = datetime.strptime(named["time"], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    properties = {
        "eo:cloud_cover": stated.get("eo:cloud_cover"),
        "s2:processing_baseline": baseline_of(named),
    }
    product = RemoteProduct(
        id=identity, time=start, bbox=bounding_box({}, place), files=files, properties=properties
    )
    return Scene(product, place, cloud_cover(stated), tile_of(identity, {}))


def cloud_cover(stated: Mapping[str, Any]) -> float:
    """Cloud cover in percent; where it is not stated, the worst."""
    value = stated.get("eo:cloud_cover")
    return 100.0 if value is None else float(value)


def newest(scenes: list[Scene]) -> tuple[list[Scene], list[LeftOut]]:
    """The last processing of each scene, and the others with the reason; each product once.

    Processing changes neither tile nor time to the second, but these alone are no scene: where a
    pass was received in pieces, each piece is a product of its own, with the ground that it shows.
    So a product is replaced by a later one that shows the same ground.
    """
    kept: list[Scene] = []
    older: list[LeftOut] = []
    known: set[str] = set()  # services list one product twice
    for scene in sorted(scenes, key=lambda scene: (scene.version, scene.product.id), reverse=True):
        if scene.product.id in known:
            continue
        known.add(scene.product.id)
        later = next((other for other in kept if _replaces(other, scene)), None)
        if later is None:
            kept.append(scene)
        else:
            reason = f"{later.product.id} is a later processing of the same scene"
            older.append(LeftOut(id=scene.product.id, reason=reason))
    return kept[::-1], older[::-1]


def _replaces(later: Scene, scene: Scene) -> bool:
    times = (each.product.time.replace(microsecond=0) for each in (later, scene))
    if not scene.tile or later.tile != scene.tile or len(set(times)) > 1:
        return False
    ground, own = in_one_piece(later.footprint), in_one_piece(scene.footprint)
    return bool(ground.intersection(own).area >= SAME_GROUND * own.area)


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
