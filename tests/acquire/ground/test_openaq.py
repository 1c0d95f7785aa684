from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pytest

from mmaq.acquire.ground.openaq import MICROGRAMS_PER_PPB
from mmaq.base.errors import ServiceError
from mmaq.config.data import Landuse, Period
from mmaq.landuse.sites import read_stations
from tests.acquire.ground.stations_on_loopback import asking, fetch, search
from tests.servers.openaq import KEY, hour, location, openaq_service

SEATTLE = (-122.6, 47.4, -122.1, 47.8)
PERIOD = Period(start="2020-12-20", end="2021-02-10")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAQ_API_KEY", KEY)


def series(value, first=datetime(2020, 12, 18), days=57):
    """Hours from before the period's begin to after its end."""
    stamps = [first + timedelta(hours=number) for number in range(24 * days + 1)]
    stamps = [stamp.strftime("%Y-%m-%dT%H:%M:%SZ") for stamp in stamps]
    values = value if isinstance(value, list) else [value] * (24 * days)
    return [hour(*span, number) for *span, number in zip(stamps, stamps[1:], values, strict=False)]


def fetched(server, tmp_path, period=PERIOD):
    acquire = asking(server, SEATTLE, ("openaq",), provider="openaq", countries=("US",))
    found = search(acquire, period, tmp_path / "manifest")
    return fetch(acquire, found, tmp_path)


def no2(tmp_path):
    stations = read_stations(tmp_path / "archive", Landuse(), PERIOD)
    return stations.set_index("site_id")["no2"].to_dict()


def test_the_factor_is_the_ideal_gas_of_20_degrees():
    grams, gas, kelvin, pascal = 46.0055, 8.314462618, 293.15, 101325.0
    assert pytest.approx(grams * pascal / (gas * kelvin) / 1000, abs=5e-4) == MICROGRAMS_PER_PPB


def test_units_become_micrograms_and_classes_stay_unknown(tmp_path):
    places = [
        location(1, -122.3, 47.6, {11: ("no2", "ppm"), 12: ("o3", "ppm")}),
        location(2, -122.4, 47.5, {21: ("no2", "ppb")}),
        location(3, -122.2, 47.7, {31: ("no2", "µg/m³"), 32: ("no2", "mg/m³")}),
    ]
    hours = {11: series(0.02), 21: series(20.0), 31: series(7.5)}
    with openaq_service(places, hours) as server:
        manifest = fetched(server, tmp_path)
    assert len(manifest.products) == 3
    assert no2(tmp_path) == pytest.approx({"OPENAQ.1": 38.25, "OPENAQ.2": 38.25, "OPENAQ.3": 7.5})
    stations = read_stations(tmp_path / "archive", Landuse(), PERIOD)
    assert stations[["altitude", "rural", "urban", "traffic", "background"]].isna().all(axis=None)
    assert set(stations["country"]) == {"US"}
    assert KEY not in "".join(
        path.read_bytes().decode(errors="ignore") for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("unit", "value", "fills"),
    [
        ("ppm", 0.02, [9.999, -0.099, -0.999, 0.999, 99.99, -9.999]),
        ("ppb", 20.0, [9999.0, -99.0, -999.0, 999.0, 99999.0, -9.999]),
        ("μg/m³", 38.25, [9999.0, -99.0, -999.0, 999.0, 99999.0, -9999.0]),
    ],
)
def test_a_fill_value_is_one_in_every_unit(tmp_path, caplog, unit, value, fills):
    places = [location(1, -122.3, 47.6, {11: ("no2", unit)})]
    values = [value] * 24 * 57
    values[60 : 60 + 24] = [*fills * 4]
    with openaq_service(places, {11: series(values)}) as server:
        fetched(server, tmp_path)
    assert no2(tmp_path) == pytest.approx({"OPENAQ.1": 38.25})
    assert "SPO.OPENAQ.11: 24 fill values left out" in caplog.text


