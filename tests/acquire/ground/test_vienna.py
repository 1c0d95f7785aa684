"""Ten real Vienna stations through a small EEA service: annual means as plain pandas has them."""

from __future__ import annotations

import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.config.data import Landuse, Period
from mmaq.landuse.sites import read_stations, read_unlabelled
from tests.acquire.ground.stations_on_loopback import asking, fetch, search
from tests.servers.eea import eea_service

YEAR = Period(start="2024-01-01", end="2024-12-31")
DAY = Period(start="2024-02-03", end="2024-02-03")
COMPLETE = Landuse(min_coverage=0.75)
DRAWN = [("U-1", 16.31, 48.22, "AT"), ("U-2", 16.4, 48.3, "AT")]


@pytest.fixture
def fetched(real_data, tmp_path):
    """Fetches a period into an archive, from the real files and the table as the EEA froze it."""
    folder = real_data / "stations" / "eea_no2_hourly_2024_AT"
    files = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}
    table = pd.read_csv(real_data / "stations/PanEuropean_metadata.zip", sep="\t", dtype=str)
    frozen = table[table["Countrycode"] == "AT"].to_csv(sep="\t", index=False).encode()

    def fetch_period(period):
        with eea_service({2: {"AT": files}}, frozen=frozen) as server:
            acquire = asking(server)
            found = search(acquire, period, tmp_path / "manifest", DRAWN)
            assert len(fetch(acquire, found, tmp_path, workers=3).products) == 10
        return tmp_path / "archive"

    return fetch_period


def independent_means(real_data, first, after, coverage=0.75):
    """Means by station, without a line of MMAQ's: hours of UTC, valid, complete."""
    first, after = (pd.Timestamp(moment, tz="UTC") for moment in (first, after))
    means = {}
    for path in sorted((real_data / "stations" / "eea_no2_hourly_2024_AT").glob("*.parquet")):
        rows = pd.read_parquet(path)
        utc = rows["Start"].dt.tz_localize("Etc/GMT-1").dt.tz_convert("UTC")  # UTC+1
        rows = rows[(utc >= first) & (utc < after) & rows["Validity"].isin([1, 2, 3])]
        values = rows["Value"].astype(float)
        if len(values) / ((after - first) / pd.Timedelta(hours=1)) >= coverage:
            means["STA." + ".".join(path.stem.split(".")[1:3])] = values.mean()
    return means


def test_annual_means_equal_an_independent_computation(real_data, fetched):
    """94 % of the year is valid: enough for 0.9, not for 0.97."""
    archive = fetched(YEAR)
    read = read_stations(archive, COMPLETE, YEAR).set_index("site_id")["no2"]
    expected = independent_means(real_data, "2024-01-01", "2025-01-01")
    assert len(expected) == 10
    assert read.to_dict() == pytest.approx(expected)
    assert len(read_stations(archive, Landuse(min_coverage=0.9), YEAR)) == 10
    with pytest.raises(TableError, match=r"no station has valid NO2 for 0\.97 of the period"):
        read_stations(archive, Landuse(min_coverage=0.97), YEAR)
    assert list(read_unlabelled(archive).itertuples(index=False, name=None)) == DRAWN


def test_days_are_utc_and_stamps_utc_plus_one(real_data, fetched):
    """A period of one day: its first hour of UTC is the second of the files' own day."""
    read = read_stations(fetched(DAY), COMPLETE, DAY).set_index("site_id")["no2"]
    right = independent_means(real_data, "2024-02-03", "2024-02-04")
    wrong = independent_means(real_data, "2024-02-02 23:00", "2024-02-03 23:00")
    assert read.to_dict() == pytest.approx(right)
    assert read.to_dict() != pytest.approx(wrong)
