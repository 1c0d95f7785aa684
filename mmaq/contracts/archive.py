"""Contract 1, the raw archive: a local STAC catalogue of products in the agencies' own formats.

One folder a collection; ``collection.json`` is written after its items and carries a digest of
them, so that it changes when, and only when, a product does. Assets lie beside their item, or
anywhere else when the archive was made from files that the user already had.

    catalog.json
    sentinel-2-l2a/collection.json    sentinel-2-l2a/<product>/<product>.json + assets
    sentinel-5p-l2-no2/...            one granule an item
    ancillary/...                     items dem, population, land_cover, roads, and power_plants
                                      where there is such a table
    stations/...                      items stations (table, measurements) and unlabelled (table)
    truth/...                         only an archive whose truth is known has it; evaluation reads
                                      it for the oracle rows and a map is compared with it, no
                                      other stage may
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmaq.base.errors import ArchiveError
from mmaq.base.files import read_json, remove_left_over, sha256, write_json

if TYPE_CHECKING:
    import pystac


SENTINEL2 = "sentinel-2-l2a"

SENTINEL5P = "sentinel-5p-l2-no2"

ANCILLARY = "ancillary"

STATIONS = "stations"

TRUTH = "truth"

TRUE_AREA = "area"
"""Item of the truth: mean NO2 of an area point by point (asset ``no2``); maps are judged by it."""

LEGEND_PROPERTY = "land_cover:legend"
"""Property of the land-cover item that names its legend."""

POPULATION_NODATA_PROPERTY = "population:no_data"
"""Property of the population item: "nobody" where a cell without data is one that none lives in."""

GAIN_PROPERTY = "truth:gain_error"
"""Property of the item of the true NO2 of an area: standard deviation of the gain error of the
instruments that measure it, as a share of what is measured."""

WORLD = (-180.0, -90.0, 180.0, 90.0)
"""Bounds of a product that is not of one place."""

COLLECTIONS = (SENTINEL2, SENTINEL5P, ANCILLARY, STATIONS, TRUTH)

REMEDY = "Make the archive with `mmaq simulate` or `mmaq acquire`"


@dataclass(frozen=True)
class Asset:
    """A file of a product. ``bands`` names the bands of a multi-band raster in file order."""

    path: Path
    bands: tuple[str, ...] = ()
    sha256: str | None = None

    def verify(self) -> None:
        """Compare the file with its checksum.

        Raises:
            ArchiveError: the file is absent or differs from what was catalogued.
        """
        if not self.path.exists():
            raise ArchiveError(self.path, "the catalogued file does not exist", REMEDY)
        if self.sha256 is not None and sha256(self.path) != self.sha256:
            raise ArchiveError(self.path, "the checksum differs from the catalogue's", REMEDY)


@dataclass(frozen=True)
class Product:
    """A STAC item: what one file set is, when and where it was taken, and by which processor.

    ``bbox`` is west, south, east, north in degrees, across the antimeridian with west > east;
    ``time`` is UTC. ``properties`` may hold
    ``processor_version``, ``proj:epsg``, ``boa_offset`` (DN to add, for Sentinel-2) and so on.
    """

    id: str
    collection: str
    time: datetime
    bbox: tuple[float, float, float, float]
    assets: Mapping[str, Asset]
    properties: Mapping[str, Any] = field(default_factory=dict)

    def asset(self, name: str) -> Asset:
        """The asset ``name``; ArchiveError when the product has none of that name."""
        try:
            return self.assets[name]
        except KeyError:
            raise ArchiveError(self.id, f"the product has no asset {name!r}", REMEDY) from None


def write_collection(
    root: str | os.PathLike[str], name: str, about: str, products: Iterable[Product]
) -> Path:
    """Write a collection's items and ``collection.json``, and list it in ``catalog.json``.

    Checksums are computed here for assets that lack one. Products are sorted by id, so that the
    same products give the same bytes; what killed processes left there is removed. Returns the
    path of ``collection.json``.
    """
    import pystac  # where it is used: everyone imports this module, and few need the library

    folder = Path(root) / name
    remove_left_over(folder.rglob(".*.part*"))
    digest = hashlib.sha256()
    links = []
    ordered = sorted(products, key=lambda product: product.id)
    for product in ordered:
        item = write_item(root, product)
        digest.update(json.dumps(item, sort_keys=True).encode())
        links.append({"rel": "item", "href": f"./{product.id}/{product.id}.json"})
    collection = pystac.Collection(name, about, _extent(ordered), title=name, license="other")
    collection.extra_fields["mmaq:digest"] = digest.hexdigest()
    value = collection.to_dict(include_self_link=False)
    value["links"] = [{"rel": "root", "href": "../catalog.json"}, *links]
    write_json(folder / "collection.json", value)
    _write_catalog(Path(root))
    return folder / "collection.json"


def write_item(root: str | os.PathLike[str], product: Product) -> dict[str, Any]:
    """Write one product's item beside its assets, before its collection is whole; give the item.

    ``write_collection`` writes the same bytes again.
    """
    folder = Path(root) / product.collection / product.id
    item = _to_stac(product, folder)
    write_json(folder / f"{product.id}.json", item)
    return item


def read_item(root: str | os.PathLike[str], collection: str, product: str) -> Product:
    """A product whose item was written, whether or not its collection lists it yet.

    Raises:
        ArchiveError: there is no such item, or it is not valid STAC.
    """
    return _from_stac(Path(root) / collection / product / f"{product}.json", collection)


def has_collection(root: str | os.PathLike[str], name: str) -> bool:
    """Whether the archive holds the collection ``name``."""
    return (Path(root) / name / "collection.json").exists()


def read_collection(root: str | os.PathLike[str], name: str) -> list[Product]:
    """The products of a collection, by id.

    Raises:
        ArchiveError: the collection or one of its items is missing or not valid STAC.
    """
    return [_from_stac(path, name) for path in _item_paths(root, name)]


def read_product(root: str | os.PathLike[str], collection: str, product: str) -> Product:
    """One product by its id; ArchiveError when the archive has no such product."""
    path = Path(root) / collection / product / f"{product}.json"
    if path not in _item_paths(root, collection):
        fault = f"the collection {collection} has no product {product!r}"
        raise ArchiveError(Path(root), fault, REMEDY)
    return _from_stac(path, collection)


def has_product(root: str | os.PathLike[str], collection: str, product: str) -> bool:
    """Whether a collection lists a product of this id."""
    path = Path(root) / collection / product / f"{product}.json"
    return path in _item_paths(root, collection)


def _item_paths(root: str | os.PathLike[str], name: str) -> list[Path]:
    """Items that the collection lists: a folder left over from an older archive is none."""
    path = Path(root) / name / "collection.json"
    value = read_json(path, ArchiveError, REMEDY)
    try:
        hrefs = [link["href"] for link in value["links"] if link["rel"] == "item"]
        return [path.parent / href for href in hrefs]
    except (KeyError, TypeError) as fault:
        raise ArchiveError(path, f"not a STAC collection ({fault!r})", REMEDY) from None


def _to_stac(product: Product, folder: Path) -> dict[str, Any]:
    import pystac

    item = pystac.Item(
        id=product.id,
        geometry=_geometry(product.bbox),
        bbox=list(product.bbox),
        datetime=product.time,
        properties=dict(product.properties),
        collection=product.collection,
    )
    for name, asset in product.assets.items():
        path = Path(os.path.abspath(asset.path))
        inside = path.is_relative_to(os.path.abspath(folder))
        extra: dict[str, Any] = {"file:sha256": asset.sha256 or sha256(path)}
        if asset.bands:
            extra["bands"] = [{"name": band} for band in asset.bands]
        href = f"./{path.relative_to(os.path.abspath(folder))}" if inside else str(path)
        item.assets[name] = pystac.Asset(href=href, extra_fields=extra)
    value: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
    value["links"] = [{"rel": "collection", "href": "../collection.json"}]
    return value


def _geometry(box: tuple[float, float, float, float]) -> dict[str, Any]:
    """A box as GeoJSON; one across the antimeridian is cut there (RFC 7946, 3.1.9)."""
    west, south, east, north = box
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [
        [[[left, south], [right, south], [right, north], [left, north], [left, south]]]
        for left, right in spans
    ]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _from_stac(path: Path, collection: str) -> Product:
    import pystac

    value = read_json(path, ArchiveError, REMEDY)
    try:
        item = pystac.Item.from_dict(value, migrate=False)
        assets = {
            name: Asset(
                path.parent / asset.href,
                tuple(band["name"] for band in asset.extra_fields.get("bands", ())),
                asset.extra_fields.get("file:sha256"),
            )
            for name, asset in item.assets.items()
        }
        west, south, east, north = map(float, item.bbox or ())
        if not (max(abs(west), abs(east)) <= 360.0 and -90.1 <= south <= north <= 90.1):
            raise ValueError("bbox is no place on Earth")
        time = (item.datetime or datetime.min).astimezone(timezone.utc)
    except Exception as fault:  # pystac raises many types for a malformed item
        raise ArchiveError(path, f"not a valid STAC item ({fault})", REMEDY) from None
    box = (west, south, east, north)
    properties = {key: item.properties[key] for key in item.properties if key != "datetime"}
    return Product(item.id, collection, time, box, assets, properties)


def _extent(products: list[Product]) -> pystac.Extent:
    import pystac

    boxes = [product.bbox for product in products] or [(-180.0, -90.0, 180.0, 90.0)]
    # A collection that crosses the antimeridian is said to go round: right, if not the narrowest.
    boxes = [(-180.0, s, 180.0, n) if w > e else (w, s, e, n) for w, s, e, n in boxes]
    wests, souths, easts, norths = zip(*boxes, strict=True)
    times = [product.time for product in products]
    interval: list[datetime | None] = [min(times), max(times)] if times else [None, None]
    return pystac.Extent(
        pystac.SpatialExtent([[min(wests), min(souths), max(easts), max(norths)]]),
        pystac.TemporalExtent([interval]),
    )


def _write_catalog(root: Path) -> None:
    """List the collections that are there.

    Processes that write collections side by side, also on several nodes of a shared folder, need no
    lock for it: each writes its collection first and the list after, and looks again once the list
    is written. So whoever writes the last list has seen all collections.
    """
    import pystac

    catalog = pystac.Catalog("mmaq", "Raw archive of MMAQ", title="MMAQ raw archive")
    value = catalog.to_dict(include_self_link=False)
    remove_left_over(root.glob(".*.part*"))
    listed: list[str] | None = None
    while (present := _present(root)) != listed:
        value["links"] = [{"rel": "child", "href": f"./{name}/collection.json"} for name in present]
        write_json(root / "catalog.json", value)
        listed = present


def _present(root: Path) -> list[str]:
    """Collections that are there, by what folders list.

    A listing is asked of the file server anew, where the answer whether one file exists may be
    one that this node remembers.
    """
    folders = set(os.listdir(root)).intersection(COLLECTIONS)
    return [
        name
        for name in COLLECTIONS
        if name in folders and "collection.json" in os.listdir(root / name)
    ]
