"""From an area, a period and providers to the table, by one command, through servers on loopback.

The content is a simulated land, so that what comes of it is known: what its own archive gives.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from mmaq.config.load import check_config
from mmaq.contracts.archive import COLLECTIONS, SENTINEL5P, STATIONS, read_collection, read_product
from mmaq.contracts.benchmark import read_benchmark
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.landuse.stage import landuse as build_sites
from mmaq.patches.stage import patches as build_patches
from mmaq.sentinel5p.level3 import read_level3
from mmaq.sentinel5p.stage import grid as merge_parts
from mmaq.sentinel5p.stage import grid_part
from tests.acquire.leaks import leaks
from tests.servers.country import STORE, serve
from tests.servers.data_space import PASSWORD, USER
from tests.servers.faulty import Status
from tests.servers.nginx import nginx_program
from tests.workflow.conftest import Workflow

pytestmark = pytest.mark.slow

YEAR = ("2021-01-01", "2021-12-31")
LEARNING = {
    "grid": {"part": "year"},
    "pretrain": {"runs": 1, "epochs": 1, "batch_size": 16},
    "evaluate": {
        "block_degrees": 0.25, "folds": 3, "seeds": [0], "buffer_km": 1, "bootstrap": 20,
        "splits": ["random", "blocks"],
        "references": ["mean", "ridge", "gbm"], "probes": ["mmaq"],
        "heads": ["linear", "fused"], "label_fractions": [], "mixes": [],
        "finetune": {"methods": [], "all_inputs": []},
        "supervised": {"methods": [], "scratch": [], "all_inputs": []},
    },
}  # fmt: skip
RESAMPLED = {"share_built": 0.03, "share_cropland": 0.03, "share_forest": 0.03,
             "share_grassland": 0.03, "share_water": 0.03, "nature_score": 0.03,
             "manmade_score": 0.03}  # fmt: skip
"""Largest difference of shares of a disc of 1 km: the services' maps have cells of 60 m by 90 m,
whose centres fall on either side of the borders of the land's cells of 200 m."""


@pytest.fixture(scope="module")
def country(land, tmp_path_factory):
    """The running services, and an account for them in the environment."""
    folder = tmp_path_factory.mktemp("country")
    real = nginx_program() is not None
    with pytest.MonkeyPatch.context() as patch, serve(land, folder, with_nginx=real) as country:
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "home/cache"))
        patch.setenv("CDSE_USERNAME", USER)
        patch.setenv("CDSE_PASSWORD", PASSWORD)
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield country


class Acquired(Workflow):
    """The workflow with a configuration of its own, written beside its outputs."""

    def __init__(self, folder, country, name, **acquire):
        super().__init__(folder)
        table = str(country.land.unlabelled)
        asked = country.configuration(name, *YEAR, unlabelled_table=table, **acquire)
        self.settings = {**asked, **LEARNING}
        self.config = check_config(self.settings, "this test")
        self.path = folder / "mine.yaml"
        self.path.write_text(yaml.safe_dump(self.settings))

    def make(self, target):
        done = self.run(target, "--resources", "cdse=4", config=self.path)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        self.told = done.stdout + done.stderr
        return self.told


@pytest.fixture(scope="module")
def acquired(country, tmp_path_factory):
    """From an empty folder to the table: one configuration and one command."""
    made = Acquired(tmp_path_factory.mktemp("acquired"), country, "mine")
    made.make("results/mine/benchmark.csv")
    return made


@pytest.fixture(scope="module")
def direct(land, acquired, tmp_path_factory):
    """The same stages on the simulated archive itself."""
    folder, config = tmp_path_factory.mktemp("direct"), acquired.config
    build_sites(
        archive=land.archive,
        config=config.landuse,
        period=config.period,
        out=folder / "sites.parquet",
    )
    parts = []
    for name, days in config.period.parts("year").items():
        parts.append(folder / f"{name}.nc")
        grid_part(
            archive=land.archive, config=config.grid, start=days[0], end=days[1], out=parts[-1]
        )
    merge_parts(parts=parts, config=config.grid, out=folder / "l3.nc")
    paths = land.archive, folder / "sites.parquet", folder / "l3.nc"
    build_patches(
        archive=paths[0],
        sites=paths[1],
        l3=paths[2],
        config=config.patches,
        out=folder / "patches",
        workers=2,
    )
    return folder


