"""The Data Space of the tests answers as the recorded one did."""

import json

import pytest

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from tests.servers.data_space import PASSWORD, USER, Entry, data_space

LUXEMBOURG = "POLYGON((5.7 49.4,6.6 49.4,6.6 50.2,5.7 50.2,5.7 49.4))"
VIENNA = "POLYGON((16 48,17 48,17 49,16 49,16 48))"
AREA = f"OData.CSC.Intersects(area=geography'SRID=4326;{LUXEMBOURG}')"
TYPE = (
    "Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' and "
    "att/OData.CSC.StringAttribute/Value eq '{}')"
)
CLOUD = (
    "Attributes/OData.CSC.DoubleAttribute/any(att:att/Name eq 'cloudCover' and "
    "att/OData.CSC.DoubleAttribute/Value le {})"
)


@pytest.fixture
def space(files, monkeypatch):
    monkeypatch.setenv("CDSE_USERNAME", USER)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    entries = []
    for day in range(1, 6):
        path = files / f"granule{day}.nc"
        path.write_bytes(bytes([day]) * 300_000)
        area = VIENNA if day == 2 else LUXEMBOURG
        moment = f"2024-01-0{day}T10:00:00.000000Z"
        attributes = {"cloudCover": 10.0 * day, "orbitNumber": day}
        kind = "L2__CLOUD_" if day == 3 else "L2__NO2___"
        entries.append(
            Entry(f"S5P_OFFL_{kind}_{day}", path, "SENTINEL-5P", kind, moment, moment, area,
                  attributes)
        )  # fmt: skip
    with data_space(entries, files) as started:
        yield started


def _found(space, text, **options):
    client = Client(service("cdse-catalogue", space.endpoints))
    query = {"$filter": text, **{f"${name}": value for name, value in options.items()}}
    return client.get_json(f"{client.service.url}/Products", query)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Collection/Name eq 'SENTINEL-5P'", "12345"),
        ("Collection/Name eq 'SENTINEL-2'", ""),
        (f"Collection/Name eq 'SENTINEL-5P' and {AREA}", "1345"),
        (f"{AREA} and {TYPE.format('L2__NO2___')}", "145"),
        ("ContentDate/Start ge 2024-01-02T10:00:00Z and ContentDate/Start lt 2024-01-04", "23"),
        ("ContentDate/Start gt 2024-01-02T10:00:00.000Z", "345"),
        (CLOUD.format("20.5"), "12"),
        (f"contains(Name,'OFFL') and not ({TYPE.format('L2__NO2___')})", "3"),
        ("(Name eq 'S5P_OFFL_L2__NO2____1' or startswith(Name,'S5P_OFFL_L2__CLOUD'))", "13"),
    ],
)
def test_the_filters_that_are_used_choose(space, text, days):
    names = [item["Name"][-1] for item in _found(space, text)["value"]]
    assert "".join(names) == days


@pytest.mark.parametrize("text", ["Nme eq 'x'", "Collection/Name eq", "drop table", "1+1"])
def test_a_filter_that_is_not_understood_is_refused(space, text):
    with pytest.raises(ServiceError, match="answers 400"):
        _found(space, text)


def test_pages_follow_each_other_to_the_last(space):
    client = Client(service("cdse-catalogue", space.endpoints))
    page = _found(space, "Collection/Name eq 'SENTINEL-5P'", top=2, count="true")
    assert page["@odata.count"] == 5
    names = [item["Name"] for item in page["value"]]
    while "@odata.nextLink" in page:
        page = client.get_json(page["@odata.nextLink"])
        names += [item["Name"] for item in page["value"]]
    assert [name[-1] for name in names] == list("12345")


def test_its_answers_have_the_fields_of_the_recorded_ones(space, real_data):
    text = (real_data / "apis" / "cdsetool_s1_odata_page_1.json").read_text()
    recorded = json.loads(text)
    options = {"top": 2, "expand": "Attributes", "count": "true"}
    ours = _found(space, "Collection/Name eq 'SENTINEL-5P'", **options)
    assert set(ours) == set(recorded)
    (one, other) = ours["value"][0], recorded["value"][0]
    assert set(one) == set(other)
    assert set(one["Checksum"][0]) == set(other["Checksum"][0])
    assert [part["Algorithm"] for part in one["Checksum"]] == ["MD5", "BLAKE3"]
    assert set(one["Attributes"][0]) == set(other["Attributes"][0])
    assert set(one["ContentDate"]) == set(other["ContentDate"])
