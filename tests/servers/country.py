"""A simulated country behind servers on loopback: what an agency finds when it looks at its own.

    with serve(land, folder) as country:
        configuration = country.configuration("mine", start, end)

Real ones where there are: rustac answers the searches of STAC, nginx serves the files if asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as compute
import pyarrow.parquet as parquet
from pyproj import Transformer
from shapely import union_all
from shapely.geometry import box, mapping

from mmaq.config.data import Period, Simulate
from mmaq.contracts.archive import SENTINEL2, SENTINEL5P, Product, read_collection
from mmaq.simulate.sensors.scenery import EPSG, assign_tiles
from mmaq.simulate.stage import simulate
from tests.acquire.search.made_up import s5p_item
from tests.servers.atlas import write_atlas
from tests.servers.cogs import remote_scene, scene_to_cogs, stac_item
from tests.servers.data_space import DataSpace, Entry, data_space
from tests.servers.eea import eea_service
from tests.servers.faulty import Answer, Asked, FaultyServer, faulty
from tests.servers.nginx import Nginx, nginx
from tests.servers.stac import StacApi, forward, stac_api

NO2 = "sentinel-5p-l2-no2-"
MAPS = ("copernicus-dem", "worldcover", "ghsl", "geofabrik")
TABLE = "map/fme/metadata/PanEuropean_metadata.csv"
STORE = "airquality-p-e1a"
BBOX = (8.3, 52.8, 9.7, 53.7)
"""Holds the land, whose middle is at 9 degrees east and 53.2 north."""
AROUND = 400.0
"""Metres around each site in which a simulated scene holds data."""


@dataclass
class Land:
    """A simulated archive, and the same as files of the services below ``served``."""

    archive: Path
    served: Path
    cogs: dict[str, dict[str, Path]] = field(default_factory=dict)

    @property
    def unlabelled(self) -> Path:
        """The land's own table of sites without a measurement."""
        return self.archive / "stations/unlabelled/unlabelled.csv"


def make_land(folder: Path, settings: Simulate, period: Period) -> Land:
    """Simulate the land and write its content as the services hold it."""
    land = Land(folder / "archive", folder / "served")
    simulate(config=settings, period=period, archive=land.archive, workers=2)
    for product in read_collection(land.archive, SENTINEL2):
        land.cogs[product.id] = scene_to_cogs(product, land.served / "cogs", block=512)
    write_atlas(land.archive / "ancillary", land.served)
    stations = land.archive / "stations/stations"
    (land.served / TABLE).parent.mkdir(parents=True)
    shutil.copy(stations / "stations.csv", land.served / TABLE)
    rows = parquet.read_table(stations / "no2_daily.parquet")
    for named in compute.unique(rows["Samplingpoint"]).to_pylist():
        path = land.served / STORE / f"{named}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(rows.filter(compute.equal(rows["Samplingpoint"], named)), path)
    return land


@dataclass
class Country:
    """The running servers. ``ground`` has the EEA, and without nginx all maps and windows, too."""

    land: Land
    stac: StacApi
    space: DataSpace
    ground: FaultyServer
    static: Nginx | None

    @property
    def files(self) -> str:
        """Address of maps and windows."""
        return self.static.url if self.static else self.ground.url

    @property
    def servers(self) -> list[FaultyServer]:
        return [self.stac.server, self.space.server, self.ground]

    @property
    def endpoints(self) -> dict[str, str]:
        return {
            **self.space.endpoints, "cdse-stac": self.stac.url, "earth-search": self.stac.url,
            "eea": self.ground.url, "eea-table": self.ground.url,
            **{name: f"{self.files}/{name}" for name in MAPS},
        }  # fmt: skip

    def configuration(
        self, name: str, start: str, end: str, bbox=BBOX, **acquire
    ) -> dict[str, Any]:
        """One configuration of area, period and providers, with these addresses."""
        return {
            "name": name, "source": "acquire", "period": {"start": start, "end": end},
            "acquire": {
                "bbox": list(bbox),
                "sentinel2": {"provider": "earth-search", "max_cloud": 100.0},
                "sentinel5p": {"provider": "cdse", "streams": ["RPRO"]},
                "stations": {"provider": "eea", "countries": ["XM"]},
                "endpoints": self.endpoints, **acquire,
            },
        }  # fmt: skip


