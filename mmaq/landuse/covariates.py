"""Columns of the user's own, beside what the maps say: from a table by site, and from rasters."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.errors import ConfigError, MmaqError, ProductError, TableError
from mmaq.base.rasters import opened_map
from mmaq.base.tables import check_unique, read_table, to_numbers
from mmaq.config.data import Covariates
from mmaq.contracts.context import COVARIATE
from mmaq.landuse.maps import DECLARE, point_values
from mmaq.vocabulary import POLLUTANTS

POLLUTANT = re.compile(
    r"(?<![a-z0-9])(no2|nox|o3|pm_?10|pm_?2[._]?5|co|so2|nh3|bc)(?![a-z0-9])"
    r"|nitrogen.?(di)?oxide|ozone|particulate|sulphur|sulfur|carbon.?monoxide"
)
"""What a pollutant is called."""

CONCENTRATION = re.compile(r"[uµμmn]g[ _.*/]*(m|cm|per)[ _.*/-]*(m|\^)?-?[3³]|ppbv?|ppmv?")
"""Units of what is measured at the ground."""

COLUMN_DENSITY = re.compile(r"mol(ec\w*)?\.?[ _.*/]*(per_)?c?m[ _.*/-]*\^?-?[2²]")
"""Units of a column between ground and space, mol/m2 or molecules/cm2 in their spellings: that a
satellite measures it, and nobody at the ground."""

SUSPECT = 0.8
"""R2 with a pollutant above which a column is likely to be made from it: a land-use variable alone
explains half of the variance at best."""

FILLS = (-9999.0, -999.0, -99999.0, -32768.0, 32767.0, 65535.0)
"""What stands for no data where nobody declares it, unless the other values come near it."""

ENDLESS = 1e30
"""From here on a value is the largest that a number can be, or another that stands for no data."""

log = logging.getLogger(__name__)


def add_covariates(sites: pd.DataFrame, config: Covariates) -> pd.DataFrame:
    """The site table with the columns that ``config`` names, under the prefix ``COVARIATE``.

    A site that the table does not name, or of which a raster has no data, has no value.

    Raises:
        ConfigError: a column is a pollutant by its name or its unit, or a raster lacks a band.
        TableError: the table cannot be read, lacks a column, names a site twice, or holds a value
            that stands for no data.
        ProductError: a raster is absent, cannot be read, or holds such a value undeclared.
    """
    sources = [] if config.file is None else [(config.file, _of_table(sites, config))]
    for name, file in config.rasters.items():
        sources.append((file, _of_raster(Path(file), sites, name)))
    for file, found in sources:
        lacking = int(found.isna().all(axis=1).sum())
        if lacking:
            log.warning("%s: knows nothing of %d of %d sites", file, lacking, len(sites))
        for column, pollutant, share in _suspects(found, sites):
            log.warning(
                "%s: column %s alone explains %.2f of the variance of %s: if it was made from "
                "measurements, leave it out", file, column, share, pollutant,
            )  # fmt: skip
    if not sources:
        return sites
    return pd.concat([sites, *(found.add_prefix(COVARIATE) for _, found in sources)], axis=1)


def _of_table(sites: pd.DataFrame, config: Covariates) -> pd.DataFrame:
    path = Path(str(config.file))
    for name in config.columns:
        _refuse_pollutant(path, name, "")
    table = read_table(path, [config.key, *config.columns])
    table = table[table[config.key].isin(sites["site_id"])]
    if table.empty:
        fault = f"column {config.key!r} names no site of this data set"
        raise TableError(path, fault, "Set landuse.covariates.key to the column of their ids")
    table = to_numbers(table, config.columns, config.key, path)
    check_unique(table, config.key, path)
    known = table.set_index(config.key)[list(config.columns)]
    known = known.reindex(sites["site_id"]).reset_index(drop=True).astype(float)
    _refuse_fills(known, sites, TableError, path, "Leave such cells empty")
    return known


def _of_raster(path: Path, sites: pd.DataFrame, name: str) -> pd.DataFrame:
    if not path.exists():
        fault = f"the raster of the covariate {name!r} does not exist"
        remedy = f"Put it there, or name yours as landuse.covariates.rasters.{name}"
        raise ProductError(path, fault, remedy)
    with opened_map(path) as raster:
        named = [text or f"band{at}" for at, text in enumerate(raster.descriptions, start=1)]
        band = named.index(name) if name in named else 0
        if name not in named and len(named) > 1:
            fault = f"{path} has no band {name!r} but {', '.join(named)}"
            raise ConfigError("landuse.covariates.rasters", fault, "Name a band of the raster")
        unit = raster.units[band] or ""
    _refuse_pollutant(path, name, unit)
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    found = pd.DataFrame({name: point_values(path, lon, lat, band=band + 1)}, dtype=float)
    _refuse_fills(found, sites, ProductError, path, DECLARE)
    return found


def _refuse_fills(
    found: pd.DataFrame, sites: pd.DataFrame, error: type[MmaqError], path: Path, remedy: str
) -> None:
    """Refuse columns of numbers, some of which nobody means, at the first site that has one."""
    for name in found:
        values = found[name].to_numpy(float)
        bad = np.flatnonzero(_is_fill(values))
        if len(bad):
            site = sites["site_id"].iloc[bad[0]]
            fault = f"{name} is {values[bad[0]]:g} at {site!r}, which seems to stand for no data"
            raise error(path, fault, remedy)


def _is_fill(values: np.ndarray) -> np.ndarray:
    """Which values (n,) are one of ``FILLS`` and farther from the others than these lie apart."""
    endless, known = np.abs(values) >= ENDLESS, np.isin(values, FILLS)
    others = values[np.isfinite(values) & ~endless & ~known]
    if not len(others):
        return endless | known
    low, high = others.min(), others.max()
    return endless | known & ((values < 2 * low - high) | (values > 2 * high - low))


def _refuse_pollutant(path: Path, name: str, unit: str) -> None:
    """Refuse what is measured at the ground; a column density is a satellite's."""
    texts = {"name": name, "unit": unit}
    plain = {what: text.lower().replace(" ", "_") for what, text in texts.items()}
    if any(COLUMN_DENSITY.search(text) for text in plain.values()):
        return
    for what, text in plain.items():
        if POLLUTANT.search(text) or CONCENTRATION.search(text):
            fault = f"column {name!r} of {path} is a pollutant by its {what} {texts[what]!r}"
            remedy = "What is predicted is no input; give another name to what is no measurement"
            raise ConfigError("landuse.covariates", fault, remedy)


def _suspects(found: pd.DataFrame, sites: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Columns that explain too much of a pollutant, by a line through values or through ranks."""
    suspects = []
    for name in found:
        for pollutant in set(POLLUTANTS) & set(sites):
            pair = pd.DataFrame({"x": found[name], "y": sites[pollutant].astype(float)}).dropna()
            if len(pair) < 10 or pair.nunique().min() < 2:
                continue
            share = max(pair.corr(how).iloc[0, 1] ** 2 for how in ("pearson", "spearman"))
            if share > SUSPECT:
                suspects.append((str(name), str(pollutant), float(np.round(share, 3))))
    return sorted(suspects)
