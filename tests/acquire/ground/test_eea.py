from __future__ import annotations

import io
import json
import logging

import pandas as pd
import pytest

from mmaq.acquire.ground.measurements import read_places
from mmaq.base.errors import ArchiveError, ServiceError
from mmaq.config.data import Landuse, Period
from mmaq.contracts.archive import read_product
from mmaq.landuse.sites import read_stations
from tests.acquire.ground.stations_on_loopback import asking, fetch, search
from tests.landuse.small_country import hours
from tests.servers.eea import eea_service

PERIOD = Period(start="2021-03-01", end="2021-03-10")
NO2 = "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8"
VIEWER = (
    "Country,Air Quality Network,Air Quality Network Name,Timezone,Air Quality Station EoI Code,"
    "Air Quality Station Nat Code,Air Quality Station Name,Sampling Point Id,Air Pollutant,"
    "Longitude,Latitude,Altitude,Air Quality Station Area,Air Quality Station Type,"
    "Operational Activity Begin,Operational Activity End\n"
)


def viewer(*rows):
    """CSV of the table viewer, from rows of ``row``."""
    lines = [
        f'{country},NET,,UTC+01,{station},1,"Town, place",{point},{gas},{lon},{lat},171,'
        f"rural-regional,Background,{begin},{end}"
        for country, station, point, gas, lon, lat, begin, end in rows
    ]
    return (VIEWER + "\n".join(lines) + "\n").encode()


def row(point="SPO-1", lon=16.3, **changes):
    made = {
        "country": "Austria", "station": f"AT{point}", "point": point, "gas": "NO2", "lon": lon,
        "lat": 48.2, "begin": "17/05/2010 00:00:00", "end": "",
    }  # fmt: skip
    return tuple((made | changes).values())


def parquet(point, value, **columns):
    made = io.BytesIO()
    table = hours(point, value, PERIOD, **columns)
    table.assign(Samplingpoint=f"AT/{point}").to_parquet(made, index=False)
    return made.getvalue()


def fetched(server, tmp_path, period=PERIOD, **stations):
    acquire = asking(server, **stations)
    found = search(acquire, period, tmp_path / "manifest")
    return fetch(acquire, found, tmp_path)


def test_the_table_viewers_form_becomes_the_archives(tmp_path):
    table = viewer(row("SPO-1"), row("SPO-2", country="Kosovo", station="XK0001A"))
    with eea_service({2: {"AT": {"SPO-1": parquet("SPO-1", 30)}}}, table) as server:
        fetched(server, tmp_path)
    stations = read_stations(tmp_path / "archive", Landuse(), PERIOD)
    only = stations.iloc[0]
    assert len(stations) == 1
    assert (only["site_id"], only["lon"], only["lat"], only["country"], only["altitude"]) == (
        "ATSPO-1", 16.3, 48.2, "AT", 171.0,
    )  # fmt: skip
    assert (only["rural"], only["background"], only["no2"]) == (1.0, 1.0, 30.0)
    text = (tmp_path / "manifest" / "stations.tsv").read_text()
    assert "2010-05-17T00:00:00" in text
    assert NO2 in text


@pytest.mark.parametrize("dataset", ["verified", "unverified", "airbase"])
def test_one_data_set_is_asked_for_and_no_other_comes(tmp_path, dataset):
    values = {"unverified": (1, 10), "verified": (2, 20), "airbase": (3, 30)}
    flags = {"unverified": 3, "verified": 1, "airbase": 1}
    datasets = {
        number: {"AT": {"SPO-1": parquet("SPO-1", value, Verification=flags[name])}}
        for name, (number, value) in values.items()
    }
    with eea_service(datasets, viewer(row())) as server:
        manifest = fetched(server, tmp_path, dataset=dataset)
        asked = [json.loads(each.body) for each in server.log if each.method == "POST"]
    assert {body["dataset"] for body in asked} == {values[dataset][0]}
    assert ("aggregationType" in asked[0]) == (dataset == "unverified")
    assert manifest.asked["dataset"] == dataset
    assert manifest.asked["held"]["files"] == 1
    read = read_stations(tmp_path / "archive", Landuse(), PERIOD)
    assert read["no2"].tolist() == [values[dataset][1]]


