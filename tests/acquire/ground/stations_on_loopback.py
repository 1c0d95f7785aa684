"""A configuration that points at the loopback services, and places of the manifest."""

from __future__ import annotations

import pandas as pd

from mmaq.acquire.ground.measurements import find_measurements, read_places
from mmaq.acquire.manifest import read_manifest, write_manifest
from mmaq.acquire.stage import fetch_stations
from mmaq.config.acquire import Acquire

VIENNA = (16.1, 48.1, 16.6, 48.35)


def asking(server, bbox=VIENNA, endpoints=(), **stations):
    """Everything that stations need, at one server."""
    stations = {"provider": "eea", "countries": ("AT",), **stations}
    names = endpoints or ("eea", "eea-table")
    at = dict.fromkeys(names, server.url)
    return Acquire(bbox=bbox, stations=stations, endpoints=at)


def search(acquire, period, folder, unlabelled=()):
    """Find, freeze: manifest and places, as `mmaq acquire` does. Returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = find_measurements(acquire, period, folder)
    write_manifest(folder / "stations.json", manifest)
    places = read_places(folder).assign(measured=True)
    more = [(*row, False) for row in unlabelled]
    more = pd.DataFrame(more, columns=["site_id", "lon", "lat", "country", "measured"])
    pd.concat([places, more]).to_csv(folder / "sites.csv", index=False)
    return folder / "stations.json", folder / "sites.csv"


def fetch(acquire, paths, folder, workers=2):
    """Fetch what was found into the archive below ``folder``; the manifest."""
    manifest, sites = paths
    archive = folder / "archive"
    fetch_stations(manifest=manifest, sites=sites, config=acquire, archive=archive, workers=workers)
    return read_manifest(manifest)
