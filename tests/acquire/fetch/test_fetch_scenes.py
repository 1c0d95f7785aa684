"""Scenes as large as the real ones: simulated, real, and what a station costs in bytes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.acquire.manifest import Manifest, write_manifest
from mmaq.acquire.search.scenes import read_scene
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.stage import fetch_sentinel2
from mmaq.config.acquire import Acquire
from mmaq.config.data import Patches
from mmaq.contracts.archive import SENTINEL2, Asset, Product, read_collection, write_collection
from mmaq.sentinel2.cut import cut_windows
from tests.acquire.fetch.test_fetch_windows import same_windows
from tests.sentinel2.products import RESOLUTION
from tests.servers.cogs import remote_scene, write_cog
from tests.servers.faulty import faulty

PATCHES = Patches()


def fetch(folder, url, products, sites, candidates=None):
    """Fetch windows of ``products`` around ``sites``; the archive."""
    ids = tuple(product.id for product in products)
    manifest = Manifest(
        collection=SENTINEL2, service="earth-search", asked={}, products=tuple(products),
        candidates={name: (candidates or {}).get(name, ids) for name in sites["site_id"]},
    )  # fmt: skip
    write_manifest(folder / "manifest" / "m.json", manifest)
    table = sites.assign(country="LU", measured=True)
    table.to_csv(folder / "manifest" / "sites.csv", index=False)
    fetch_sentinel2(
        manifest=folder / "manifest" / "m.json",
        sites=folder / "manifest" / "sites.csv",
        config=Acquire(endpoints={"earth-search": url}),
        patches=PATCHES,
        archive=folder / "archive",
        workers=4,
    )
    return folder / "archive"


def cut(archive, sites):
    return cut_windows(archive, sites, PATCHES.s2_size, 0.2, 1)


def test_a_real_scene_gives_the_patches_of_its_files(real_data, tmp_path):
    folder = real_data / "s2" / "cog_29RKH"
    item = json.loads(next(folder.glob("*.json")).read_text())
    found = read_scene(item).product
    sites = pd.DataFrame({"site_id": ["a", "b", "c"], "lon": [-11.5, -11.2, -11.4021],
                          "lat": [24.9, 24.6, 25.1533]})  # fmt: skip
    with faulty(folder) as server:
        here = {
            name: RemoteFile(href=f"{server.url}/{file.href.rpartition('/')[2]}")
            for name, file in found.files.items()
        }
        archive = fetch(tmp_path, server.url, [found.model_copy(update={"files": here})], sites)
    write_collection(tmp_path / "own", SENTINEL2, "files of the user", find_scenes(folder))
    want, got = cut(tmp_path / "own", sites), cut(archive, sites)
    assert len(want.values) == len(sites)
    np.testing.assert_array_equal(got.values, want.values)
    np.testing.assert_array_equal(got.mask, want.mask)
    assert got.pixel == want.pixel == 100.0


def test_windows_at_the_tile_s_edge_and_across_blocks_are_whole(tmp_path):
    """The margin is cut at the edge; a window that leaves the raster is none."""
    rng = np.random.default_rng(1)
    pieces = {}
    for pixel, bands in {**RESOLUTION, 20: (*RESOLUTION[20], "SCL")}.items():
        for band in bands:
            values = rng.integers(2000, 4000, (5760 // pixel,) * 2).astype(np.uint16)
            if band == "SCL":
                values = np.full_like(values, 4, dtype=np.uint8)
            path = tmp_path / "cogs" / "S2A_X" / f"{band}.tif"
            place = from_origin(600_000, 5_900_040, pixel, pixel)
            pieces[band] = write_cog(path, values, place, 32632, 128)
    to_degrees = Transformer.from_crs(32632, 4326, always_xy=True)
    east = np.array([160.0, 1280.0, 5600.0, 150.0])
    lon, lat = to_degrees.transform(600_000 + east, 5_900_040 - np.array([160.0, 1280, 5600, 150]))
    sites = pd.DataFrame({"site_id": list("abcd"), "lon": lon, "lat": lat})
    about = {"boa_offset": -1000, "proj:epsg": 32632}
    scene = Product("S2A_X", SENTINEL2, pd.Timestamp("2021-06-01", tz="UTC").to_pydatetime(),
                    (9.9, 52.5, 11.5, 54.0), {}, about)  # fmt: skip
    with faulty(tmp_path / "cogs") as server:
        product = remote_scene(scene, pieces, tmp_path / "cogs", server.url)
        archive = fetch(tmp_path / "data", server.url, [product], sites)
    whole = {name: Asset(path) for name, path in pieces.items()}
    scene = Product(scene.id, SENTINEL2, scene.time, scene.bbox, whole, about)
    write_collection(tmp_path / "own", SENTINEL2, "files", [scene])
    want = cut(tmp_path / "own", sites)
    assert list(want.table["row"]) == [0, 1, 2, -1]
    same_windows(cut(archive, sites), want)
    with (
        rasterio.open(pieces["B02"]) as full,
        rasterio.open(read_collection(archive, SENTINEL2)[0].asset("R10m").path) as got,
    ):
        corner = Window(0, 0, 16 + 16 + 6, 16 + 16 + 6)
        np.testing.assert_array_equal(got.read(1, window=corner), full.read(1, window=corner))
