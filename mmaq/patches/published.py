"""Patches from the images of the published data set (Zenodo 5764262; docs/own_data.md)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.base.arrays import read_array
from mmaq.base.errors import ProductError, TableError
from mmaq.base.files import reading
from mmaq.base.reflectance import REMEDY as IN_DN
from mmaq.base.reflectance import other_unit, possible
from mmaq.base.tables import read_table
from mmaq.config.data import IMAGE_FOLDERS, Published
from mmaq.patches.assemble import Modality, absent, describe_s2, describe_s5p, keep_valid
from mmaq.sentinel2.offsets import TEN_METRES, contradiction, offset_since
from mmaq.vocabulary import BANDS

STATION = "AirQualityStation"
PATHS = {"s2": "img_path", "s5p": "s5p_path"}
"""Columns of the sample table that name the files."""

PIXEL = 10.0
"""Of a published patch, m."""

SIDE = 120
"""Pixels of a published patch: 1.2 km at 10 m."""

FILE_BANDS = ("B04", "B03", "B02", "B08", "B05", "B06", "B07", "B8A", "B11", "B12", "B01", "B09")
"""Bands of a Sentinel-2 file, in file order, as the released code reads them."""

VARIABLE = "tropospheric_NO2_column_number_density"
MOLECULES_CM2 = 6.02214076e19
"""Molecules/cm² in one mol/m²: Avogadro's number, exact since 2019, over 10^4 cm² in a m²."""

ASSUMED = "molec/cm2"
"""The published files name no unit."""
PER_CM2 = r"^\s*molec\w*\.?\s*(/|per|\*|\s)\s*cm"
"""What a unit of molecules/cm² begins with, in its many spellings."""
PLAUSIBLE = (1e-8, 1.0)
"""Between these lies the largest column of a patch, mol/m²: it is 1e-5 over the ocean and 1e-3 over
the worst city, and other units are many powers of ten away."""

REFETCH = "Fetch the images again (Zenodo 5764262)"

log = logging.getLogger(__name__)

PRODUCT_START = re.compile(r"S2[A-D]_MSIL2A_(\d{8}T\d{6})_N(\d{4})_")


def read_paths(path: str | None, ids: pd.Series) -> pd.DataFrame:
    """The image paths of each site, in the order of ``ids``."""
    if path is None:
        raise TableError("published.samples", "no sample table is given", "Set published.samples")
    table = read_table(path, [STATION, *PATHS.values()])
    table = table.drop_duplicates(STATION).set_index(STATION)
    unknown = ids[~ids.isin(table.index)]
    if len(unknown):
        fault_ = f"station {unknown.iloc[0]!r} of the site table is missing"
        raise TableError(path, fault_, "Run `mmaq landuse` again")
    return table.loc[ids]


def read_sentinel2_patches(config: Published, samples: pd.DataFrame, side: int) -> Modality:
    """The published Sentinel-2 images of the samples; absent with the reason."""
    files = _files(config, samples, "s2")
    if isinstance(files, str):
        return absent("s2", len(samples), side, files)
    paths, held = files
    products = [product_of(path.name) for path in paths]
    doubts: dict[str, str] = {}
    values, mask = _stack(
        read_sentinel2(path, offset, side, doubts)
        for path, (_, _, offset) in zip(_progress(paths, "s2"), products, strict=True)
    )
    if doubts:
        name, wrong = min(doubts.items())
        log.warning(
            "the pixels of %d of %d images contradict the offset of their names; the first, %s: %s",
            len(doubts), len(paths), name, wrong,
        )  # fmt: skip
    columns = {name: np.full(len(samples), None, object) for name in ("product", "time", "clear")}
    columns["product"][held] = [product for product, _, _ in products]
    columns["time"][held] = [time for _, time, _ in products]
    columns["clear"][held] = mask.mean(axis=(1, 2))
    return Modality(*keep_valid(values, mask, held), describe_s2(side, PIXEL), columns)


def read_sentinel5p_patches(config: Published, samples: pd.DataFrame, side: int) -> Modality:
    """The published Sentinel-5P images of the samples; absent with the reason."""
    files = _files(config, samples, "s5p")
    if isinstance(files, str):
        return absent("s5p", len(samples), side, files)
    paths, held = files
    values, mask = _stack(read_sentinel5p(path, side) for path in _progress(paths, "s5p"))
    return Modality(*keep_valid(values, mask, held), describe_s5p(side, PIXEL, "m"))


def _files(
    config: Published, samples: pd.DataFrame, name: str
) -> tuple[list[Path], np.ndarray] | str:
    """The files that are there and which sites they belong to (bool), or why there are none."""
    if config.images is None:
        return "images not given: set published.images"
    folder = Path(config.images) / IMAGE_FOLDERS[name]
    if not folder.is_dir():
        return f"images absent: {folder} is no folder"
    paths = [folder / str(part) for part in samples[PATHS[name]]]
    held = np.array([path.is_file() for path in paths])
    if not held.any():
        return f"images absent: {folder} holds none of the files that {config.samples} names"
    return [path for path in paths if path.is_file()], held


