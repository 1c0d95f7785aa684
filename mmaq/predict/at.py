"""Places that no site table names, one or many: described and cut from the archive as a site is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.errors import ConfigError
from mmaq.config.data import Landuse, Patches
from mmaq.contracts.archive import ANCILLARY, has_collection
from mmaq.contracts.sites import write_sites
from mmaq.landuse.published import describe_anywhere
from mmaq.landuse.sites import describe_sites, sources_of
from mmaq.patches.stage import patches

UNKNOWN_COUNTRY = "ZZ"
"""The code of ISO 3166 that stands for none."""


def parse_place(text: str) -> tuple[float, float]:
    """Longitude and latitude of "LON,LAT" in degrees.

    Raises:
        ConfigError: the text is no place on Earth.
    """
    try:
        lon, lat = (float(part) for part in text.split(","))
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise ValueError("out of range")
    except ValueError as fault:
        line = f"{text!r} is no place ({fault})"
        raise ConfigError("--at", line, "Give longitude,latitude in degrees: 13.4,52.5") from None
    return lon, lat


def places_at(texts: Iterable[str]) -> pd.DataFrame:
    """A table of places, site_id (the text), lon and lat, from "LON,LAT" each.

    Raises:
        ConfigError: one is no place on Earth, or is given twice.
    """
    found: dict[tuple[float, float], str] = {}
    for text in texts:
        place = parse_place(text)
        if place in found:
            raise ConfigError("--at", f"{text!r} is given twice", "Give every place once")
        found[place] = "".join(text.split())
    lon, lat = zip(*found, strict=True)
    return pd.DataFrame({"site_id": list(found.values()), "lon": lon, "lat": lat})


def describe_places(
    *,
    archive: Path | None,
    places: pd.DataFrame,
    landuse: Landuse,
    tables: Mapping[Path, slice | np.ndarray],
) -> pd.DataFrame:
    """Write what maps say of places, read once, into site tables of some of them each.

    Args:
        archive: contract 1, with its maps; None of a published table, which has none.
        places: site_id, lon and lat (degrees) of each, and what else is known of them in columns
            of contract 2.
        landuse: radius of the discs, source of the population potential, the user's columns.
        tables: contract 2, each with the positions of its places.

    Returns:
        All places, in the columns of contract 2.

    Raises:
        ConfigError: the archive has no maps.
        ArchiveError, ProductError: a map is missing or damaged.
    """
    places = places.assign(country=UNKNOWN_COUNTRY)
    if archive is not None and not has_collection(archive, ANCILLARY):
        fault = "the archive holds no maps to describe a place by"
        raise ConfigError(archive, fault, "Name sites of the site table by --sites instead")
    if archive is None:
        described, sources = describe_anywhere(places, landuse.covariates)
        radius = None
    else:
        described = describe_sites(archive, places, landuse)
        sources, radius = sources_of(archive, landuse), landuse.radius_m
    for table, rows in tables.items():
        write_sites(described.iloc[rows].reset_index(drop=True), table, sources, radius)
    return described


def cut_places(
    *,
    archive: Path,
    l3: Path | None,
    places: pd.DataFrame,
    landuse: Landuse,
    config: Patches,
    folder: Path,
) -> tuple[Path, Path]:
    """Write a site table and a patch store of places into ``folder``, and give their paths.

    Land use, grid windows and Sentinel-2 windows are made by the functions that make a station's.
    What the archive does not hold there is missing.

    Args:
        archive: contract 1, with its maps.
        l3: the level-3 mean; None where there is no Sentinel-5P.
        places: site_id, lon and lat (degrees) of each, and what else is known of them in columns
            of contract 2.
        landuse: radius of the discs.
        config: sides of the patches.
        folder: an empty one.

    Raises:
        ConfigError: the archive has no maps, as of a published table.
        ArchiveError, ProductError: a product is missing or damaged.
    """
    table, store = folder / "sites.parquet", folder / "patches"
    describe_places(archive=archive, places=places, landuse=landuse, tables={table: slice(None)})
    patches(archive=archive, sites=table, l3=l3, config=config, out=store, workers=1)
    return table, store
