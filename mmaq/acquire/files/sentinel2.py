"""Sentinel-2 L2A scenes: folders of band files with a product id or a STAC item.

A file is a band by its whole name and its place in the product, never by a part of its name: a
whole SAFE has masks of detectors beside the bands that end like them. What the file is, is checked
when the scene is opened.

Names: Sentinel-2 Products Specification Document, "product naming convention".
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pystac
from rasterio.warp import transform_bounds

from mmaq.acquire.passed_over import PassedOver
from mmaq.base.errors import ArchiveError, ProductError
from mmaq.base.files import files_below, read_json
from mmaq.base.rasters import open_raster
from mmaq.contracts.archive import SENTINEL2, Asset, Product
from mmaq.sentinel2.offsets import (
    PRODUCT,
    baseline_of,
    contradiction,
    offset_since,
    stated_baseline,
    stated_offset,
    stated_product,
)
from mmaq.sentinel2.scene import Scene
from mmaq.vocabulary import BANDS

NAMED = r"(?P<band>B\d{2}|B8A|SCL|cloud_mask)(?:_(?P<size>[126]0)m)?"

BAND = re.compile(NAMED)

OFFICIAL = re.compile(rf"(?:L2A_)?T(?P<tile>\d{{2}}[A-Z]{{3}})_(?P<time>\d{{8}}T\d{{6}})_{NAMED}")
"""T31UFU_20210102T105441_B02_10m; with L2A_ before it up to 2018."""

ENDS_LIKE_A_BAND = re.compile(rf".*[-_. ]{NAMED}", re.IGNORECASE)

SUFFIXES = (".tif", ".tiff", ".jp2")

PACKED = (".zip", ".tar", ".tgz", ".gz")

IMAGES, GRANULE, RESOLUTION = "IMG_DATA", "GRANULE", re.compile("R?[126]0m")
"""Folders of a SAFE: GRANULE/<granule>/IMG_DATA/R10m holds bands, everything else does not. Others
have folders like 10m."""

ELSEWHERE = {GRANULE, "QI_DATA", "AUX_DATA", "DATASTRIP", "HTML", "rep_info"}

LEVEL_1 = re.compile(r"S2[A-D]_MSIL1C_")

METADATA = "MTD_MSIL2A.xml"

NATIVE = {band: 60 if band in ("B01", "B09") else 20 for band in (*BANDS, "SCL")} | dict.fromkeys(
    ("B02", "B03", "B04", "B08"), 10
)

MASKS = ("SCL", "cloud_mask")

REMEDY = "Download the scene again, or take it out of the folder"

log = logging.getLogger(__name__)


@dataclass
class _Folder:
    """What one scene is made of: ``root`` of the product, and by band where its files lie."""

    root: Path
    files: dict[str, list[tuple[int, Path]]] = field(default_factory=lambda: defaultdict(list))
    official: dict[tuple[str, str], Path] = field(default_factory=dict)
    """A file for each tile and time that names tell."""
    products: dict[str, Path] = field(default_factory=dict)
    """A file for each product id that names begin with."""


def find_scenes(folder: Path) -> list[Product]:
    """Level-2A scenes below ``folder``, from GeoTIFF or JPEG 2000 band files.

    Where a band lies there at several resolutions, as in a SAFE, its native one is taken, else the
    nearest. A product that was cut into several folders gives one item for each. What the folder
    holds besides is counted in a closing line.

    Raises:
        ArchiveError: there is no scene, or one lacks a band, a mask, its date or its baseline, or
            has files of another tile or time.
        ProductError: a band file is not a georeferenced raster of digital numbers, or lies
            elsewhere than the others.
    """
    passed_over = PassedOver(folder)
    folders: dict[Path, _Folder] = {}
    for path in files_below(folder):
        _sort(path, folder, folders, passed_over)
    if not folders:
        fault = "holds no band files of a Sentinel-2 scene"
        told = f" ({passed_over})" if len(passed_over) else ""
        remedy = "Give a folder of L2A scenes with B01.tif to B12.tif and SCL.tif"
        raise ArchiveError(folder, fault + told, remedy)
    parts: dict[Path, _Folder] = {}
    for home, held in folders.items():
        parts |= _parts(home, held)
    found = [_read_scene(home, part) for home, part in sorted(parts.items())]
    log.info("%s: %d Sentinel-2 scenes", folder, len(found))
    passed_over.tell(log)
    return _distinct(found)


def _sort(path: Path, folder: Path, folders: dict[Path, _Folder], passed_over: PassedOver) -> None:
    """Put a file where it belongs: to a scene, or to what is passed over."""
    above = [parent for parent in path.parents if parent.is_relative_to(folder)]
    names = [parent.name for parent in above]
    image = path.suffix.lower() in SUFFIXES
    if any(LEVEL_1.match(name) for name in names):
        if image:
            passed_over.other(path.relative_to(folder), "images of Level-1C products")
        return
    if path.suffix.lower() in PACKED and PRODUCT.match(path.name):
        passed_over.near(path.relative_to(folder), "products that are still packed")
        return
    in_images = next((parent for parent in above if parent.name == IMAGES), None)
    if not image or (in_images is None and ELSEWHERE & set(names)):
        return
    product = next((parent for parent in above if PRODUCT.match(parent.name)), None)
    own = [name for parent in above[:2] for name in (parent.name, parent.name.partition(".")[0])]
    named = OFFICIAL.fullmatch(path.stem) or BAND.fullmatch(_without_prefix(path.stem, own))
    if named is None:
        if ENDS_LIKE_A_BAND.fullmatch(path.stem):
            reason = "rasters whose names only end like a band's"
            passed_over.near(path.relative_to(folder), reason)
        return
    if in_images is not None:
        home = in_images.parent
        root = home.parent.parent if home.parent.name == GRANULE else home
    else:
        home = root = product or _folder_of(path)
    held = folders.setdefault(home, _Folder(root))
    band, size = named["band"], int(named["size"] or 0)
    held.files[band].append((abs(size - NATIVE.get(band, 0)) if size else 0, path))
    of_product = PRODUCT.match(path.stem)
    if of_product is not None:
        held.products.setdefault(of_product.group(), path)
    told = named if named.re is OFFICIAL else of_product
    if told is not None:
        held.official.setdefault((told["tile"], told["time"]), path)


def _without_prefix(stem: str, own: list[str]) -> str:
    """A file's name without its product's id or its folder's name before the band."""
    product = PRODUCT.match(stem)
    for prefix in ([product.group()] if product else []) + own:
        if prefix and stem.startswith(f"{prefix}_"):
            return stem.removeprefix(f"{prefix}_")
    return stem


