"""Where the official product and HARP-1.0 keep a variable, its quality, precision and corners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import netCDF4

from mmaq.errors import ProductError
from mmaq.sentinel5p.granule import product_kind
from mmaq.sentinel5p.netcdf import DAMAGED, text

GEOLOCATIONS = "SUPPORT_DATA/GEOLOCATIONS"
RESULTS = "SUPPORT_DATA/DETAILED_RESULTS"


@dataclass(frozen=True)
class Fields:
    """The variables that gridding needs, unread. ``quality`` over ``best_quality`` is 0..1."""

    name: str
    value: netCDF4.Variable
    quality: netCDF4.Variable
    best_quality: float
    precision: netCDF4.Variable | None
    longitude: netCDF4.Variable
    latitude: netCDF4.Variable


def find_fields(dataset: netCDF4.Dataset, path: Path, variable: str) -> Fields:
    """Find ``variable`` and what belongs to it.

    Raises:
        ProductError: neither layout, another gas, an empty PRODUCT group or a missing variable.
    """
    if "PRODUCT" in dataset.groups:
        return _official(dataset, path, variable)
    if text(dataset, "Conventions").startswith("HARP"):
        return _harp(dataset, path, variable)
    remedy = "Give L2 products with a PRODUCT group or HARP-1.0 files"
    raise ProductError(path, "neither a Sentinel-5P L2 product nor a HARP file", remedy)


def _official(dataset: netCDF4.Dataset, path: Path, variable: str) -> Fields:
    """Source: Sentinel-5P L2 Product User Manuals, chapter on the description of the product.

    The column is looked for in PRODUCT, then among the detailed results (slant columns).
    """
    product = dataset["PRODUCT"]
    if not product.variables:
        raise ProductError(path, "the PRODUCT group is empty", DAMAGED)
    name = text(dataset, "id") or path.stem
    present = [*_paths(product, ""), *_paths(product, RESULTS)]
    where = next((p for p in (variable, f"{RESULTS}/{variable}") if p in present), None)
    if where is None:
        kind = product_kind(name) or product_kind(path.stem)
        fault = f"{kind or 'the product'} has no variable {variable}"
        raise ProductError(path, fault, _choose(product.variables, "column"))
    precision = f"{where}_precision"
    return Fields(
        name=name,
        value=product[where],
        quality=_need(product, path, "", "qa_value"),
        best_quality=1.0,
        precision=product[precision] if precision in present else None,
        longitude=_need(product, path, GEOLOCATIONS, "longitude_bounds"),
        latitude=_need(product, path, GEOLOCATIONS, "latitude_bounds"),
    )


def _harp(dataset: netCDF4.Dataset, path: Path, variable: str) -> Fields:
    """Source: HARP data format 1.0. Validity is 0..100; the uncertainty is the random part.

    The validity is the variable's own or, as for a slant column, that of the same species.
    """
    if variable not in dataset.variables:
        fault = f"no variable {variable}"
        raise ProductError(path, fault, _choose(dataset.variables, "column_number_density"))
    precisions = [f"{variable}_uncertainty_random", f"{variable}_uncertainty"]
    precision = next((name for name in precisions if name in dataset.variables), None)
    return Fields(
        name=text(dataset, "source_product") or path.stem,
        value=dataset[variable],
        quality=dataset[_validity(dataset, path, variable)],
        best_quality=100.0,
        precision=dataset[precision] if precision else None,
        longitude=_need(dataset, path, "", "longitude_bounds"),
        latitude=_need(dataset, path, "", "latitude_bounds"),
    )


def _validity(dataset: netCDF4.Dataset, path: Path, variable: str) -> str:
    own = f"{variable}_validity"
    if own in dataset.variables:
        return own
    words = set(variable.split("_")) - {"tropospheric", "slant", "column", "number", "density"}
    names = [name for name in dataset.variables if name.endswith("_validity")]
    shared = [name for name in names if words & set(name.split("_"))]
    if len(shared) != 1:
        fault = f"{variable} has {'several validity variables' if shared else 'no validity'}"
        raise ProductError(path, fault, f"Export the product from HARP with {own}")
    return shared[0]


def _paths(group: netCDF4.Dataset, inner: str) -> list[str]:
    """Variables of the group ``inner`` of ``group``, with their paths; none if it is absent."""
    prefix = ""
    for part in filter(None, inner.split("/")):
        if part not in group.groups:
            return []
        group, prefix = group.groups[part], f"{prefix}{part}/"
    return [prefix + name for name in group.variables]


def _need(group: netCDF4.Dataset, path: Path, inner: str, name: str) -> netCDF4.Variable:
    where = f"{inner}/{name}" if inner else name
    if where not in _paths(group, inner):
        raise ProductError(path, f"no variable {where}", "Give the complete product")
    return group[where]


def _choose(names: Iterable[str], word: str) -> str:
    """The remedy for a missing variable: the nearest that the file does have."""
    found = [name for name in names if name.endswith(word) and "averaging" not in name]
    return f"Grid one of {', '.join(found)}" if found else "Give products of the wanted gas"
