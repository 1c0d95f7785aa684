"""The frozen result of a search: what will be fetched, before a byte of it is.

One small JSON file a collection, without a secret and without a signed address, so that it can be
tracked and shared: the same manifest gives the same archive.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from os import PathLike
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mmaq.acquire.passed_over import PassedOver
from mmaq.acquire.services.download import RemoteFile
from mmaq.base.errors import ArchiveError
from mmaq.base.files import read_json, write_json
from mmaq.config.acquire import Acquire
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS

SITES = "sites.csv"
"""The table of places, beside the manifests."""

REMEDY = "Make it again with `mmaq acquire plan`"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RemoteProduct(_Frozen):
    """A product at a service; ``bbox`` in degrees, ``time`` UTC, ``files`` by asset name."""

    id: str
    time: datetime
    bbox: tuple[float, float, float, float]
    files: dict[str, RemoteFile]
    properties: dict[str, Any] = {}


class LeftOut(_Frozen):
    """A product that the search found and the manifest leaves out, with the reason."""

    id: str
    reason: str


class Manifest(_Frozen):
    """Products of one collection from one service.

    ``candidates`` names, for each site whose window is read, the scenes to look at in order (only
    for Sentinel-2 windows); ``asked`` is what was searched for.
    """

    collection: str
    service: str
    asked: dict[str, Any]
    products: tuple[RemoteProduct, ...]
    left_out: tuple[LeftOut, ...] = ()
    candidates: dict[str, tuple[str, ...]] = {}

    def product(self, identity: str) -> RemoteProduct:
        """The product of this id."""
        return next(product for product in self.products if product.id == identity)


def tell_left_out(
    service: str, broken: Iterable[LeftOut], older: Iterable[LeftOut], log: logging.Logger
) -> None:
    """Say in a closing line what a search leaves out: what cannot be used, and older versions."""
    passed_over = PassedOver(service)
    for product in broken:
        passed_over.near(product.id, f"because {product.reason}")
    for product in older:
        passed_over.other(product.id, "of which a later or better version is taken")
    passed_over.tell(log)


def manifest_names(asked: Acquire) -> list[str]:
    """Collections that a configuration asks for, one manifest each."""
    optional = {SENTINEL2: asked.sentinel2.provider, SENTINEL5P: asked.sentinel5p.provider}
    return [STATIONS, ANCILLARY, *(name for name, who in optional.items() if who != "none")]


def write_manifest(path: str | PathLike[str], manifest: Manifest) -> None:
    """Write a manifest; equal searches give equal bytes (products are ordered by id)."""
    ordered = tuple(sorted(manifest.products, key=lambda product: product.id))
    left_out = tuple(sorted(manifest.left_out, key=lambda product: product.id))
    changed = manifest.model_copy(update={"products": ordered, "left_out": left_out})
    write_json(path, changed.model_dump(mode="json"))


def read_manifest(path: str | PathLike[str]) -> Manifest:
    """Read a manifest; ArchiveError when it is missing or not one."""
    try:
        return Manifest.model_validate(read_json(path, ArchiveError, REMEDY))
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArchiveError(path, f"not a manifest ({where}: {first['msg']})", REMEDY) from None
