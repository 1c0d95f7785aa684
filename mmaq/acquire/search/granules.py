"""Sentinel-5P NO2 granules as services list them, and the one version of each orbit to take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from mmaq.acquire.files.sentinel5p import of_name, one_version_an_orbit
from mmaq.acquire.manifest import LeftOut, RemoteProduct
from mmaq.acquire.search.items import bounding_box, footprint, remote_file
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.archive import SENTINEL5P, Product
from mmaq.sentinel5p.granule import NAME
from mmaq.services.remote_file import RemoteFile
from mmaq.vocabulary import S5P_PRODUCT


@dataclass(frozen=True)
class Granule:
    """A granule by its official name, with its footprint in degrees."""

    product: RemoteProduct
    footprint: BaseGeometry


def choose(
    found: Iterable[Granule], asked: Acquire, period: Period
) -> tuple[list[RemoteProduct], list[LeftOut]]:
    """The best version of each orbit that meets the area, and the other versions.

    The rule is the one for files that the user has: reprocessed before offline before near real
    time, then the newest processor. A granule belongs to the day on which it starts.
    """
    area = box(*asked.bbox)
    kept: dict[str, RemoteProduct] = {}
    for granule in found:
        product = granule.product
        inside = period.start <= product.time.date() <= period.end
        stream = product.properties["s5p:stream"] in asked.sentinel5p.streams
        if inside and stream and granule.footprint.intersects(area):
            kept.setdefault(product.id, product)
    best = {item.id for item in one_version_an_orbit(map(_as_item, kept.values()))}
    reason = "a better version of the same orbit is taken"
    return (
        [kept[name] for name in sorted(best)],
        [LeftOut(id=name, reason=reason) for name in sorted(kept) if name not in best],
    )


def read_granule(item: Mapping[str, Any], scheme: str = "https") -> Granule | LeftOut | None:
    """A granule from a STAC item, by the official name of its file; None for another gas.

    The name is that of the asset: Planetary Computer's items have shortened ids. Of several
    addresses of the file one of ``scheme`` is taken if there is one.
    """
    identity = str(item["id"])
    offers = [remote_file(offer) for offer in _offers(item)]
    named = [(_official_name(offer.href, identity), offer) for offer in offers]
    usable = [(name, offer) for name, offer in named if name is not None]
    usable.sort(key=lambda pair: not pair[1].href.startswith(f"{scheme}:"))
    if usable:
        return named_granule(*usable[0], item)
    if "L2__" in identity and "NO2" not in identity:
        return None
    return LeftOut(id=identity, reason="the item has no file with the name of an NO2 granule")


def named_granule(
    name: str, remote: RemoteFile, item: Mapping[str, Any]
) -> Granule | LeftOut | None:
    """The granule of an official name; None for another gas."""
    named = NAME.fullmatch(name)
    if named is None:
        return LeftOut(id=name, reason="its name is no official one")
    if named["kind"] != S5P_PRODUCT:
        return None
    place = footprint(item)
    if place is None:
        return LeftOut(id=name, reason="the item has neither a geometry nor a bbox")
    start, properties = of_name(named)
    product = RemoteProduct(
        id=name, time=start, bbox=bounding_box(item, place), files={"product": remote},
        properties=properties,
    )  # fmt: skip
    return Granule(product, place)


def _official_name(href: str, identity: str) -> str | None:
    """The granule's name from a file's address, or from the item where the address has none."""
    stem = PurePosixPath(href).name.removesuffix(".nc")
    for text in (stem, identity.removesuffix(".nc")):
        if NAME.fullmatch(text) and (text == stem or href.endswith((".nc", "/$value"))):
            return text
    return None


def _offers(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every address of every asset, with what is stated of the file."""
    for asset in (item.get("assets") or {}).values():
        for offer in (asset, *(asset.get("alternate") or {}).values()):
            if offer.get("href"):
                yield {**asset, **offer}


def _as_item(product: RemoteProduct) -> Product:
    return Product(product.id, SENTINEL5P, product.time, product.bbox, {}, product.properties)
