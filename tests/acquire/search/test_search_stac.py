"""Searches of a real STAC API (rustac), and of pages with faults."""

from __future__ import annotations

import pytest

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.items import read_or_leave
from mmaq.acquire.search.scenes import read_scene
from mmaq.acquire.search.stac import collection_ids, search_items, stac_service
from mmaq.acquire.services.client import Client
from mmaq.base.errors import ServiceError
from mmaq.config.data import Period
from tests.acquire.search.made_up import LUXEMBOURG, c1_item
from tests.servers.faulty import Answer, faulty
from tests.servers.stac import paged, stac_api

C1 = ["sentinel-2-c1-l2a"]
JULY = Period(start="2021-07-01", end="2021-07-31")
QUERY = "https://api.stacspec.org/v1.0.0/item-search#query"
FILTER = "https://api.stacspec.org/v1.0.0/item-search#filter"


def found(api, period=JULY, conditions=None, bbox=LUXEMBOURG):
    at = stac_service("earth-search", {"earth-search": api.url})
    with Client(at, patience=5.0) as client:
        return [item["id"] for item in search_items(client, C1, bbox, period, conditions or {})]


def items(count, **changes):
    return [
        c1_item(f"S2A_T31UGR_2021070{1 + i % 9}T104021_{i:03d}", **changes) for i in range(count)
    ]


def test_all_pages_of_a_real_server(tmp_path):
    with stac_api(items(250), tmp_path) as api:
        assert sorted(found(api)) == sorted(item["id"] for item in items(250))
        assert len(api.server.asked("/search")) == 3  # pages of 100


def test_area_period_and_collection(tmp_path):
    served = [
        c1_item("inside"), c1_item("elsewhere", bounds=(10.0, 45.0, 11.0, 46.0)),
        c1_item("later", time="2021-08-01T00:00:01Z"),
        c1_item("on_the_last_day", time="2021-07-31T23:59:58Z"),
        c1_item("in_its_last_second", time="2021-07-31T23:59:59.024Z"),
        c1_item("other", collection="sentinel-2-l2a"),
    ]  # fmt: skip
    with stac_api(served, tmp_path) as api:
        assert sorted(found(api)) == ["in_its_last_second", "inside", "on_the_last_day"]
        both = Period(start="2021-07-01", end="2021-08-31")
        expected = ["in_its_last_second", "inside", "later", "on_the_last_day"]
        assert sorted(found(api, both)) == expected


def test_conditions_hold_where_the_server_knows_none(tmp_path):
    served = [c1_item("clear", cloud=60.0), c1_item("cloudy", cloud=60.1), c1_item("?", cloud=None)]
    with stac_api(served, tmp_path) as api:
        assert sorted(found(api, conditions={"eo:cloud_cover": ("lte", 60.0)})) == ["?", "clear"]


@pytest.mark.parametrize(
    ("conforms", "sent"),
    [
        (QUERY, {"query": {"eo:cloud_cover": {"lte": 60}}}),
        (
            FILTER,
            {
                "filter-lang": "cql2-json",
                "filter": {
                    "op": "and",
                    "args": [{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 60]}],
                },
            },
        ),
    ],
)
def test_conditions_in_the_server_s_language(tmp_path, conforms, sent):
    import json

    with paged([{"features": []}], tmp_path, [conforms]) as api:
        assert found(api, conditions={"eo:cloud_cover": ("lte", 60)}) == []
        body = json.loads(api.server.asked("/search")[0].body)
    assert sent.items() <= body.items()


def test_a_page_that_repeats_is_a_named_failure(tmp_path):
    loop = [{"features": items(2), "next": 1}, {"features": items(4)[2:], "next": 0}]
    with paged(loop, tmp_path) as api, pytest.raises(ServiceError) as error:
        found(api)
    assert f"earth-search ({api.url}): page 3 of the list repeats an earlier one." in str(
        error.value
    )