def test_low_and_high_values_that_are_none_of_fill_stay(tmp_path, caplog):
    places = [location(1, -122.3, 47.6, {11: ("no2", "ppb")})]
    values = [20.0] * 24 * 57
    values[60:64] = [99.0, -1.5, 0.999, 400.0]
    with openaq_service(places, {11: series(values)}) as server:
        fetched(server, tmp_path)
    assert "fill values" not in caplog.text


@pytest.mark.parametrize("ignores_dates", [False, True])
def test_all_pages_come_and_only_hours_of_the_period(tmp_path, ignores_dates):
    """53 days: twelve of 2020 and 41 of 2021, which are a page each; before and after is 999."""
    days = [999.0] * 2 + [10.0] * 12 + [20.0] * 41 + [999.0] * 2
    hours = {11: series([value for value in days for _ in range(24)])}
    places = [location(1, -122.3, 47.6, {11: ("no2", "µg/m³")})]
    with openaq_service(places, hours, ignores_dates=ignores_dates) as server:
        fetched(server, tmp_path)
        pages = {r.query["page"][0] for r in server.log if r.path.endswith("/hours")}
    assert no2(tmp_path) == pytest.approx({"OPENAQ.1": (12 * 10 + 41 * 20) / 53})
    assert pages == ({"1", "2"} if ignores_dates else {"1"})
    rows = pd.read_parquet(next((tmp_path / "archive").rglob("SPO.OPENAQ.11.parquet")))
    assert rows["Start"].is_unique
    assert (rows["Start"].min(), rows["End"].max()) == (
        pd.Timestamp("2020-12-20 01:00"), pd.Timestamp("2021-02-11 01:00"),
    )  # fmt: skip


def asked_hours(server):
    return sum(request.path.endswith("/hours") for request in server.log)


def test_another_period_later_comes_with_its_own_hours(tmp_path):
    """14 days of 10 to the end of the year, then 20; the same search again fetches nothing."""
    hours = {11: series([10.0] * 14 * 24 + [20.0] * 43 * 24)}
    december = Period(start="2020-12-20", end="2020-12-31")
    january = Period(start="2021-01-01", end="2021-01-31")
    with openaq_service([location(1, -122.3, 47.6, {11: ("no2", "µg/m³")})], hours) as server:
        for period, value in ((december, 10.0), (january, 20.0)):
            fetched(server, tmp_path, period)
            read = read_stations(tmp_path / "archive", Landuse(), period)
            assert read["no2"].tolist() == [value]
        before = asked_hours(server)
        fetched(server, tmp_path, january)
        assert asked_hours(server) == before


def test_hours_that_were_not_there_yet_come_with_a_later_search(tmp_path):
    sensor, first = {11: ("no2", "µg/m³")}, {"utc": "2021-01-10T00:00:00Z"}
    places = [location(1, -122.3, 47.6, sensor, datetimeLast=first)]
    hours = {11: series(1.0)[: 23 * 24]}
    with openaq_service(places, hours) as server:
        fetched(server, tmp_path)
        places[0], hours[11] = location(1, -122.3, 47.6, sensor), series(1.0)
        fetched(server, tmp_path)
    rows = pd.read_parquet(next((tmp_path / "archive").rglob("SPO.OPENAQ.11.parquet")))
    assert rows["End"].max() == pd.Timestamp("2021-02-11 01:00")


def test_flags_gaps_and_fill_values_do_not_count(tmp_path):
    values = [10.0] * (24 * 57)
    values[100:103] = [-999.0, -9999.0, None]
    hours = series(values)
    hours[200] = hour(*(hours[200]["period"][f"datetime{end}"]["utc"] for end in ("From", "To")),
                      900.0, flagged=True)  # fmt: skip
    with openaq_service([location(1, -122.3, 47.6, {11: ("no2", "ppb")})], {11: hours}) as server:
        fetched(server, tmp_path)
    assert no2(tmp_path) == pytest.approx({"OPENAQ.1": 19.125})
    path = next((tmp_path / "archive").rglob("SPO.OPENAQ.11.parquet"))
    rows = pd.read_parquet(path)
    assert len(rows) == 24 * 53
    assert (rows["Validity"] == -1).sum() == 4
    assert set(rows["Verification"]) == {3}
    assert rows["Start"].min() == pd.Timestamp("2020-12-20 01:00")  # UTC+1, as in the EEA's


