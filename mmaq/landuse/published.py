"""The site table from a sample table in the published layout.

MMAQ's ``pollutant_ssl.csv`` and AQNet's ``samples_multimodal_3polls.csv`` and ``_5polls.csv``: the
same columns in another order, with one, three or five pollutants.
"""

from __future__ import annotations

import logging
from os import PathLike

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from mmaq.base.errors import TableError
from mmaq.base.tables import check_range, check_unique, read_table, to_numbers
from mmaq.config.data import Covariates, Published
from mmaq.contracts.context import GEONAMES
from mmaq.contracts.sites import COLUMNS, NUMBERS, SITING, covariates_of
from mmaq.contracts.stations import STATION, one_row_a_station, read_station_table, to_metadata
from mmaq.landuse.context import population_of_places
from mmaq.landuse.covariates import add_covariates
from mmaq.landuse.stations import check_places
from mmaq.vocabulary import AREAS, POLLUTANTS, TYPES

_SAMPLES = {
    STATION: "site_id", "Countrycode": "country", "Altitude": "altitude",
    "PopulationDensity": "population_density", **{name: name for name in (*AREAS, *TYPES)},
}  # fmt: skip

_MILLIGRAMS = "co"
"""The tables give CO in mg/m3 (mean 0.34), as the EEA does, and the others in ug/m3."""

_OSM = {
    STATION: "site_id", "nature_osm_score": "nature_score", "manmade_osm_score": "manmade_score",
    "road_distance_osm": "road_distance",
}  # fmt: skip
"""The OpenStreetMap columns. The file's own NO2 average is never read: it is the target."""

ROUNDING = 1e-6
"""The published scores, sums of polygon areas, pass 1 by some 1e-15."""

log = logging.getLogger(__name__)


def describe_anywhere(
    sites: pd.DataFrame, covariates: Covariates
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The columns of contract 2 of places that no archive has maps of, and their sources.

    What is not given is missing, but for the population potential, of the packaged places, and the
    user's columns. Stations of a published table and cells of a map are described alike.

    Args:
        sites: site_id, country, and further columns of contract 2 that are known.
        covariates: the user's columns.

    Raises:
        ConfigError, TableError, ProductError: as ``add_covariates``.
    """
    sources: dict[str, str] = {}
    if "lon" in sites:
        around = population_of_places(*sites[["lon", "lat"]].to_numpy(float).T)
        sites, sources = pd.concat([sites, around], axis=1), dict.fromkeys(around, GEONAMES)
    sites = add_covariates(sites, covariates)
    sites = sites.reindex(columns=[*COLUMNS, *covariates_of(sites)])
    sites[list(NUMBERS)] = sites[list(NUMBERS)].astype(float)
    return sites, sources


def read_samples(path: str | PathLike[str]) -> pd.DataFrame:
    """Stations, features and pollutants (µg/m³) of a sample table, under this package's names."""
    table = read_table(path, list(_SAMPLES), optional=POLLUTANTS).rename(columns=_SAMPLES)
    if not set(POLLUTANTS) & set(table):
        fault = f"no column is a pollutant ({', '.join(POLLUTANTS)})"
        raise TableError(path, fault, "Give a table in that layout")
    check_unique(table, "site_id", path)
    numeric = [name for name in table if name not in ("site_id", "country")]
    table = to_numbers(table, numeric, "site_id", path)
    if _MILLIGRAMS in table:
        table[_MILLIGRAMS] *= 1000.0
    return table


def official_test(count: int) -> np.ndarray:
    """The split of the released code, ``split_samples_df``: 1 for a fifth that tests, else 0.

    Of a table of ``count`` stations in its own order; (count,) float64, NaN where one station is
    all there is.
    """
    if count < 2:
        return np.full(count, np.nan)
    _, test = train_test_split(np.arange(count), test_size=0.2, random_state=42)
    return np.isin(np.arange(count), test).astype(float)


def read_coordinates(path: str, samples: pd.DataFrame) -> pd.DataFrame:
    """Coordinates and siting of the samples' stations, from the EEA's table at ``path``."""
    table = read_station_table(path)
    absent = samples.loc[~samples["site_id"].isin(table[STATION]), "site_id"]
    if len(absent):
        first = absent.iloc[0]
        fault = f"{len(absent)} stations of the sample table are not in it, the first {first!r}"
        raise TableError(path, fault, "Give the EEA table that knows them")
    used = table[table[STATION].isin(samples["site_id"])]
    places = one_row_a_station(to_metadata(used, path))[["site_id", "lon", "lat", *SITING]]
    check_places(places, path)
    return places


def read_openstreetmap(config: Published, samples: pd.DataFrame) -> pd.DataFrame:
    """Shares in [0, 1] and distance in m of the samples' stations that the table knows.

    The published scores are shares of area already.

    Raises:
        TableError: the table cannot be read, knows no station, or holds an impossible value.
    """
    if config.osm is None:
        return pd.DataFrame(columns=["site_id"], dtype=str)
    table = read_table(config.osm, list(_OSM)).rename(columns=_OSM)
    absent = samples.loc[~samples["site_id"].isin(table["site_id"]), "site_id"]
    if len(absent) == len(samples):
        fault = f"column {STATION!r} names no station of the sample table"
        raise TableError(config.osm, fault, "Give the table of these stations, or none")
    if len(absent):
        log.warning("%s: knows nothing of %d of %d stations, the first %r", config.osm,
                    len(absent), len(samples), absent.iloc[0])  # fmt: skip
    table = table[table["site_id"].isin(samples["site_id"])]
    check_unique(table, "site_id", config.osm)
    table = to_numbers(table, list(_OSM.values())[1:], "site_id", config.osm)
    for column in ("nature_score", "manmade_score"):
        bad = table[column].notna() & ~table[column].between(0.0, 1.0 + ROUNDING)
        if bad.any():
            row = table[bad].iloc[0]
            fault = f"{column} of {row.site_id!r} has the impossible value {row[column]:g}"
            raise TableError(config.osm, fault, "Give shares from 0 to 1")
        table[column] = table[column].clip(upper=1.0)
    known = table[table["road_distance"].notna()]
    check_range(known, "road_distance", 0.0, np.inf, "site_id", config.osm)
    return table
