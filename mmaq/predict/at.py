"""Places that no site table names, by their coordinates: cut from the archive as any site is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmaq.base.errors import ConfigError
from mmaq.config.data import Landuse, Patches
from mmaq.contracts.archive import ANCILLARY, has_collection
from mmaq.contracts.sites import write_sites
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


def cut_places(
    *,
    archive: Path,
    l3: Path | None,
    places: Sequence[tuple[float, float]],
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
        places: longitude and latitude of each, in degrees.
        landuse: radius of the discs.
        config: sides of the patches.
        folder: an empty one.

    Raises:
        ConfigError: the archive has no maps, as of a published table.
        ArchiveError, ProductError: a product is missing or damaged.
    """
    if not has_collection(archive, ANCILLARY):
        fault = f"{archive} holds no maps to describe a place by"
        raise ConfigError("--at", fault, "Name sites of the site table by --sites instead")
    lon, lat = zip(*places, strict=True)
    sites = pd.DataFrame({"site_id": [f"{x:g},{y:g}" for x, y in places], "lon": lon, "lat": lat})
    described = describe_sites(archive, sites.assign(country=UNKNOWN_COUNTRY), landuse)
    table, store = folder / "sites.parquet", folder / "patches"
    write_sites(described, table, sources_of(archive, landuse))
    patches(archive=archive, sites=table, l3=l3, config=config, out=store, workers=1)
    return table, store