def test_what_is_no_reference_monitor_there_is_passed_over(tmp_path):
    sensor = {1: ("no2", "ppb")}
    places = [
        location(1, -122.3, 47.6, {11: ("no2", "ppb")}),
        location(2, -122.3, 47.6, sensor, isMobile=True),
        location(3, -122.3, 47.6, sensor, isMonitor=False),
        location(4, -122.3, 47.6, sensor, country={"id": 1, "code": "CA", "name": "Canada"}),
        location(5, -121.0, 47.6, sensor),
        location(6, -122.3, 47.6, {61: ("pm25", "µg/m³")}),
        location(7, -122.3, 47.6, sensor, datetimeLast={"utc": "2020-12-01T00:00:00Z"}),
    ]
    with openaq_service(places, {11: series(1.0)}) as server:
        manifest = fetched(server, tmp_path)
    assert [product.id for product in manifest.products] == ["SPO.OPENAQ.11"]


def test_faults_of_the_service_are_named(tmp_path, monkeypatch):
    crowd = [location(n, -122.3, 47.6, {n: ("no2", "ppb")}) for n in range(1, 1002)]
    with (
        openaq_service(crowd, {}, repeats=True) as server,
        pytest.raises(ServiceError, match="openaq: page 2 of the list repeats an earlier"),
    ):
        fetched(server, tmp_path)
    with (
        openaq_service([], {}) as server,
        pytest.raises(ServiceError, match="no reference monitor"),
    ):
        fetched(server, tmp_path)
    broken = [{"id": 1, "coordinates": {"latitude": 47.6, "longitude": -122.3}}]
    with openaq_service(broken, {}) as server, pytest.raises(ServiceError, match="location lacks"):
        fetched(server, tmp_path)
    monkeypatch.setenv("OPENAQ_API_KEY", "another-key")
    with openaq_service([], {}) as server, pytest.raises(ServiceError, match="401") as caught:
        fetched(server, tmp_path)
    assert "another-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": None}, r"a location lacks id \(.*integer"),
        ({"id": "../../etc"}, r"a location lacks id \(.*integer"),
        ({"country": None}, "a location lacks country"),
        ({"sensors": [{"id": 11}]}, "a location lacks sensors.0.parameter"),
        ({"sensors": [{"parameter": {"name": "no2", "units": "ppb"}}]}, "lacks sensors.0.id"),
        ({"datetimeFirst": {"utc": "yesterday"}}, "a location lacks datetimeFirst.utc"),
        ({"datetimeLast": {"utc": "0001-01-01T00:00:00+10:00"}}, "lacks datetimeLast.utc"),
    ],
)
def test_what_a_location_should_tell_is_missing_or_of_another_kind(tmp_path, changes, told):
    places = [location(1, -122.3, 47.6, {11: ("no2", "ppb")}) | changes]
    with openaq_service(places, {}) as server, pytest.raises(ServiceError, match=told):
        fetched(server, tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("value",), "much", "an hour of SPO.OPENAQ.11 lacks value"),
        (("flagInfo",), None, "an hour of SPO.OPENAQ.11 lacks flagInfo"),
        (("period", "datetimeTo", "utc"), "9999-12-31T23:00:00Z", "lacks period.datetimeTo.utc"),
        (("period", "datetimeFrom", "utc"), "2021-01-01T00:00:00", "lacks period.datetimeFrom.utc"),
    ],
)
def test_what_an_hour_should_tell_is_of_another_kind(tmp_path, path, value, told):
    hours = series(10.0)
    held = hours[400]
    for name in path[:-1]:
        held = held[name]
    held[path[-1]] = value
    places = [location(1, -122.3, 47.6, {11: ("no2", "ppb")})]
    answers = openaq_service(places, {11: hours}, ignores_dates=True)
    with answers as server, pytest.raises(ServiceError, match=told):
        fetched(server, tmp_path)
