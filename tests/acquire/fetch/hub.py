"""Granules at a server, a manifest of them, and the fetching of it."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timezone

import netCDF4

from mmaq.acquire.manifest import Manifest, RemoteProduct, write_manifest
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.stage import fetch_sentinel5p as fetch_granules
from mmaq.acquire.stage import grid_and_drop_part as grid_and_drop
from mmaq.config.acquire import Acquire
from mmaq.config.data import Grid
from mmaq.contracts.archive import SENTINEL5P
from tests.sentinel5p.archives import make_granules

GRID = Grid(bbox=(4.0, 50.0, 6.0, 51.5), resolution=0.05)
DAYS = tuple(range(1, 11))
YEAR = date(2021, 1, 1), date(2021, 12, 31)


class Hub:
    """Granules at a server, a manifest of them, and the fetching of it."""

    def __init__(self, server, folder, paths):
        self.server, self.folder, self.paths = server, folder, paths
        server.folder = paths[0].parent
        self.manifest_path = folder / "manifest" / f"{SENTINEL5P}.json"
        self.archive = folder / "archive"
        self.config = Acquire(endpoints={"planetary-computer": server.url, "dhus": server.url})
        self.write({path.stem: self.remote(path) for path in paths})

    def remote(self, path):
        content = path.read_bytes()
        md5 = hashlib.md5(content).hexdigest()
        return RemoteFile(href=f"{self.server.url}/{path.name}", bytes=len(content), md5=md5)

    def write(self, files, service="dhus"):
        products = tuple(
            RemoteProduct(
                id=name, bbox=(4, 50, 6, 51), files={"product": file},
                time=datetime.strptime(name[20:28], "%Y%m%d").replace(tzinfo=timezone.utc),
            )
            for name, file in files.items()
        )  # fmt: skip
        manifest = Manifest(collection=SENTINEL5P, service=service, asked={}, products=products)
        write_manifest(self.manifest_path, manifest)

    def fetch(self, workers=4):
        fetch_granules(
            manifest=self.manifest_path, config=self.config, archive=self.archive, workers=workers
        )
        return self.archive

    def grid(self, out, workers=2):
        folder = self.folder / "few"
        grid_and_drop(
            manifest=self.manifest_path,
            config=self.config,
            grid=GRID,
            start=YEAR[0],
            end=YEAR[1],
            out=out,
            folder=folder,
            workers=workers,
        )
        return folder


def official(folder, days):
    """Small granules with the attributes that tell their box."""
    paths = make_granules(folder, days)
    for path in paths:
        with netCDF4.Dataset(path, "a") as data:
            data.setncatts({"geospatial_lon_min": 4.0, "geospatial_lon_max": 6.0,
                            "geospatial_lat_min": 50.0, "geospatial_lat_max": 51.0})  # fmt: skip
    return paths