def test_one_command_makes_the_table(acquired):
    table = read_benchmark(acquired.folder / "results/mine/benchmark.csv")
    r2 = table[(table.metric == "r2") & (table.group == "all")]
    assert set(zip(r2.method, r2.protocol, r2.split, strict=True)) == {
        (method, protocol, split)
        for split in ("random", "blocks")
        for method, protocol in (
            ("mean", "reference"), ("ridge", "reference"), ("gbm", "reference"),
            ("mmaq", "linear"), ("mmaq", "fused"),
        )
    }  # fmt: skip
    assert (r2.status == "ok").all()
    assert np.isfinite(r2.value).all()


def test_the_archive_is_whole_and_only_it_stays(acquired, land):
    data = acquired.folder / "data/mine"
    for name in set(COLLECTIONS) - {"truth"}:
        products = read_collection(data / "archive", name)
        assert products
        for product in products:
            for asset in product.assets.values():
                asset.verify()
    ids = [item.id for item in read_collection(land.archive, SENTINEL5P)]
    assert [item.id for item in read_collection(data / "archive", SENTINEL5P)] == ids
    assert not [path for path in (data / "acquire_cache").rglob("*") if path.is_file()]
    assert not list((data / "manifest").glob("failed_*"))


def test_windows_of_a_scene_are_read_once(acquired, country):
    """Of the scene that is clearest by classes, and of the next where its bands are missing."""
    sent: dict[str, int] = {}
    if country.static is None:
        pytest.skip("nginx is not installed")
    for line in country.static.log:
        status, size, asked, path = line.split()
        if path.startswith("/cogs/") and not asked.startswith('"bytes=0-'):
            assert (status, int(size) > 0) in (("206", True), ("200", False))  # HEAD tells the size
            sent[path] = sent.get(path, 0) + int(size)
    assert sent
    for path, size in sent.items():
        assert size <= 2 * (country.land.served / path[1:]).stat().st_size, path


def test_the_site_table_is_that_of_the_simulated_archive(acquired, direct):
    mine, its = (
        read_sites(path).set_index("site_id").sort_index()
        for path in (acquired.folder / "data/mine/sites.parquet", direct / "sites.parquet")
    )
    pd.testing.assert_index_equal(mine.index, its.index)
    # WorldCover knows no industry: it is built-up there.
    assert mine["share_industry"].isna().all()
    its = its.assign(share_built=its["share_built"] + its["share_industry"])
    exact = [
        "country",
        "rural",
        "suburban",
        "urban",
        "traffic",
        "industrial",
        "background",
    ]
    pd.testing.assert_frame_equal(mine[exact], its[exact])
    # A road is straight on its file's map: in degrees here, in the land's metres there. In the
    # middle of a piece of 10 km the two are 3 m apart.
    near = {"lon": 1e-9, "lat": 1e-9, "no2": 1e-9, "road_distance": 4.0, **RESAMPLED}
    for name, tolerance in near.items():
        np.testing.assert_allclose(mine[name], its[name], rtol=0, atol=tolerance, err_msg=name)
    # People are counted in cells of 56 m by 93 m, where the land's have 1 km.
    people, wanted = mine["population_density"], its["population_density"]
    np.testing.assert_allclose(people, wanted, rtol=0.05, atol=5)
    # Stations tell their own altitude; that of the others is the elevation model's cell.
    labelled = its["no2"].notna()
    pd.testing.assert_series_equal(mine["altitude"][labelled], its["altitude"][labelled])
    assert (mine["altitude"] - its["altitude"]).abs().max() < 10


