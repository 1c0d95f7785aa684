"""What an acquisition costs, printed before a byte is fetched."""

from __future__ import annotations

import re

import pytest

from mmaq.acquire.estimate import estimated, orbits_a_day
from mmaq.acquire.manifest import Manifest, RemoteProduct, write_manifest
from mmaq.acquire.plan import CHUNK, Cost, lasting, page, planned, readable, window_cost
from mmaq.acquire.search.sites import write_sites_csv
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ArchiveError
from mmaq.config.data import Grid
from mmaq.config.schema import Config
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from tests.acquire.search.conftest import table

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12", "SCL")
EUROPE = {
    "source": "acquire", "period": {"start": "2018-05-01", "end": "2020-12-31"},
    "acquire": {"bbox": [-11, 35, 32, 71], "stations": {"countries": ["AT", "DE"]}},
    "grid": {"bbox": [-11, 35, 32, 71]},
}  # fmt: skip


def product(name, **sizes):
    files = {
        key: RemoteFile(href=f"https://there/{name}/{key}", bytes=size)
        for key, size in sizes.items()
    }
    return RemoteProduct(
        id=name, time="2021-07-01T11:00:00Z", bbox=(5, 49, 7, 51), files=files,
        properties={"service": "ghsl"},
    )  # fmt: skip


def write(folder, collection, at, products, **more):
    manifest = Manifest(
        collection=collection, service=at, asked=more.pop("asked", {}), products=products, **more
    )
    write_manifest(folder / f"{collection}.json", manifest)


@pytest.fixture
def found(tmp_path):
    """Manifests of a small area: two sites, two scenes, three granules."""
    scenes = [product(name, **dict.fromkeys(BANDS, 121_000_000)) for name in ("a", "b")]
    both = {"one": ("a", "b"), "two": ("b",)}
    write(tmp_path, SENTINEL2, "earth-search", scenes, candidates=both)
    granules = [product(f"g{number}", product=size) for number, size in enumerate((400, 500, None))]
    write(tmp_path, SENTINEL5P, "cdse", granules)
    held = {"files": 20, "megabytes": 40.0}
    stations = [product(name, measurements=None) for name in ("p", "q")]
    write(tmp_path, STATIONS, "eea", stations, asked={"held": held})
    write(tmp_path, ANCILLARY, "sources.csv", [product("population", counts=None)])
    write_sites_csv(tmp_path / "sites.csv", table(("one", 6.1, 49.6), ("two", 6.2, 49.7)))
    return tmp_path


def of(costs, source):
    (cost,) = (cost for cost in costs if cost.source == source)
    return cost


def config(**acquire):
    return Config(source="acquire", acquire=acquire, grid=Grid(bbox=(-11, 35, 32, 71)))


def test_a_window_costs_the_tiles_it_touches():
    # 33 pixels of 10 m touch (1 + 32/1024)^2 of 121 tiles, which are 3/4 of the file.
    fetched, requests = window_cost("B02", 330.0, 121_000_000)
    assert requests == pytest.approx((1 + 32 / 1024) ** 2)
    assert fetched == pytest.approx(requests * (750_000 + CHUNK))
    single, _ = window_cost("B01", 60.0, 4_000_000)
    assert single == pytest.approx(750_000 + CHUNK)  # one pixel of 60 m: one of 4 tiles


def test_windows(found):
    windows = of(planned(config(), found), "Sentinel-2 windows")
    scl, _ = window_cost("SCL", 320.0, 121_000_000)
    bands = sum(window_cost(band, 320.0, 121_000_000)[0] for band in BANDS[:-1])
    headers = (2 + 12 * 2) * CHUNK  # SCL of two scenes, 12 bands of at most two
    assert windows.fetched == pytest.approx(3 * scl + 2 * bands + headers)
    assert windows.products == 2
    assert windows.unknown == ()


def test_granules_kept_and_dropped(found):
    kept = of(planned(config(), found), "Sentinel-5P granules")
    assert (kept.products, kept.fetched, kept.kept, kept.passing) == (3, 1350, 1350, 0)
    assert kept.unknown == ("sizes of 1 Sentinel-5P granules, counted as the mean of the others",)
    dropped = of(planned(config(sentinel5p={"keep": False}), found), "Sentinel-5P granules")
    assert (dropped.fetched, dropped.kept, dropped.passing) == (1350, 0, 12 * 500)


def test_measurements_by_the_share_of_the_files(found):
    cost = of(planned(config(), found), "measurements")
    assert cost.fetched == pytest.approx(40e6 * 2 / 20)


def test_whole_products_lie_there_twice_while_they_are_unpacked(found):
    write(found, SENTINEL2, "cdse", [product("a", product=10**9), product("b", product=2 * 10**9)])
    cost = of(planned(config(sentinel2={"provider": "cdse"}), found), "Sentinel-2 products")
    assert (cost.fetched, cost.kept, cost.passing) == (3e9, 3e9, 4 * 2e9)