def _folder_of(path: Path) -> Path:
    """The folder of a scene in which a file lies, itself or in a folder of its resolution."""
    return path.parent.parent if RESOLUTION.fullmatch(path.parent.name) else path.parent


def _parts(home: Path, held: _Folder) -> dict[Path, _Folder]:
    """The scene of a product; or, where several of its folders hold one band, the scene of each."""
    parts: dict[Path, _Folder] = {}
    for band, found in held.files.items():
        for rank, path in found:
            nothing = replace(held, files=defaultdict(list))
            parts.setdefault(_folder_of(path), nothing).files[band].append((rank, path))
    for band in held.files:
        ranks = [min(part.files[band])[0] for part in parts.values() if band in part.files]
        if len(set(ranks)) < len(ranks):
            return parts
    return {home: held}


def _read_scene(home: Path, held: _Folder) -> Product:
    files = {band: min(found)[1] for band, found in sorted(held.files.items())}
    lacking = [band for band in BANDS if band not in files]
    if lacking:
        fault = f"the scene lacks {', '.join(lacking)} of the 12 Level-2A bands"
        raise ArchiveError(home, fault, REMEDY)
    if not any(mask in files for mask in MASKS):
        raise ArchiveError(home, "the scene has neither SCL nor cloud_mask", REMEDY)
    about = _identify(held.root)
    _check_names(held, about.named)
    epsg, box = _place(files["B02"])
    assets = {band: Asset(path) for band, path in files.items() if band in (*BANDS, *MASKS)}
    properties = {
        "s2:processing_baseline": about.baseline, "boa_offset": about.offset, "proj:epsg": epsg
    }  # fmt: skip
    product = Product(about.name, SENTINEL2, about.time, box, assets, properties)
    with Scene(product) as scene:
        offset, numbers = scene.sample()
    if offset != about.offset:
        fault = f"its files declare an offset of {offset} where the product has {about.offset}"
        log.warning("%s: %s: that of the files is taken", home, fault)
    wrong = contradiction(offset, about.baseline, numbers)
    if wrong is not None:
        log.warning("%s: %s: the stated offset may be wrong", home, wrong)
    return replace(product, properties=properties | {"boa_offset": offset})


@dataclass(frozen=True)
class _Identity:
    """Id, sensing time (UTC), product id (None: not told), baseline, offset to add to the DN."""

    name: str
    time: datetime
    named: re.Match[str] | None
    baseline: str
    offset: int


