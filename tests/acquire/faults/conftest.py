"""Services that fail as they are told, and the verb `mmaq acquire` in this process."""

from __future__ import annotations

import pytest

from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from tests.acquire.verb import Verb
from tests.servers.country import serve

QUARTER = (9.05, 52.8, 9.7, 53.2)
"""Holds a few sites of one tile."""
PERIOD = ("2021-05-15", "2021-08-31")
CONTENT = {STATIONS: "/airquality-p", ANCILLARY: "/copernicus-dem/", SENTINEL2: "/cogs/",
           SENTINEL5P: "/download/"}  # fmt: skip
SEARCHES = {"stac": "/search", "space": "/catalogue/odata/v1/Products", "token": "/auth/token",
            "eea": "/ParquetFile/urls", "table": "/map/fme/metadata/PanEuropean_metadata.csv",
            "extract's sum": "/geofabrik/europe/luxembourg-latest.osm.pbf.md5"}  # fmt: skip


class Faultless:
    """Running servers, the archive that they give, and a path of each kind that it came by."""

    def __init__(self, country, land, folder):
        self.country, self.folder = country, folder
        self.settings = country.configuration("mine", *PERIOD, QUARTER)
        self.files: dict[str, bytes] = {}
        self.paths: dict[str, str] = {}

    def learn(self, patch):
        first = Verb(self.folder / "faultless", self.settings)
        assert first.call(patch) == 0
        self.files = first.files()
        asked = [asked.path for server in self.country.servers for asked in server.log]
        for name, begin in (CONTENT | SEARCHES).items():
            self.paths[name] = next(path for path in asked if path.startswith(begin))

    def server(self, path):
        """The server that has a path."""
        if path == "/search":
            return self.country.stac.server
        at_space = path.startswith(("/download", "/catalogue", "/auth"))
        return self.country.space.server if at_space else self.country.ground

    def script(self, *faults, only=None):
        for path in self.paths.values() if only is None else [self.paths[only]]:
            self.server(path).script(path, *faults)

    @property
    def scripted(self):
        """Paths that have faults to come."""
        servers = self.country.servers
        return [path for server in servers for path in self.paths.values() if server.pending(path)]


@pytest.fixture(scope="module")
def faultless(land, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch, serve(land, folder / "servers") as country:
        found = Faultless(country, land, folder)
        found.learn(patch)
        yield found


@pytest.fixture
def verb(faultless, tmp_path):
    """The verb in an empty folder; afterwards the servers are well again."""
    yield Verb(tmp_path / "work", faultless.settings)
    for server in faultless.country.servers:
        server.forget()


def one_error(capfd):
    """The one line that tells the user of the failure."""
    lines = capfd.readouterr().err.splitlines()
    found = [line for line in lines if " mmaq: error: " in line]
    assert len(found) == 1, lines
    return found[0]