def test_without_satellites(found):
    none = {"provider": "none"}
    sources = [cost.source for cost in planned(config(sentinel2=none, sentinel5p=none), found)]
    assert sources == ["measurements", "population"]


def test_a_missing_manifest(found):
    (found / f"{SENTINEL5P}.json").unlink()
    with pytest.raises(ArchiveError, match="Make it again with `mmaq acquire plan`"):
        planned(config(), found)


def test_time_at_the_limits():
    data_space = Cost("a", service("cdse"), 1, 125e6, 1, 0, 0)
    assert data_space.seconds == pytest.approx(10.0)  # the line's 12.5 MB/s, below 4 x 20
    keyed = Cost("b", service("openaq"), 1, 0.0, 66, 0, 0)
    assert keyed.seconds == pytest.approx(120.0)  # 33 requests a minute
    total = next(line for line in page([data_space, keyed]).splitlines() if "total" in line)
    assert total.split() == ["total", "2", "125", "MB", "67", "0", "B", "2", "min"]


def test_page(found, monkeypatch):
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.setenv("CDSE_USERNAME", "somebody@example.org")
    monkeypatch.setenv("CDSE_PASSWORD", "a-secret-word")
    text = page(planned(config(), found))
    assert re.search(r"^Sentinel-5P granules +cdse +3 +1.4 kB +3 +1.4 kB +1 min$", text, re.M)
    assert re.search(r"^total ", text, re.M)
    assert re.search(r"^  cdse: a free account of .*: found$", text, re.M)
    assert "  cdse: 4 connections of 20 MB/s" in text
    assert "unknown:\n  sizes of 1 Sentinel-5P granules" in text
    assert (
        "  size of population, which no search tells: counted as whole files of the usual size"
        in text
    )
    assert "?" not in text
    assert "secret" not in text
    assert "somebody" not in text
    monkeypatch.delenv("CDSE_PASSWORD")
    assert "cdse: a free account" in page(planned(config(), found))
    assert "NOT FOUND" in page(planned(config(), found))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (99_440, "99.4 kB"), (99_600, "100 kB"), (1.5e6, "1.5 MB"),
     (999_600, "1.0 MB"), (2.5e11, "250 GB"), (7e12, "7.0 TB"), (7e15, "7000.0 TB")],
)  # fmt: skip
def test_bytes_in_words(count, text):
    assert readable(count) == text


def test_times_in_words():
    assert [lasting(t) for t in (1, 3540, 3600, 172_800)] == [
        "1 min",
        "59 min",
        "1.0 h",
        "2.0 days",
    ]


def test_orbits_over_an_area():
    assert orbits_a_day((-180, -60, 180, 60)) == 14.2
    luxembourg = orbits_a_day((5.7, 49.4, 6.6, 50.2))
    assert 1.2 < luxembourg < 1.8  # as the mission's revisit of a day at mid latitudes says
    assert 3.0 < orbits_a_day((-11, 35, 32, 71)) < 4.5


def test_estimate_of_europe():
    costs, notes = estimated(Config(**EUROPE))
    granules = of(costs, "Sentinel-5P granules")
    assert 3000 < granules.products < 4500
    assert granules.kept == granules.fetched == granules.products * 0.45e9
    assert of(costs, "measurements").products == 143 + 409
    windows = of(costs, "Sentinel-2 windows")
    assert 10e6 < windows.fetched / (143 + 409) < 40e6  # a station costs megabytes
    assert notes[0] == "stations: 552 in the asked countries (EEA table of 2024), all within bbox"


def test_estimate_without_a_disk_for_granules():
    settings = {**EUROPE["acquire"], "sentinel5p": {"keep": False}}
    costs, _ = estimated(Config(**{**EUROPE, "acquire": settings}))
    assert sum(cost.kept + cost.passing for cost in costs) < 100e9


def test_estimate_of_a_country_that_is_not_in_the_table():
    asked = {"stations": {"countries": ["JP"], "provider": "openaq"}, "unlabelled": 10}
    costs, notes = estimated(config(**asked))
    assert "stations of JP" in notes
    assert of(costs, "Sentinel-2 windows").products > 0


def test_estimate_of_whole_scenes():
    costs, _ = estimated(config(sentinel2={"provider": "cdse", "dates": 3}))
    scenes = of(costs, "Sentinel-2 products")
    assert scenes.products == 4 * 3  # tiles of Luxembourg, fewer than its stations
    assert scenes.fetched == scenes.products * 0.97e9


def test_a_size_that_nobody_tells_is_no_zero(found):
    write(found, ANCILLARY, "sources.csv", [product("roads", counts=None)])
    costs = planned(config(), found)
    row = next(line for line in page(costs).splitlines() if line.startswith("roads"))
    assert row.split()[3] == "?"
    assert "  size of roads, which no search tells: not counted" in page(costs)