def _identify(root: Path) -> _Identity:
    """By the folder's name (also behind a link), a STAC item in it, or the SAFE's own metadata."""
    item = _stac_item(root)
    stated = item["properties"] if item else {}
    metadata = _metadata(root)
    named = PRODUCT.match(root.name) or PRODUCT.match(root.resolve().name)
    named = named or stated_product(stated) or PRODUCT.match(_tag(metadata, "PRODUCT_URI"))
    baseline = stated_baseline(stated) or _tag(metadata, "PROCESSING_BASELINE")
    baseline = baseline or (baseline_of(named) if named else "")
    if not baseline:
        fault = "neither the folder's name nor a STAC item beside the bands tells the product"
        raise ArchiveError(root, fault, "Name the folder by its product id (S2A_MSIL2A_...)")
    told = _tag(metadata, "BOA_ADD_OFFSET")
    offset = int(told) if told else stated_offset(item, baseline) if item else None
    offset = offset_since(baseline) if offset is None else offset
    if offset is None:
        fault = f"processing baseline {baseline!r} does not tell the offset of its DN"
        raise ArchiveError(root, fault, "Give a scene of an official baseline")
    time = pystac.utils.str_to_datetime(stated["datetime"]) if stated.get("datetime") else None
    if time is None and named is not None:
        time = datetime.strptime(named["time"], "%Y%m%dT%H%M%S")
    if time is None:
        raise ArchiveError(root, "the STAC item has no date", "Give its product id or a datetime")
    name = str(item["id"]) if item else named.group() if named else root.name
    zone = time.tzinfo or timezone.utc
    return _Identity(name, time.replace(tzinfo=zone), named, baseline, offset)


def _check_names(held: _Folder, product: re.Match[str] | None) -> None:
    """All files that tell a tile, a time or a product tell the same, and those of the product."""
    apart = "Keep the files of each scene in a folder of its own"
    for paths, what in (
        (list(held.official.values()), "tile or time"),
        (list(held.products.values()), "product"),
    ):
        if len(paths) > 1:
            fault = f"is of another {what} than {paths[0].name} beside it"
            raise ArchiveError(paths[1], fault, apart)
    if product is None:
        return
    for (tile, time), path in held.official.items():
        for what, value, mark in (("tile", tile, "T"), ("time", time, "")):
            if value != product[what]:
                fault = f"is of another {what} than its product, {mark}{product[what]}"
                raise ArchiveError(path, fault, REMEDY)
    for name, path in held.products.items():
        if name != product.group():
            raise ArchiveError(path, f"is of another product than {product.group()}", REMEDY)


def _stac_item(root: Path) -> dict[str, Any] | None:
    """The STAC item of a folder, as plain JSON; None where there is none."""
    items = []
    for path in sorted(root.glob("*.json")):
        if path.name.startswith("."):
            continue
        value = read_json(path, ArchiveError, REMEDY)
        if isinstance(value, dict) and value.get("type") == "Feature":
            try:
                pystac.Item.from_dict(value, migrate=False)
            except Exception as fault:  # pystac raises many types for a malformed item
                raise ArchiveError(path, f"not a valid STAC item ({fault})", REMEDY) from None
            items.append(value)
    if len({value["id"] for value in items}) > 1:
        told = f"holds {len(items)} STAC items beside the bands of one scene"
        raise ArchiveError(root, told, "Keep the one that is of these bands")
    return items[0] if items else None


def _metadata(root: Path) -> str:
    """The text of a SAFE's metadata; "" where it has none."""
    path = root / METADATA
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _tag(text: str, name: str) -> str:
    """What the first element of this name holds; "" where there is none."""
    found = re.search(rf"<{name}(?:\s[^>]*)?>\s*([^<]*?)\s*</{name}>", text)
    return found[1] if found else ""


def _place(path: Path) -> tuple[int, tuple[float, float, float, float]]:
    """EPSG code and west, south, east, north in degrees; across the antimeridian west > east."""
    with open_raster(path, REMEDY) as raster:
        if not raster.crs:
            raise ProductError(path, "has no coordinate reference system", REMEDY)
        epsg = raster.crs.to_epsg()
        if epsg is None:
            raise ProductError(path, "its coordinate system has no EPSG code", REMEDY)
        west, south, east, north = transform_bounds(raster.crs, 4326, *raster.bounds)
        return epsg, (west, south, east, north)


def _distinct(scenes: list[Product]) -> list[Product]:
    """Give the parts of one product ids of their own: the product's, then the outer folder's."""
    ids = [scene.id for scene in scenes]
    named = [
        scene if ids.count(scene.id) == 1 else replace(scene, id=f"{scene.id}_{_outer(scene)}")
        for scene in scenes
    ]
    seen: set[str] = set()
    for scene in named:
        if scene.id in seen:
            raise ArchiveError(scene.id, "the scene lies there twice", "Keep one copy of it")
        seen.add(scene.id)
    return named


def _outer(scene: Product) -> str:
    path = scene.assets["B02"].path
    granule = next((here.parent for here in path.parents if here.name == IMAGES), None)
    folder = _folder_of(path)
    inside = PRODUCT.match(folder.parent.name)
    return (granule or (folder if inside else folder.parent)).name
