"""Map files as the services keep them, small: tiles, a zip of counts, extracts with their sums."""

from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin

from mmaq.acquire.ground.maps import find_maps
from mmaq.acquire.manifest import write_manifest
from mmaq.config.acquire import Acquire
from tests.acquire.ground.osm_pbf import write_extract

SERVICES = ("copernicus-dem", "worldcover", "ghsl", "geofabrik")
GHSL = (
    "GHS_POP_GLOBE_R2023A/GHS_POP_E2020_GLOBE_R2023A_4326_30ss/V1-0/"
    "GHS_POP_E2020_GLOBE_R2023A_4326_30ss_V1_0.zip"
)
ARC_SECONDS_30 = 1 / 120
CELLS = 600
"""Rows of a tile of a degree: six arc seconds, where the real ones have one."""
BOX = (9.0, 49.0, 11.0, 51.0)


def raster(path, values, west, north, width, height, nodata=None, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
        dtype=values.dtype, crs="EPSG:4326", transform=from_origin(west, north, width, height),
        nodata=nodata, tiled=True, blockxsize=64, blockysize=64, **more,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def dem_tile(root, lat, lon, rng, columns=CELLS):
    """Random heights; as in real tiles, centres of cells lie on the west and the north edge."""
    north_south, east_west = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    name = f"Copernicus_DSM_COG_10_{north_south}{abs(lat):02d}_00_{east_west}{abs(lon):03d}_00_DEM"
    values = rng.uniform(0, 900, (CELLS, columns)).astype("f4")
    width, height = 1 / columns, 1 / CELLS
    at = (lon - width / 2, lat + 1 + height / 2, width, height)
    return raster(root / name / f"{name}.tif", values, *at, compress="deflate")


def cover_tile(root, lat, lon, rng):
    codes = rng.choice(np.array([10, 30, 40, 50, 80], "u1"), (900, 900))
    name = f"ESA_WorldCover_10m_2021_v200_N{lat:02d}E{lon:03d}_Map.tif"
    return raster(root / "v200/2021/map" / name, codes, lon, lat + 3, 1 / 300, 1 / 300, 0)


def counts_zip(root, rng, name="GHS_POP.tif"):
    """People in cells of 30 arc seconds from 8 to 12 degrees east, 48 to 52 north."""
    counts = rng.uniform(0, 3000, (480, 480))
    counts[:60] = -200.0
    tif = raster(root / "GHS_POP.tif", counts, 8.0, 52.0, ARC_SECONDS_30, ARC_SECONDS_30, -200.0)
    (root / GHSL).parent.mkdir(parents=True, exist_ok=True)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tif, name)
        archive.writestr("readme.txt", "people")
    (root / GHSL).write_bytes(made.getvalue())
    return tif


def extract(root, name, ways):
    path = root / f"{name}.osm.pbf"
    write_extract(path, ways)
    total = hashlib.md5(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.md5").write_text(f"{total}  {path.name}\n")
    return path


def whole_country(root, rng):
    """Everything the maps of BOX need."""
    for lat in (49, 50):
        for lon in (9, 10):
            dem_tile(root, lat, lon, rng, CELLS if lat < 50 else CELLS * 2 // 3)
    cover_tile(root, 48, 9, rng)
    counts_zip(root, rng)
    extract(root, "europe/luxembourg-latest", {7: ("primary", [(9.0, 49.9), (11.0, 49.9)])})


def asking(server, **maps):
    return Acquire(bbox=BOX, maps=maps, endpoints=dict.fromkeys(SERVICES, server.url))


def search(acquire, places, folder, areas=()):
    """Find and freeze the maps around ``places`` ((lon, lat), ...): manifest and places."""
    folder.mkdir(parents=True, exist_ok=True)
    sites = pd.DataFrame(places, columns=["lon", "lat"])
    sites.insert(0, "site_id", [f"S{number}" for number in range(len(sites))])
    sites.assign(country="DE", measured=True).to_csv(folder / "sites.csv", index=False)
    write_manifest(folder / "ancillary.json", find_maps(acquire, sites, 1000.0, areas))
    return folder / "ancillary.json", folder / "sites.csv"
