"""Pages of the OData catalogue: all of them, spans that hold too many, and pages with faults."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search import odata
from mmaq.acquire.search.odata import list_products
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from tests.acquire.search.made_up import LUXEMBOURG
from tests.servers.data_space import Entry, data_space
from tests.servers.faulty import Answer, faulty

FIRST = datetime(2021, 7, 1, tzinfo=timezone.utc)
LAST = FIRST + timedelta(days=10)
AREA = "POLYGON((-10 20, 20 20, 20 70, -10 70, -10 20))"


def entries(folder, count):
    file = folder / "one.nc"
    file.write_bytes(b"one")
    moments = [FIRST + timedelta(hours=2 * number) for number in range(count)]
    return [
        Entry(f"{number}.nc", file, "SENTINEL-5P", "L2__NO2___", f"{time:%Y-%m-%dT%H:%M:%S}.000Z",
              f"{time:%Y-%m-%dT%H:%M:%S}.000Z", AREA, {"orbitNumber": number})
        for number, time in enumerate(moments)
    ]  # fmt: skip


def listed(url, first=FIRST, last=LAST):
    with Client(service("cdse-catalogue", {"cdse-catalogue": url})) as client:
        return list(list_products(client, "SENTINEL-5P", "L2__NO2___", LUXEMBOURG, first, last))


def test_all_pages(tmp_path):
    with data_space(entries(tmp_path, 30), tmp_path) as space:
        space.page = 7
        names = [found.name for found in listed(space.endpoints["cdse-catalogue"])]
    assert names == [f"{number}.nc" for number in range(30)]


def test_the_data_space_of_the_tests_answers_as_the_recorded_one_did(tmp_path, recorded):
    other = recorded("cdsetool_s1_odata_page_1.json")
    with data_space(entries(tmp_path, 3), tmp_path) as space:
        at = service("cdse-catalogue", space.endpoints)
        asked = {"$filter": "Collection/Name eq 'SENTINEL-5P'", "$top": 2, "$count": "true"}
        ours = Client(at).get_json(f"{at.url}/Products", {**asked, "$expand": "Attributes"})
    assert set(ours) == set(other)
    one, recorded_one = ours["value"][0], other["value"][0]
    assert set(one) == set(recorded_one)
    assert [part["Algorithm"] for part in one["Checksum"]] == ["MD5", "BLAKE3"]
    for name in ("Checksum", "Attributes"):
        assert set(one[name][0]) == set(recorded_one[name][0])
    assert set(one["ContentDate"]) == set(recorded_one["ContentDate"])


def test_ends_of_the_span_and_the_area(tmp_path):
    with data_space(entries(tmp_path, 24), tmp_path) as space:
        at = space.endpoints["cdse-catalogue"]
        names = [found.name for found in listed(at, FIRST, FIRST + timedelta(hours=4))]
        assert names == ["0.nc", "1.nc"]
        with Client(service("cdse-catalogue", {"cdse-catalogue": at})) as client:
            away = (100.0, 0.0, 101.0, 1.0)
            assert not list(list_products(client, "SENTINEL-5P", "L2__NO2___", away, FIRST, LAST))
            assert not list(
                list_products(client, "SENTINEL-2", "L2__NO2___", LUXEMBOURG, FIRST, LAST)
            )


def test_a_span_with_too_many_is_halved(tmp_path, monkeypatch):
    monkeypatch.setattr(odata, "MOST", 8)
    with data_space(entries(tmp_path, 30), tmp_path) as space:
        names = [found.name for found in listed(space.endpoints["cdse-catalogue"])]
    assert names == [f"{number}.nc" for number in range(30)]


def test_a_minute_with_too_many_is_a_named_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(odata, "MOST", 1)
    same = [Entry(f"{n}.nc", *list(vars(entries(tmp_path, 1)[0]).values())[1:]) for n in range(2)]
    with data_space(same, tmp_path) as space:
        at = space.endpoints["cdse-catalogue"]
        with pytest.raises(ServiceError, match="lists more than 1 products from one minute"):
            listed(at)


def page(*names, **more):
    values = [
        {"Id": name, "Name": name, "ContentDate": {"Start": "2021-07-01T11:00:00.000000Z"},
         "GeoFootprint": None, "Footprint": f"geography'SRID=4326;{AREA}'"}
        for name in names
    ]  # fmt: skip
    return {"value": values, **more}


@pytest.mark.parametrize(
    ("pages", "fault"),
    [
        ([{"@odata.nextLink": "?p=1"}, {"@odata.nextLink": "?p=0"}], "page 3 of the list repeats"),
        ([{"@odata.count": 3}], "lists 1 items where it says it has 3"),
    ],
)
def test_pages_with_faults(tmp_path, pages, fault):
    def answer(asked):
        number = int(asked.query.get("p", ["0"])[0])
        extra = dict(pages[number])
        if "@odata.nextLink" in extra:
            extra["@odata.nextLink"] = f"{server.url}/Products{extra['@odata.nextLink']}"
        return Answer.json(page(f"product {number}", **extra))

    with faulty(tmp_path, answer) as server, pytest.raises(ServiceError, match=fault) as error:
        listed(server.url)
    assert str(error.value).startswith(f"cdse-catalogue ({server.url}): ")


def test_what_is_no_page(tmp_path):
    for broken in ({"value": None}, [], {"value": [{}]}):
        with (
            faulty(tmp_path, lambda asked, broken=broken: Answer.json(broken)) as server,
            pytest.raises(ServiceError, match="page 1 of the list is no page of OData"),
        ):
            listed(server.url)


def test_a_count_that_is_no_number_counts_nothing(tmp_path):
    value = page("there", **{"@odata.count": "3"})
    with faulty(tmp_path, lambda asked: Answer.json(value)) as server:
        assert [found.name for found in listed(server.url)] == ["there"]


def test_entries_that_are_left_out(tmp_path):
    value = page("archived", "undated", "there")
    value["value"][0]["Online"] = False
    del value["value"][1]["ContentDate"]
    with faulty(tmp_path, lambda asked: Answer.json(value)) as server:
        archived, undated, there = listed(server.url)
    assert archived == LeftOut(id="archived", reason="it is archived, not online")
    assert undated == LeftOut(
        id="undated", reason="its entry cannot be read (KeyError('ContentDate'))"
    )
    assert there.footprint.bounds == (-10, 20, 20, 70)
