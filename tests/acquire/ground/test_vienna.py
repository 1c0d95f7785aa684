"""Ten real Vienna stations through a small EEA service: annual means as plain pandas has them."""

from __future__ import annotations

import pandas as pd
import pytest

from mmaq.acquire.manifest import read_manifest
from mmaq.acquire.stage import fetch_stations
from mmaq.base.errors import TableError
from mmaq.config.data import Landuse, Period
from mmaq.landuse.sites import read_stations, read_unlabelled
from tests.acquire.ground.stations_on_loopback import asking, search
from tests.servers.eea import eea_service

YEAR = Period(start="2024-01-01", end="2024-12-31")
COMPLETE = Landuse(min_coverage=0.75)


@pytest.fixture
def files(real_data):
    folder = real_data / "stations" / "eea_no2_hourly_2024_AT"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


@pytest.fixture
def frozen(real_data):
    """The real station table, as it was when the EEA froze it."""
    path = real_data / "stations" / "PanEuropean_metadata.zip"
    table = pd.read_csv(path, sep="\t", dtype=str)
    table = table[table["Countrycode"] == "AT"]
    return table.to_csv(sep="\t", index=False).encode()


def independent_means(folder, first, after, coverage):
    """Annual means by sampling point, without a line of MMAQ's: hours of UTC, valid, complete."""
    means = {}
    for path in sorted(folder.glob("*.parquet")):
        rows = pd.read_parquet(path)
        utc = rows["Start"].dt.tz_localize("Etc/GMT-1").dt.tz_convert("UTC")  # UTC+1
        rows = rows[(utc >= first) & (utc < after) & rows["Validity"].isin([1, 2, 3])]
        values = rows["Value"].astype(float)
        hours = (pd.Timestamp(after) - pd.Timestamp(first)) / pd.Timedelta(hours=1)
        if len(values) / hours >= coverage:
            means[path.stem] = values.mean()
    return means


def station(point):
    """``STA.09.KE`` of ``SPO.09.KE.1047.8.1``."""
    return "STA." + ".".join(point.split(".")[1:3])


def test_annual_means_equal_an_independent_computation(real_data, files, frozen, tmp_path):
    with eea_service({2: {"AT": files}}, frozen=frozen) as server:
        acquire = asking(server)
        manifest, sites = search(acquire, YEAR, tmp_path / "manifest")
        fetch_stations(
            manifest=manifest,
            sites=sites,
            config=acquire,
            archive=tmp_path / "archive",
            workers=3,
        )
    read = read_stations(tmp_path / "archive", COMPLETE, YEAR).set_index("site_id")["no2"]
    expected = independent_means(
        real_data / "stations" / "eea_no2_hourly_2024_AT",
        pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC"), 0.75,
    )  # fmt: skip
    assert len(expected) == 10
    assert read.to_dict() == pytest.approx({station(key): value for key, value in expected.items()})
    assert len(read_manifest(manifest).products) == 10


def test_days_are_utc_and_stamps_utc_plus_one(real_data, files, frozen, tmp_path):
    """A period of one day: its first hour of UTC is the second of the files' own day."""
    day = Period(start="2024-02-03", end="2024-02-03")
    with eea_service({2: {"AT": files}}, frozen=frozen) as server:
        acquire = asking(server)
        manifest, sites = search(acquire, day, tmp_path / "manifest")
        fetch_stations(
            manifest=manifest,
            sites=sites,
            config=acquire,
            archive=tmp_path / "archive",
            workers=3,
        )
    read = read_stations(tmp_path / "archive", COMPLETE, day).set_index("site_id")["no2"]
    folder = real_data / "stations" / "eea_no2_hourly_2024_AT"
    right = independent_means(
        folder, pd.Timestamp("2024-02-03", tz="UTC"), pd.Timestamp("2024-02-04", tz="UTC"), 0.75
    )
    wrong = independent_means(
        folder, pd.Timestamp("2024-02-02 23:00", tz="UTC"),
        pd.Timestamp("2024-02-03 23:00", tz="UTC"), 0.75,
    )  # fmt: skip
    assert read.to_dict() == pytest.approx({station(key): value for key, value in right.items()})
    assert read.to_dict() != pytest.approx({station(key): value for key, value in wrong.items()})


def test_a_station_below_the_coverage_is_dropped(files, frozen, tmp_path):
    """94 % of the year is valid: enough for 0.9, not for 0.97."""
    with eea_service({2: {"AT": files}}, frozen=frozen) as server:
        acquire = asking(server)
        manifest, sites = search(acquire, YEAR, tmp_path / "manifest")
        fetch_stations(
            manifest=manifest,
            sites=sites,
            config=acquire,
            archive=tmp_path / "archive",
            workers=3,
        )
    assert len(read_stations(tmp_path / "archive", Landuse(min_coverage=0.9), YEAR)) == 10
    with pytest.raises(TableError, match=r"no station has valid NO2 for 0\.97 of the period"):
        read_stations(tmp_path / "archive", Landuse(min_coverage=0.97), YEAR)


def test_unlabelled_sites_come_from_the_places(files, frozen, tmp_path):
    drawn = [("U-1", 16.31, 48.22, "AT"), ("U-2", 16.4, 48.3, "AT")]
    with eea_service({2: {"AT": files}}, frozen=frozen) as server:
        acquire = asking(server)
        manifest, sites = search(acquire, YEAR, tmp_path / "manifest", drawn)
        fetch_stations(
            manifest=manifest,
            sites=sites,
            config=acquire,
            archive=tmp_path / "archive",
            workers=3,
        )
    read = read_unlabelled(tmp_path / "archive")
    assert list(read.itertuples(index=False, name=None)) == drawn
