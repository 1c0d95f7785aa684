"""The stages ``landuse`` and ``landuse_published``: the site table (contract 2) from its sources.

From a raw archive, or from a sample table in the published layout: MMAQ's ``pollutant_ssl.csv``
and AQNet's ``samples_multimodal_3polls.csv`` and ``_5polls.csv`` have the same columns in another
order, with one, three or five pollutants.
"""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path

import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.tables import check_unique
from mmaq.config.data import Covariates, Landuse, Period, Published
from mmaq.contracts.sites import OFFICIAL, check_sites, is_station, write_sites
from mmaq.landuse.published import (
    describe_anywhere,
    official_test,
    read_coordinates,
    read_openstreetmap,
    read_samples,
)
from mmaq.landuse.sites import (
    describe_sites,
    read_stations,
    read_unlabelled,
    sources_of,
)

log = logging.getLogger(__name__)


def landuse(
    *, archive: str | PathLike[str], config: Landuse, period: Period, out: str | PathLike[str]
) -> None:
    """Join measurements, rasters and roads of the archive to its sites and write the table.

    Population (km-2) and cover shares are means in a disc of ``config.radius_m``; altitude (m)
    is the station table's, or the elevation model's where that has none; the area of an
    unlabelled site is derived from its density, and it has no type. No measurement enters but as
    the target.

    Raises:
        ArchiveError, ProductError, TableError: an input is missing, damaged or impossible.
    """
    archive = Path(archive)
    sites = pd.concat(
        [read_stations(archive, config, period), read_unlabelled(archive)], ignore_index=True
    )
    check_unique(sites, "site_id", archive)
    sites = describe_sites(archive, sites, config)
    write_sites(sites, out, sources_of(archive, config), config.radius_m)
    log.info("%s: %d sites, %d of them stations", out, len(sites), is_station(sites).sum())


def landuse_published(
    *, config: Published, covariates: Covariates, out: str | PathLike[str]
) -> None:
    """Join EEA coordinates and OpenStreetMap columns to the samples and write the site table.

    Row order is the samples', and with it goes the released code's split of the table. Without
    ``config.eea_metadata`` the sites have no coordinates; with it they have the population
    potential, of the packaged places.

    Raises:
        TableError: a file is missing, a column is missing or holds an impossible value, a
            station stands twice or has no coordinates, no pollutant is in the table.
    """
    if config.samples is None:
        raise TableError("published.samples", "no file is given", "Set published.samples")
    samples = read_samples(config.samples)
    sites = samples.merge(read_openstreetmap(config, samples), on="site_id", how="left")
    if config.eea_metadata is not None:
        places = read_coordinates(config.eea_metadata, samples)
        sites = sites.merge(places, on="site_id", how="left")
    sites = sites.assign(**{OFFICIAL: official_test(len(sites))})
    sites, sources = describe_anywhere(sites, covariates)
    write_sites(check_sites(sites, config.samples), out, sources)
    log.info("%s: %d stations of %s", out, len(sites), config.samples)