@contextmanager
def serve(land: Land, folder: Path, with_nginx: bool = False) -> Iterator[Country]:
    """Serve a land; ``folder`` is an empty one for the servers' own files."""
    with ExitStack() as stack:
        ground = stack.enter_context(_ground(land))
        static = stack.enter_context(nginx(land.served, folder / "nginx")) if with_nginx else None
        granules = read_collection(land.archive, SENTINEL5P)
        (folder / "space").mkdir(parents=True)
        space = stack.enter_context(data_space(map(_entry, granules), folder / "space"))
        at = static.url if static else ground.url
        items = [*scene_items(land, at), *map(_granule_item, granules)]
        more = [f"{NO2}{stream}" for stream in ("nrti", "offl", "rpro")]
        stac = stack.enter_context(stac_api(items, folder / "stac", more=more))
        yield Country(land, stac, space, ground, static)


@contextmanager
def _ground(land: Land) -> Iterator[FaultyServer]:
    """The EEA's service in front of the files: its answers from it, measurements from them."""
    points: dict[int, dict[str, dict[str, bytes]]] = {2: {}}
    for path in sorted((land.served / STORE).glob("*/*.parquet")):
        points[2].setdefault(path.parent.name, {})[path.stem] = path.read_bytes()
    with eea_service(points) as eea:

        def answer(asked: Asked) -> Answer | None:
            if asked.method != "POST":
                return None
            found = forward(eea.url + asked.path, asked)
            found.body = found.body.replace(eea.url.encode(), server.url.encode())
            return found

        with faulty(land.served, answer) as server:
            yield server


def scene_items(
    land: Land, url: str, collection: str = "sentinel-2-c1-l2a"
) -> list[dict[str, Any]]:
    """Items whose geometry is where the simulated scene holds data: around the tile's sites."""
    places = _footprints(land)
    items = []
    for product in read_collection(land.archive, SENTINEL2):
        remote = remote_scene(product, land.cogs[product.id], land.served, url)
        place = places[str(product.properties["s2:mgrs_tile"])]
        item = stac_item(remote, collection)
        items.append({**item, "geometry": mapping(place), "bbox": list(place.bounds)})
    return items


def _footprints(land: Land) -> dict[str, Any]:
    stations = pd.read_csv(land.served / TABLE, sep="\t")[["Longitude", "Latitude"]]
    unlabelled = pd.read_csv(land.unlabelled)[["lon", "lat"]]
    lon, lat = np.concatenate([stations.to_numpy(), unlabelled.to_numpy()]).T
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(lon, lat)
    tall = AROUND / 111_000
    wide = tall / np.cos(np.radians(lat))
    squares = np.array(
        [box(*edges) for edges in zip(lon - wide, lat - tall, lon + wide, lat + tall, strict=True)]
    )
    return {tile.name: union_all(squares[members]) for tile, members in assign_tiles(x, y).items()}


def _granule_item(product: Product) -> dict[str, Any]:
    place = box(*product.bbox)
    named = {"datetime": product.time.isoformat().replace("+00:00", "Z")}
    return s5p_item(
        product.id, f"{NO2}rpro", geometry=mapping(place), bbox=list(place.bounds), properties=named
    )


def _entry(product: Product) -> Entry:
    start, end = (product.id[place : place + 15] for place in (20, 36))
    return Entry(
        f"{product.id}.nc", product.assets["product"].path, "SENTINEL-5P", "L2__NO2___",
        *(f"{t[:4]}-{t[4:6]}-{t[6:11]}:{t[11:13]}:{t[13:]}.000Z" for t in (start, end)),
        box(*product.bbox).wkt,
    )  # fmt: skip