def test_another_data_set_later_leaves_nothing_of_the_first(tmp_path):
    datasets = {
        1: {"AT": {"SPO-1": parquet("SPO-1", 10, Verification=3)}},
        2: {"AT": {"SPO-1": parquet("SPO-1", 20), "SPO-2": parquet("SPO-2", 21)}},
    }
    with eea_service(datasets, viewer(row("SPO-1"), row("SPO-2"))) as server:
        fetched(server, tmp_path, dataset="verified")
        fetched(server, tmp_path, dataset="unverified")
    item = read_product(tmp_path / "archive", "stations", "stations")
    assert sorted(item.assets) == ["measurements_SPO-1", "table"]
    read = read_stations(tmp_path / "archive", Landuse(), PERIOD)
    assert read["no2"].tolist() == [10.0]


def test_a_file_of_another_data_set_in_the_list_is_refused(tmp_path):
    strange = "https://store.example/airquality-p/AT/SPO-9.parquet"
    files = {2: {"AT": {"SPO-1": parquet("SPO-1", 1)}}}
    with (
        eea_service(files, viewer(row()), foreign=[strange]) as server,
        pytest.raises(ServiceError, match=r"eea: SPO-9\.parquet is no file of the verified"),
    ):
        fetched(server, tmp_path)


def test_only_processes_that_were_at_work_there_and_then_are_fetched(tmp_path, caplog):
    table = viewer(
        row("SPO-here"),
        row("SPO-ended", end="28/02/2021 23:59:59"),
        row("SPO-later", begin="11/03/2021 00:00:00"),
        row("SPO-undated", begin=""),
        row("SPO-outside", lon=17.5),
        row("SPO-ozone", gas="O3"),
        row("SPO-german", country="Germany"),
        row("SPO-nofile"),
    )
    names = ("here", "ended", "later", "undated", "outside", "ozone", "german")
    points = {f"SPO-{name}": parquet(f"SPO-{name}", 9) for name in names}
    with eea_service({2: {"AT": points}}, table) as server, caplog.at_level(logging.WARNING):
        manifest = fetched(server, tmp_path)
        paths = [path for path in server.paths() if path.startswith("/airquality")]
    assert [product.id for product in manifest.products] == ["SPO-here", "SPO-undated"]
    assert len(paths) == 2
    assert [left.id for left in manifest.left_out] == ["SPO-nofile"]
    assert "SPO-nofile is left out: the verified data set has no file of it" in caplog.text
    assert read_places(tmp_path / "manifest")["site_id"].tolist() == ["ATSPO-here", "ATSPO-undated"]


def test_a_second_run_fetches_nothing_again_and_gives_the_same_bytes(tmp_path):
    files = {2: {"AT": {"SPO-1": parquet("SPO-1", 5), "SPO-2": parquet("SPO-2", 6)}}}
    with eea_service(files, viewer(row("SPO-1"), row("SPO-2"))) as server:
        fetched(server, tmp_path)
        first = {p: p.read_bytes() for p in (tmp_path / "archive").rglob("*") if p.is_file()}
        count = sum(path.startswith("/airquality") for path in server.paths())
        fetched(server, tmp_path)
        assert sum(path.startswith("/airquality") for path in server.paths()) == count == 2
    assert first == {p: p.read_bytes() for p in (tmp_path / "archive").rglob("*") if p.is_file()}


def test_another_period_later_comes_with_the_file_of_its_day(tmp_path):
    """The service tells neither size nor sum of a file, which grows with the years."""
    files = {2: {"AT": {"SPO-1": parquet("SPO-1", 5)}}}
    later = Period(start="2021-03-02", end=PERIOD.end)
    with eea_service(files, viewer(row())) as server:
        fetched(server, tmp_path)
        files[2]["AT"]["SPO-1"] = parquet("SPO-1", 7)
        fetched(server, tmp_path)
        assert read_stations(tmp_path / "archive", Landuse(), later)["no2"].tolist() == [5.0]
        fetched(server, tmp_path, later)
        assert read_stations(tmp_path / "archive", Landuse(), later)["no2"].tolist() == [7.0]


