"""All searches together, and the verb ``acquire``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from mmaq.acquire.manifest import Manifest, manifest_names, read_manifest
from mmaq.acquire.stage import ASKED, settings_of
from mmaq.acquire.stage import acquire_plan as search
from mmaq.base.errors import ArchiveError, ServiceError
from mmaq.cli import app
from mmaq.config.acquire import Acquire
from mmaq.config.load import load_config
from mmaq.config.schema import Config
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from tests.acquire.search.conftest import table
from tests.acquire.search.made_up import c1_item, granule_name, s5p_item
from tests.servers.data_space import data_space
from tests.servers.stac import stac_api

GRID = {"grid": {"bbox": [5, 49, 7, 51]}}


def search_all(config, folder):
    search(
        config=config.acquire, period=config.period, landuse=config.landuse,
        patches=config.patches, areas=config.boxes, folder=folder,
    )  # fmt: skip


OFFL, RPRO = "sentinel-5p-l2-no2-offl", "sentinel-5p-l2-no2-rpro"


@pytest.fixture
def ground(monkeypatch):
    """Stations and maps as found, without their services."""
    asked = []

    def find_measurements(acquire, period, folder):
        folder.mkdir(parents=True, exist_ok=True)
        return Manifest(collection=STATIONS, service="eea", asked={}, products=())

    def find_maps(acquire, sites, radius_m, areas):
        asked.append((len(sites), radius_m))
        return Manifest(collection=ANCILLARY, service="sources.csv", asked={}, products=())

    at = "mmaq.acquire.stage"
    stations = table(("one", 6.1, 49.6), ("two", 6.2, 49.7)).drop(columns="measured")
    monkeypatch.setattr(f"{at}.find_measurements", find_measurements)
    monkeypatch.setattr(f"{at}.read_places", lambda folder: stations)
    monkeypatch.setattr(f"{at}.find_maps", find_maps)
    return asked


@pytest.fixture
def services(tmp_path):
    """Endpoints of a mirror with one scene and a Data Space with one granule."""
    served = [c1_item("a"), s5p_item(granule_name(), OFFL)]
    with stac_api(served, tmp_path / "api", more=[RPRO]) as api, data_space([], tmp_path) as space:
        yield {**space.endpoints, "earth-search": api.url, "cdse-stac": api.url}


def configured(endpoints):
    return {
        "name": "small", "source": "acquire", **GRID,
        "period": {"start": "2021-07-01", "end": "2021-07-31"},
        "acquire": {"endpoints": endpoints, "unlabelled": 3},
    }  # fmt: skip


def test_one_manifest_a_collection(tmp_path, ground, services):
    config = Config(**configured(services))
    search_all(config, tmp_path / "m")
    names = [STATIONS, ANCILLARY, SENTINEL2, SENTINEL5P]
    assert manifest_names(config.acquire) == names
    made = sorted(path.name for path in (tmp_path / "m").iterdir())
    assert made == sorted([*(f"{name}.json" for name in names), "asked.json", "sites.csv"])
    assert read_manifest(tmp_path / "m" / f"{SENTINEL2}.json").candidates["unlabelled_00001"]
    assert ground == [(5, 1000.0)]
    first = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    search_all(config, tmp_path / "again")
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}


def test_nothing_is_written_when_a_search_fails(tmp_path, ground, services):
    gone = {**services, "earth-search": services["cdse"]}
    with pytest.raises(ServiceError, match="earth-search"):
        search_all(Config(**configured(gone)), tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.usefixtures("ground")
def test_a_plan_that_stops_while_it_writes_leaves_no_search(tmp_path, services, monkeypatch):
    config = Config(**configured(services))
    search_all(config, tmp_path / "m")
    monkeypatch.setattr("mmaq.acquire.stage.write_manifest", _on_a_full_disk)
    with pytest.raises(OSError, match="No space left"):
        search_all(config, tmp_path / "m")
    assert not (tmp_path / "m" / ASKED).exists()


def _on_a_full_disk(path, manifest):
    raise OSError(28, "No space left on device", str(path))


def test_without_a_satellite():
    none = {"provider": "none"}
    assert manifest_names(Acquire(sentinel2=none)) == [STATIONS, ANCILLARY, SENTINEL5P]
    assert manifest_names(Acquire(sentinel2=none, sentinel5p=none)) == [STATIONS, ANCILLARY]


@pytest.mark.usefixtures("ground")
def test_the_verb_plan(tmp_path, services, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(yaml.safe_dump(configured(services)))
    done = CliRunner().invoke(app, ["acquire", "plan", "--config", "c.yaml"])
    assert done.exit_code == 0, done.output
    assert "Sentinel-2 windows" in done.output
    assert "NOT FOUND" in done.output
    held = json.loads(Path("data/small/manifest/sentinel-5p-l2-no2.json").read_text())
    assert [product["id"] for product in held["products"]] == [granule_name()]


def test_the_verb_estimates_without_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mmaq.acquire.services.client.Client.__init__", None)
    area = "{name: here, bbox: [6.0, 49.4, 6.1, 49.5], resolution_m: 1000}"
    Path("c.yaml").write_text(
        f"source: acquire\ngrid: {{bbox: [5, 49, 7, 51]}}\nmap: {{areas: [{area}]}}\n"
    )
    done = CliRunner().invoke(app, ["acquire", "plan", "--estimate", "--config", "c.yaml"])
    assert done.exit_code == 0, done.output
    assert "Sentinel-5P granules" in done.output
    assert "here: 81 cells of 1000 m, at most 0 MB; images at the sites alone" in done.output
    assert not Path("data").exists()


def test_a_configuration_before_the_verb_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("source: acquire\ngrid: {bbox: [5, 49, 7, 51]}\n")
    done = CliRunner().invoke(app, ["acquire", "--config", "c.yaml", "plan", "--estimate"])
    assert done.exit_code == 2
    assert "give --config after the name of the verb" in done.output


def test_the_verb_follows_the_search_that_is_there(tmp_path, monkeypatch):
    """A second run searches nothing anew, and fetches each collection that is asked for."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(
        "name: small\nsource: acquire\nacquire: {sentinel5p: {keep: false}}\n"
        "grid: {bbox: [5, 49, 7, 51]}\n"
    )
    folder = Path("data/small/manifest")
    folder.mkdir(parents=True)
    for name in (*(f"{c}.json" for c in manifest_names(Acquire())), "sites.csv"):
        (folder / name).write_text("{}")
    given = load_config(Path("c.yaml"))
    settings = settings_of(given.acquire, given.period, given.landuse, given.patches, given.boxes)
    (folder / ASKED).write_text(json.dumps(settings))
    called = []
    for stage in ("fetch_stations", "fetch_maps", "fetch_sentinel2", "fetch_sentinel5p",
                  "acquire_plan"):  # fmt: skip
        monkeypatch.setattr(
            f"mmaq.acquire.stage.{stage}",
            lambda name=stage, **given: called.append((name, given.get("manifest"))),
        )
    done = CliRunner().invoke(app, ["acquire", "--config", "c.yaml"])
    assert done.exit_code == 0, done.output
    assert called == [
        ("fetch_stations", folder / "stations.json"), ("fetch_maps", folder / "ancillary.json"),
        ("fetch_sentinel2", folder / "sentinel-2-l2a.json"),
    ]  # fmt: skip
    called.clear()
    changed = Path("c.yaml").read_text().replace("acquire: {", "acquire: {unlabelled: 5, ")
    Path("changed.yaml").write_text(changed)
    with pytest.raises(ArchiveError, match=r"other settings.*`mmaq acquire plan`"):
        CliRunner().invoke(app, ["acquire", "--config", "changed.yaml"], catch_exceptions=False)
    assert not called
    for name in ("sites.csv", ASKED):
        text = (folder / name).read_text()
        (folder / name).unlink()
        called.clear()
        CliRunner().invoke(app, ["acquire", "--config", "c.yaml"])
        assert "acquire_plan" in [name for name, _ in called]
        (folder / name).write_text(text)