def test_the_level_3_mean_is_that_of_the_simulated_archive(acquired, direct):
    mine, its = (
        read_level3(acquired.folder / "data/mine/grid/l3_mean.nc"),
        read_level3(direct / "l3.nc"),
    )
    assert mine.count.sum() > 0
    for name in ("mean", "standard_error", "weight", "count"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(its, name))


def test_the_patches_are_those_of_the_simulated_archive(acquired, direct):
    mine, its = open_store(acquired.folder / "data/mine/patches"), open_store(direct / "patches")
    sites = its.index["site_id"]
    assert set(mine.index["site_id"]) == set(sites)
    there = mine.index.set_index("site_id").loc[sites]
    known = its.index.set_index("site_id")
    assert (known["s2_row"] >= 0).sum() > 30
    columns = ["s2_product", "s2_time", "s2_clear"]
    pd.testing.assert_frame_equal(there[columns], known[columns])
    for kind, arrays in (("s2", ("s2", "s2_mask")), ("s5p", ("s5p", "s5p_mask"))):
        rows, wanted = mine.rows(kind, sites), its.rows(kind, sites)
        np.testing.assert_array_equal(rows >= 0, wanted >= 0)
        for name in arrays:
            found, expected = getattr(mine, name), getattr(its, name)
            np.testing.assert_array_equal(found[rows[rows >= 0]], expected[wanted[wanted >= 0]])


def test_a_second_run_has_nothing_to_do_and_asks_no_one(acquired, country):
    before = [len(server.log) for server in country.servers]
    assert "Nothing to be done" in acquired.make("results/mine/benchmark.csv")
    assert [len(server.log) for server in country.servers] == before


def test_the_data_space_sees_four_connections_at_most(acquired, country):
    assert 1 <= country.space.server.open_at_once <= 4


def test_a_failed_product_ends_the_command_and_the_same_command_goes_on(country, tmp_path):
    failing = Acquired(tmp_path, country, "failing")
    path = f"/{STORE}/XM/SPO.XM0001A.8.1.parquet"
    country.ground.always[path] = Status(403)
    target = "data/failing/archive/stations/collection.json"
    done = failing.run(target, config=failing.path)
    country.ground.always.clear()
    assert done.returncode != 0
    assert "1 of 30 products failed, the first SPO.XM0001A.8.1" in done.stderr
    before = len(country.ground.log)
    failing.make(target)
    assert [asked.path for asked in country.ground.log[before:]] == [path]


def test_granules_that_are_dropped_give_the_same_mean(acquired, country, tmp_path):
    sentinel5p = {"provider": "cdse", "streams": ["RPRO"], "keep": False}
    dropping = Acquired(tmp_path, country, "dropped", sentinel5p=sentinel5p)
    dropping.make("data/dropped/grid/l3_mean.nc")
    mine, its = (
        read_level3(folder / "grid/l3_mean.nc")
        for folder in (tmp_path / "data/dropped", acquired.folder / "data/mine")
    )
    np.testing.assert_array_equal(mine.count, its.count)
    for name in ("mean", "standard_error", "weight"):
        np.testing.assert_allclose(getattr(mine, name), getattr(its, name), rtol=1e-12)
    held = [path for path in (tmp_path / "data").rglob("*") if "S5P_" in path.name]
    assert held == []


def test_stations_come_with_the_data_set_they_are_of(acquired, land):
    stations = read_product(acquired.folder / "data/mine/archive", STATIONS, "stations")
    folders = {asset.path.parent.name for name, asset in stations.assets.items() if name != "table"}
    assert folders == {"verified"}
    assert len(stations.assets) == 31


def test_no_file_of_the_run_holds_a_secret(acquired, country):
    assert len(country.space.secrets) > 1
    assert (acquired.folder / "logs").is_dir() or list(acquired.folder.rglob("*.log"))
    assert leaks(acquired.folder, country.space.secrets, acquired.told, USER) == []
