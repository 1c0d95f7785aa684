"""All searches of a configuration: stations first, for everything else is searched around them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmaq.acquire.ground.maps import find_maps
from mmaq.acquire.ground.measurements import find_measurements, read_places
from mmaq.acquire.manifest import SITES, Manifest, manifest_names, write_manifest
from mmaq.acquire.search.sentinel2 import find_scenes
from mmaq.acquire.search.sentinel5p import find_granules
from mmaq.acquire.search.sites import all_sites, write_sites_csv
from mmaq.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from mmaq.config.acquire import Acquire
from mmaq.config.data import Landuse, Patches, Period
from mmaq.files import write_json

PIXEL_M = 10.0
"""Of a Sentinel-2 patch."""

ASKED = "asked.json"
"""What was searched for, beside the manifests: a changed configuration needs another search."""

log = logging.getLogger(__name__)


def settings_of(
    asked: Acquire, period: Period, landuse: Landuse, patches: Patches
) -> dict[str, Any]:
    """What the result of a search depends on, but for the services themselves."""
    return {
        "acquire": asked.searched(),
        "period": period.model_dump(mode="json"),
        "radius_m": landuse.radius_m,
        "s2_size": patches.s2_size,
    }


def search(
    asked: Acquire, period: Period, landuse: Landuse, patches: Patches, folder: Path
) -> None:
    """Search all services and write ``<collection>.json`` and ``sites.csv`` to ``folder``.

    Nothing but the frozen station table is written before every search has succeeded.

    Raises:
        ServiceError: a service cannot be reached, or holds nothing of what was asked for.
        ConfigError, TableError: the sites cannot be what was asked for.
    """
    found: dict[str, Manifest] = {STATIONS: find_measurements(asked, period, folder)}
    sites = all_sites(asked, read_places(folder))
    found[ANCILLARY] = find_maps(asked, sites, landuse.radius_m)
    wanted = manifest_names(asked)
    if SENTINEL5P in wanted:
        found[SENTINEL5P] = find_granules(asked, period)
    if SENTINEL2 in wanted:
        side = patches.s2_size * PIXEL_M
        found[SENTINEL2] = find_scenes(asked, period, sites, side)
    write_json(folder / ASKED, settings_of(asked, period, landuse, patches))
    write_sites_csv(folder / SITES, sites)
    for name, manifest in found.items():
        write_manifest(folder / f"{name}.json", manifest)
        log.info("%s: %d products, %d left out", name, len(manifest.products),
                 len(manifest.left_out))  # fmt: skip