@pytest.mark.parametrize("size", [0, 400])
def test_what_is_no_parquet_file_is_named_and_fetched_again(tmp_path, size):
    whole = parquet("SPO-1", 5)
    files = {2: {"AT": {"SPO-1": whole[:size]}}}
    with eea_service(files, viewer(row())) as server:
        acquire = asking(server)
        found = search(acquire, PERIOD, tmp_path / "manifest")
        with pytest.raises(ServiceError, match=r"SPO-1\.parquet: what came is no Parquet file"):
            fetch(acquire, found, tmp_path)
        files[2]["AT"]["SPO-1"] = whole
        fetch(acquire, found, tmp_path)
    assert read_stations(tmp_path / "archive", Landuse(), PERIOD)["no2"].tolist() == [5.0]


def test_a_file_that_is_gone_is_named_and_the_rest_goes_on(tmp_path):
    files = {2: {"AT": {"SPO-1": parquet("SPO-1", 5), "SPO-2": parquet("SPO-2", 6)}}}
    with eea_service(files, viewer(row("SPO-1"), row("SPO-2"))) as server:
        acquire = asking(server)
        found = search(acquire, PERIOD, tmp_path / "manifest")
        del files[2]["AT"]["SPO-1"]
        with pytest.raises(ServiceError, match=r"1 of 2 products failed, the first SPO-1: .*404"):
            fetch(acquire, found, tmp_path)
        assert not (tmp_path / "archive" / "stations" / "collection.json").exists()
        listed = json.loads((tmp_path / "manifest" / "failed_stations.json").read_text())
        assert [failure["id"] for failure in listed["failed"]] == ["SPO-1"]
        lenient = acquire.model_copy(update={"missing": 0.5})
        fetch(lenient, found, tmp_path)
    assert read_stations(tmp_path / "archive", Landuse(), PERIOD)["no2"].tolist() == [6.0]


def test_without_the_viewer_the_frozen_table_serves(tmp_path, caplog):
    columns = {
        "Countrycode": "AT", "AirQualityStation": "STA-1", "SamplingPoint": "SPO-1",
        "AirPollutantCode": NO2, "ObservationDateBegin": "2010-01-01T00:00:00",
        "ObservationDateEnd": "", "Longitude": 16.3, "Latitude": 48.2, "Altitude": 9,
        "AirQualityStationType": "traffic", "AirQualityStationArea": "urban", "Timezone": "x",
    }  # fmt: skip
    frozen = pd.DataFrame([columns]).to_csv(sep="\t", index=False).encode()
    with eea_service({2: {"AT": {"SPO-1": parquet("SPO-1", 5)}}}, frozen=frozen) as server:
        fetched(server, tmp_path)
    assert "the frozen table is used" in caplog.text
    assert read_places(tmp_path / "manifest")["site_id"].tolist() == ["STA-1"]


@pytest.mark.parametrize(
    ("table", "files", "fault"),
    [
        (b"<html>maintenance</html>", {"SPO-1": b""}, "neither PanEuropean_metadata"),
        (viewer(row(lon=1.0)), {"SPO-1": b""}, "no station of AT in the box"),
        (viewer(row()), {"SPO-2": b""}, "none of 1 sampling points has a file in the verified"),
    ],
)
def test_answers_that_are_none(tmp_path, table, files, fault):
    with eea_service({2: {"AT": files}}, table) as server, pytest.raises(ServiceError, match=fault):
        fetched(server, tmp_path)
    assert not list(tmp_path.rglob("eea_table*"))


def test_another_table_beside_the_manifest_is_refused(tmp_path):
    with eea_service({2: {"AT": {"SPO-1": parquet("SPO-1", 5)}}}, viewer(row())) as server:
        acquire = asking(server)
        found = search(acquire, PERIOD, tmp_path / "manifest")
        with open(tmp_path / "manifest" / "stations.tsv", "a") as table:
            table.write("AT\n")
        with pytest.raises(ArchiveError, match=r"stations\.tsv: not the station table that"):
            fetch(acquire, found, tmp_path)
