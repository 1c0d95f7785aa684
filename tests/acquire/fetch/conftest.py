from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from mmaq.acquire.manifest import Manifest, write_manifest
from mmaq.config.acquire import Acquire
from mmaq.config.data import Patches
from mmaq.contracts.archive import SENTINEL2
from tests.acquire.fetch.hub import DAYS, Hub, official
from tests.sentinel2.products import NORTH, WEST, Country, ramp, sites_at
from tests.servers.cogs import remote_scene, scene_to_cogs
from tests.servers.faulty import faulty

PATCHES = Patches(s2_size=12)
SITES = sites_at((400, 400), (1900, 500), (700, 1800), (1810, 1810))


@pytest.fixture
def server(tmp_path):
    with faulty(tmp_path) as running:
        yield running


def cloudy_at(*places):
    """Classes of a scene: cloud around the given metres east and south, vegetation elsewhere."""

    def classes(x, y):
        found = np.full(x.shape, 4)
        for east, south in places:
            found[(np.abs(x - WEST - east) < 100) & (np.abs(NORTH - y - south) < 100)] = 9
        return found

    return classes


def noisy(seed):
    def dn(band, x, y):
        rng = np.random.default_rng([seed, len(band), ord(band[-1])])
        return ramp(band, x, y) + rng.normal(0, 60, x.shape)

    return dn


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """Three scenes of one tile, each the clearest of another site, and their COGs.

    Over the last site the second and the third are clear alike, which differ in time and id.
    """
    root = tmp_path_factory.mktemp("full")
    country = Country(root / "archive")
    clouds = {
        "S2A_ONE": ((1900, 500), (700, 1800), (1810, 1810)),
        "S2A_TWO": ((400, 400), (700, 1800)),
        "S2A_SIX": ((400, 400), (1900, 500)),
    }
    for day, (name, places) in enumerate(clouds.items(), start=1):
        country.add(name, day, noisy(day), cloudy_at(*places))
    country.write()
    files = {each.id: scene_to_cogs(each, root / "cogs") for each in country.products}
    return country, files, root / "cogs"


class Mirror:
    """A manifest of the full scenes at a server, and the fetching of it."""

    def __init__(self, full, server, folder):
        self.country, files, self.root = full
        server.folder = self.root
        self.server, self.folder = server, folder
        self.manifest_path = folder / "manifest" / f"{SENTINEL2}.json"
        self.sites_csv = folder / "manifest" / "sites.csv"
        self.archive = folder / "archive"
        products = tuple(
            remote_scene(each, files[each.id], self.root, server.url)
            for each in self.country.products
        )
        ids = tuple(product.id for product in products)
        self.manifest = Manifest(
            collection=SENTINEL2, service="earth-search", asked={}, products=products,
            candidates=dict.fromkeys(SITES["site_id"], ids),
        )  # fmt: skip
        self.config = Acquire(endpoints={"earth-search": server.url})
        self.write()

    def asked(self):
        """Paths that were asked for, without the slash."""
        return [asked.path[1:] for asked in self.server.log]

    def change(self, **fields):
        """Another manifest from now on."""
        self.manifest = self.manifest.model_copy(update=fields)
        self.write()

    def write(self):
        write_manifest(self.manifest_path, self.manifest)
        SITES.assign(country="LU", measured=True).to_csv(self.sites_csv, index=False)

    def fetch(self, workers=4):
        from mmaq.acquire.stage import fetch_sentinel2

        fetch_sentinel2(
            manifest=self.manifest_path,
            sites=self.sites_csv,
            config=self.config,
            patches=PATCHES,
            archive=self.archive,
            workers=workers,
        )
        return self.archive


@pytest.fixture
def mirror(full, server, tmp_path):
    return Mirror(full, server, tmp_path / "data")


@pytest.fixture
def noon():
    return datetime(2021, 6, 1, 12, tzinfo=timezone.utc)


def tree(folder):
    """Every file below a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def granules(tmp_path_factory):
    return official(tmp_path_factory.mktemp("l2"), DAYS)


@pytest.fixture
def hub(server, tmp_path, granules, monkeypatch):
    monkeypatch.setenv("DHUS_USERNAME", "someone")
    monkeypatch.setenv("DHUS_PASSWORD", "averysecretword")
    return Hub(server, tmp_path / "data", granules)