def _stack(patches: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    values, masks = zip(*patches, strict=True)
    return np.stack(values), np.stack(masks)


def _progress(files: list[Path], name: str) -> Iterable[Path]:
    return tqdm(files, desc=f"published {IMAGE_FOLDERS[name]}", unit="file", disable=None)


def product_of(path: str) -> tuple[str, datetime, int]:
    """Product id, UTC time and DN offset of a Sentinel-2 file, from its product name.

    From processing baseline 04.00 on, DN carry an offset of +1000 that must be taken off again
    (BOA_ADD_OFFSET, Sentinel-2 Products Specification); before it they carry none. Baseline 99.99
    is somebody's own run of Sen2Cor, which tells no offset.
    """
    name = Path(path).stem
    match = PRODUCT_START.match(name)
    offset = offset_since(baseline_in(name))
    if match is None or offset is None:
        fault = "the name does not say product time and processing baseline"
        raise ProductError(path, fault, "Keep the product names of the sample table")
    time = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
    return name, time, offset


def baseline_in(name: str) -> str:
    """The processing baseline ("05.09") in a product's name, "" where there is none."""
    match = PRODUCT_START.match(name)
    return f"{match[2][:2]}.{match[2][2:]}" if match else ""


def read_sentinel2(
    path: Path, offset: int, side: int, doubts: dict[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """The central ``side`` pixels of a file: (12, side, side) uint16 in BANDS order, and mask.

    Files hold H x W x 12 DN. One of 200 x 200 is first cut to rows and columns 40 to 160, as the
    released code does. DN 0 and what is no possible DN (fill values, 65535, not finite) are no
    data; elsewhere the value is DN + ``offset``, clipped to 0..65535. The data set brings no cloud
    mask, so the mask (side, side) uint8 says only where all bands have data. Where the pixels
    contradict ``offset``, ``doubts`` gets the file's path and why.

    Raises:
        ProductError: the file is damaged, not an array of one of these two shapes, or not in DN.
    """
    pixels = read_array(path, ProductError, REFETCH)
    if pixels.shape not in ((200, 200, 12), (SIDE, SIDE, 12)) or pixels.dtype.kind not in "iuf":
        shape = " x ".join(map(str, pixels.shape))
        fault_ = f"{pixels.dtype} array of {shape}, not DN of 200 x 200 x 12 or 120 x 120 x 12"
        raise ProductError(path, fault_, REFETCH)
    if pixels.shape[0] == 200:
        pixels = pixels[40:160, 40:160]
    if unit := other_unit(pixels):
        raise ProductError(path, unit, IN_DN)
    dn = np.moveaxis(_centre(pixels, side), -1, 0)[[FILE_BANDS.index(band) for band in BANDS]]
    valid = possible(dn) & (dn != 0)
    ten = [BANDS.index(band) for band in TEN_METRES]
    wrong = contradiction(offset, baseline_in(path.name), [dn[ten][valid[ten]]])
    if wrong is not None:
        doubts[str(path)] = wrong
    reflectance = np.clip(np.rint(np.where(valid, dn, 0).astype(float) + offset), 0, 65535)
    return np.where(valid, reflectance, 0).astype(np.uint16), valid.all(axis=0).astype(np.uint8)


def read_sentinel5p(path: Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The central ``side`` pixels of a file: (side, side) float32 in mol/m², and uint8 mask.

    Files hold molecules/cm², interpolated to the pixels of the Sentinel-2 patch. The first row
    is turned north where the file's coordinate rises. Masked pixels are 0.

    Raises:
        ProductError: the file is damaged, lacks the variable, or is no 2-D field of that size.
    """
    broken = reading(path, ProductError, "not a readable NetCDF", REFETCH)
    with broken, netCDF4.Dataset(path) as data:
        if VARIABLE not in data.variables:
            raise ProductError(path, f"no variable {VARIABLE}", REFETCH)
        column = data.variables[VARIABLE]
        units = str(getattr(column, "units", ASSUMED))
        masked: np.ma.MaskedArray = np.ma.asarray(column[:], dtype=float)
        field: np.ndarray = masked.filled(np.nan).squeeze()
        rows = [name for name in column.dimensions if len(data.dimensions[name]) > 1][:1]
        places = [data.variables[name][:] for name in rows if name in data.variables]
    if not re.search(PER_CM2, units):
        raise ProductError(path, f"{VARIABLE} in {units!r}, not molecules/cm2", REFETCH)
    largest = np.nanmax(np.abs(field), initial=0.0) / MOLECULES_CM2
    if largest and not PLAUSIBLE[0] < largest < PLAUSIBLE[1]:
        told = "without units" if units == ASSUMED else f"in {units!r}"
        fault_ = f"{VARIABLE} {told} would be up to {largest:.2g} mol/m2: it is no molecules/cm2"
        raise ProductError(path, fault_, "Give the column in molecules/cm2")
    if field.ndim != 2 or min(field.shape) < side:
        fault_ = f"{VARIABLE} of shape {field.shape} holds no {side} x {side} pixels"
        raise ProductError(path, fault_, f"Set patches.s5p_size to at most {SIDE}")
    if places and len(places[0]) > 1 and places[0][0] < places[0][-1]:
        field = field[::-1]
    field = _centre(field, side)
    valid = np.isfinite(field)
    return (np.where(valid, field, 0) / MOLECULES_CM2).astype(np.float32), valid.astype(np.uint8)


def _centre(values: np.ndarray, side: int) -> np.ndarray:
    """The central ``side`` rows and columns (the first two axes)."""
    row, column = (values.shape[0] - side) // 2, (values.shape[1] - side) // 2
    return values[row : row + side, column : column + side]
