"""Columns of the user's own, beside what the maps say: from a table by site, or from a raster."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.errors import ConfigError, TableError
from mmaq.base.rasters import opened_map
from mmaq.base.tables import check_unique, read_table, to_numbers
from mmaq.config.data import Covariates
from mmaq.contracts.context import COVARIATE
from mmaq.landuse.maps import point_values
from mmaq.vocabulary import POLLUTANTS

POLLUTANT = re.compile(
    r"(?<![a-z0-9])(no2|nox|o3|pm_?10|pm_?2[._]?5|co|so2|nh3|bc)(?![a-z0-9])"
    r"|nitrogen.?(di)?oxide|ozone|particulate|sulphur|sulfur|carbon.?monoxide"
)
"""What a pollutant is called."""

CONCENTRATION = re.compile(r"[uµμmn]g[ _.*/]*(m|cm|per)[ _.*/-]*(m|\^)?-?[3³]|ppbv?|ppmv?")
"""Units of what is measured at the ground."""

SUSPECT = 0.8
"""R2 with a pollutant above which a column is likely to be made from it: a land-use variable alone
explains half of the variance at best."""

log = logging.getLogger(__name__)


def add_covariates(sites: pd.DataFrame, config: Covariates) -> pd.DataFrame:
    """The site table with the columns that ``config`` names, under the prefix ``COVARIATE``.

    A site that the table does not name, or that lies off the raster, has no value.

    Raises:
        ConfigError: a column is a pollutant by its name or its unit.
        TableError: the table cannot be read, lacks a column, or names a site twice.
        ProductError: the raster cannot be read, or lacks a band.
    """
    if config.file is None:
        return sites
    path = Path(config.file)
    found = (_of_raster if config.is_raster else _of_table)(path, sites, config)
    lacking = int(found.isna().all(axis=1).sum())
    if lacking:
        log.warning("%s: knows nothing of %d of %d sites", path, lacking, len(sites))
    found = found.add_prefix(COVARIATE)
    for name, pollutant, share in _suspects(found, sites):
        log.warning(
            "%s: column %s alone explains %.2f of the variance of %s: if it was made from "
            "measurements, leave it out", path, name.removeprefix(COVARIATE), share, pollutant,
        )  # fmt: skip
    return pd.concat([sites, found], axis=1)


def _of_table(path: Path, sites: pd.DataFrame, config: Covariates) -> pd.DataFrame:
    for name in config.columns:
        _refuse_pollutant(path, name, "")
    table = read_table(path, [config.key, *config.columns])
    table = to_numbers(table, config.columns, config.key, path)
    check_unique(table, config.key, path)
    known = table.set_index(config.key)[list(config.columns)]
    if not known.index.isin(sites["site_id"]).any():
        fault = f"column {config.key!r} names no site of this data set"
        raise TableError(path, fault, "Set landuse.covariates.key to the column of their ids")
    return known.reindex(sites["site_id"]).reset_index(drop=True).astype(float)


def _of_raster(path: Path, sites: pd.DataFrame, config: Covariates) -> pd.DataFrame:
    with opened_map(path) as raster:
        named = [text or f"band{at}" for at, text in enumerate(raster.descriptions, start=1)]
        units = dict(zip(named, raster.units, strict=True))
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    found = {}
    for name in config.columns:
        if name not in named:
            fault = f"{path} has no band {name!r} but {', '.join(named)}"
            raise ConfigError("landuse.covariates.columns", fault, "Name bands of the raster")
        _refuse_pollutant(path, name, units[name] or "")
        found[name] = point_values(path, lon, lat, band=named.index(name) + 1)
    return pd.DataFrame(found, dtype=float)


def _refuse_pollutant(path: Path, name: str, unit: str) -> None:
    for text, what in ((name, "name"), (unit, "unit")):
        plain = text.lower().replace(" ", "_")
        if POLLUTANT.search(plain) or CONCENTRATION.search(plain):
            fault = f"column {name!r} of {path} is a pollutant by its {what} {text!r}"
            remedy = "What is predicted is no input; give another name to what is no measurement"
            raise ConfigError("landuse.covariates.columns", fault, remedy)


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
