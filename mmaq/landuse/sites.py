"""What an archive says of its sites: their measurements, and the maps around them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.tables import check_countries, check_unique, read_table, to_numbers
from mmaq.config.data import Landuse, Period
from mmaq.contracts.archive import (
    ANCILLARY,
    LEGEND_PROPERTY,
    POPULATION_NODATA_PROPERTY,
    STATIONS,
    Product,
    has_product,
    read_collection,
    read_product,
)
from mmaq.contracts.context import CONTEXT, GEONAMES
from mmaq.contracts.sites import ALTITUDES, COLUMNS, DENSITIES, NUMBERS, SITING, covariates_of
from mmaq.contracts.stations import (
    STATION,
    one_row_a_station,
    read_station_table,
    station_of_sampling_point,
    to_metadata,
)
from mmaq.landuse.context import (
    cover_around,
    plants_around,
    population_of_map,
    population_of_places,
)
from mmaq.landuse.covariates import add_covariates
from mmaq.landuse.legends import MANMADE, NATURE
from mmaq.landuse.maps import altitudes, disc_means, disc_shares
from mmaq.landuse.measurements import station_means
from mmaq.landuse.roads import read_roads, road_densities, road_distance
from mmaq.landuse.stations import check_places, one_hot
from mmaq.vocabulary import AREAS

SUBURBAN, URBAN = 300.0, 1500.0
"""People per km2 from which a site without a declared area counts as suburban or urban: the
densities of urban clusters and of urban centres (Eurostat, Methodological manual on territorial
typologies, 2018, 1.3)."""

PLANTS = "power_plants"

log = logging.getLogger(__name__)


def read_stations(archive: Path, config: Landuse, period: Period) -> pd.DataFrame:
    """Stations with enough measurements: id, place, altitude, one-hots and mean NO2 (µg/m³)."""
    product = read_product(archive, STATIONS, "stations")
    path = _verified(product, "table")
    names = sorted(name for name in product.assets if name.startswith("measurements"))
    if not names:
        product.asset("measurements")
    table = read_station_table(path)
    means = station_means(
        [_verified(product, name) for name in names], station_of_sampling_point(table),
        period, config.min_coverage,
    )  # fmt: skip
    stations = one_row_a_station(to_metadata(table[table[STATION].isin(means.index)], path))
    check_places(stations, path)
    check_countries(stations, path)
    stations["no2"] = stations["site_id"].map(means)
    places = stations[["site_id", "lon", "lat", "country", "altitude", *SITING, "no2"]]
    return pd.concat([places, one_hot(stations, path)], axis=1)


def read_unlabelled(archive: Path) -> pd.DataFrame:
    """Sites without a measurement: id, place and country; empty where the archive has none."""
    columns = ["site_id", "lon", "lat", "country"]
    found = [item for item in read_collection(archive, STATIONS) if item.id == "unlabelled"]
    if not found:
        return pd.DataFrame(columns=columns).astype({"lon": float, "lat": float})
    path = _verified(found[0], "table")
    table = to_numbers(read_table(path, columns), ("lon", "lat"), "site_id", path)
    check_unique(table, "site_id", path)
    check_places(table, path)
    check_countries(table, path)
    return table


def describe_sites(archive: Path, sites: pd.DataFrame, config: Landuse) -> pd.DataFrame:
    """The columns of contract 2 of places: what maps say of them beside what is given.

    A place without a declared area has the one that its density of population makes it; what it
    stands for (traffic, industry, background) no map says.

    Args:
        archive: contract 1.
        sites: site_id, lon, lat, country, and further columns of contract 2 that are known.
        config: radius of the discs, source of the population potential, the user's columns.
    """
    sites = pd.concat([sites, around_sites(archive, sites, config)], axis=1)
    given = sites["altitude"] if "altitude" in sites else pd.Series(np.nan, sites.index)
    sites["altitude"] = given.where(given.between(*ALTITUDES))
    unknown = sites["altitude"].isna()
    lon, lat = (sites.loc[unknown, name].to_numpy(float) for name in ("lon", "lat"))
    sites.loc[unknown, "altitude"] = altitudes(map_of(archive, "dem"), lon, lat)
    sites = add_covariates(sites, config.covariates)
    sites = sites.reindex(columns=[*COLUMNS, *covariates_of(sites)])
    sites[list(AREAS)] = declared_or_derived(sites)
    sites[list(NUMBERS)] = sites[list(NUMBERS)].astype(float)
    return sites


def declared_or_derived(sites: pd.DataFrame) -> pd.DataFrame:
    """Area of each site, (n, 3) one-hot: as declared, else by its density of population."""
    density = sites["population_density"].to_numpy(float)
    derived = np.eye(len(AREAS))[np.digitize(density, (SUBURBAN, URBAN))]
    derived[np.isnan(density)] = np.nan
    declared = sites[list(AREAS)].astype(float)
    return declared.where(declared.notna(), derived)


def around_sites(archive: Path, sites: pd.DataFrame, config: Landuse) -> pd.DataFrame:
    """Population density, cover shares, road distance and the surroundings of each site."""
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    cover = read_product(archive, ANCILLARY, "land_cover")
    shares = disc_shares(
        _verified(cover, "data"), lon, lat, config.radius_m, cover.properties.get(LEGEND_PROPERTY)
    )
    around = shares.drop(columns="bare").add_prefix("share_")
    around["nature_score"] = _total(shares, NATURE)
    around["manmade_score"] = _total(shares, MANMADE)
    population = read_product(archive, ANCILLARY, "population")
    settled_only = population.properties.get(POPULATION_NODATA_PROPERTY) == "nobody"
    around["population_density"] = disc_means(
        _verified(population, "data"), lon, lat, config.radius_m,
        possible=DENSITIES, gaps=0.0 if settled_only else np.nan,
    )  # fmt: skip
    roads = read_roads(map_of(archive, "roads"))
    around["road_distance"] = road_distance(roads, lon, lat)
    parts = [
        around,
        population_of_places(lon, lat) if config.potential == GEONAMES
        else population_of_map(_verified(population, "data"), lon, lat),
        road_densities(roads, lon, lat),
        cover_around(_verified(cover, "data"), lon, lat, {config.radius_m: shares}),
    ]  # fmt: skip
    if has_product(archive, ANCILLARY, PLANTS):
        parts.append(plants_around(map_of(archive, PLANTS), lon, lat))
    return pd.concat(parts, axis=1)


def sources_of(archive: Path, config: Landuse) -> dict[str, str]:
    """What each column of the surroundings was made from, as the site table keeps it."""
    found = {}
    for item in dict.fromkeys(about.item for about in CONTEXT.values()):
        if has_product(archive, ANCILLARY, item):
            product = read_product(archive, ANCILLARY, item)
            names = product.properties.get("sources", [product.asset("data").path.name])
            found[item] = ", ".join(names)
    if config.potential == GEONAMES:
        found["population"] = GEONAMES
    return {name: found[about.item] for name, about in CONTEXT.items() if about.item in found}


def _total(shares: pd.DataFrame, classes: tuple[str, ...]) -> np.ndarray:
    """Sum of shares, within [0, 1] in spite of rounding; NaN where the disc holds no data."""
    return shares[list(classes)].sum(axis=1, min_count=1).clip(0.0, 1.0).to_numpy()


def map_of(archive: Path, item: str) -> Path:
    """The verified file of a map of the archive."""
    return _verified(read_product(archive, ANCILLARY, item), "data")


def _verified(product: Product, name: str) -> Path:
    asset = product.asset(name)
    asset.verify()
    return asset.path