def test_known_items_under_a_new_address_are_a_repeat(tmp_path):
    pages = [{"features": items(2), "next": 1}, {"features": items(2), "next": 2}]
    with paged(pages, tmp_path) as api, pytest.raises(ServiceError, match="page 2 of the list"):
        found(api)


def test_an_empty_page_is_not_the_last(tmp_path):
    pages = [{"features": items(1), "next": 1}, {"features": [], "next": 2},
             {"features": items(2)[1:]}]  # fmt: skip
    with paged(pages, tmp_path) as api:
        assert found(api) == [item["id"] for item in items(2)]


def test_fewer_than_stated_is_a_named_failure(tmp_path):
    with (
        paged([{"features": items(2), "numberMatched": 3}], tmp_path) as api,
        pytest.raises(ServiceError, match="lists 2 items where it says it has 3"),
    ):
        found(api)


@pytest.mark.parametrize("page", [{}, {"features": None}, {"features": ["x"]}, {"features": [{}]}])
def test_what_is_no_page(tmp_path, page):
    with (
        paged([page], tmp_path) as api,
        pytest.raises(ServiceError, match="page 1 of the list is no page of STAC"),
    ):
        found(api)


def test_items_without_geometry_and_bbox(tmp_path):
    bare = c1_item("bare", geometry=None)
    del bare["bbox"]
    boxed = c1_item("boxed", geometry=None)
    broken = c1_item("broken", properties={"datetime": "yesterday"})
    with paged([{"features": [bare, boxed, broken]}], tmp_path) as api:
        at = stac_service("earth-search", {"earth-search": api.url})
        with Client(at) as client:
            read = [
                read_or_leave(read_scene, item, "id")
                for item in search_items(client, C1, LUXEMBOURG, JULY, {})
            ]
    assert read[0] == LeftOut(id="bare", reason="the item has neither a geometry nor a bbox")
    assert read[1].footprint.bounds == (5.6, 49.3, 7.2, 50.4)
    assert read[2].reason.startswith("its entry cannot be read (ValueError(")


def test_an_item_whose_property_compares_with_nothing_is_left_out(tmp_path):
    served = [c1_item("text", cloud="12.5"), c1_item("number")]
    with paged([{"features": served}], tmp_path) as api:
        at = stac_service("earth-search", {"earth-search": api.url})
        with Client(at) as client:
            conditions = {"eo:cloud_cover": ("lte", 60.0)}
            text, number = search_items(client, C1, LUXEMBOURG, JULY, conditions)
    assert (text.id, number["id"]) == ("text", "number")
    assert text.reason.startswith("its entry cannot be read (TypeError(")
    assert read_or_leave(read_scene, text, "id") == text


def test_collections_are_listed_over_all_pages(tmp_path):
    pages = [{"collections": [{"id": "a"}], "next": 1}, {"collections": [{"id": "b"}]}]
    with paged(pages, tmp_path) as api:
        at = stac_service("cdse", {"cdse-stac": api.url})
        with Client(at) as client:
            assert collection_ids(client) == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"type": "Nothing"}, "is no STAC service"),
        ({"type": "Catalog", "links": [None]}, "is no STAC service"),
        (
            {"type": "Catalog", "links": None, "conformsTo": None},
            "is a STAC catalogue without a search",
        ),
        (
            {
                "type": "Catalog",
                "stac_version": "1.0.0",
                "id": "a",
                "description": "b",
                "links": [],
            },
            "is a STAC catalogue without a search",
        ),
    ],
)
def test_what_is_no_service(tmp_path, answer, fault):
    with faulty(tmp_path, lambda asked: Answer.json(answer)) as server:
        at = stac_service("earth-search", {"earth-search": server.url})
        with Client(at) as client, pytest.raises(ServiceError, match=fault) as error:
            list(search_items(client, C1, LUXEMBOURG, JULY, {}))
    assert str(error.value).startswith(f"earth-search ({server.url}): ")
