"""Searches of a small DHuS hub by sentinelsat."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from urllib3 import HTTPResponse

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search import dhus
from mmaq.acquire.search.sentinel2 import search_scenes
from mmaq.acquire.search.sentinel5p import search_granules
from mmaq.acquire.services.limits import LONGEST
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from tests.acquire.search.conftest import table
from tests.acquire.search.made_up import granule_name
from tests.servers.dhus import PASSWORD, USER, HubEntry, hub
from tests.servers.faulty import Stall, Status, faulty

JULY = Period(start="2021-07-01", end="2021-07-31")
AREA = "POLYGON ((-10 20, 20 20, 20 70, -10 70, -10 20))"


@pytest.fixture(autouse=True)
def account(monkeypatch):
    monkeypatch.setenv("DHUS_USERNAME", USER)
    monkeypatch.setenv("DHUS_PASSWORD", PASSWORD)


@pytest.fixture
def served(tmp_path):
    """A hub of one granule; a test may put others in its place."""
    with hub([granule(tmp_path, 1)], tmp_path) as running:
        yield running


def granule(folder, number, **changes):
    name = granule_name(orbit=number)
    file = folder / f"{name}.nc"
    file.write_bytes(b"granule")
    begin = "2021-07-01T11:00:00.000Z"
    given = {"platform": "Sentinel-5 Precursor", "product_type": "L2__NO2___", "begin": begin,
             "footprint": AREA, "file": file} | changes  # fmt: skip
    return HubEntry(f"0000-{number}", name, **given)


def scene(folder, day, cloud):
    name = f"S2A_MSIL2A_202107{day:02d}T104021_N0500_R008_T31UGR_20230101T000000"
    file = folder / f"{name}.zip"
    file.write_bytes(b"zip")
    begin = f"2021-07-{day:02d}T10:40:21.024Z"
    return HubEntry(f"1111-{day}", name, "Sentinel-2", "S2MSI2A", begin, AREA, file, cloud)


def granules(served):
    asked = {"endpoints": {"dhus": served.server.url}, "sentinel5p": {"provider": "dhus"}}
    return search_granules(Acquire(**asked), JULY)


def test_granules_with_size_and_sum(served, tmp_path):
    late = granule(tmp_path, 2, begin="2021-08-01T11:00:00.000Z")
    archived = granule(tmp_path, 3, online=False)
    served.entries += [late, archived]
    served.server.script("/search", Status(503, {"Retry-After": "0"}))
    manifest = granules(served)
    (product,) = manifest.products
    assert product.id == granule_name(orbit=1)
    file = product.files["product"]
    assert file.href == f"{served.server.url}/odata/v1/Products('0000-1')/$value"
    assert (file.bytes, file.md5) == (7, hashlib.md5(b"granule").hexdigest())
    assert PASSWORD not in manifest.model_dump_json()
    reason = "it is in the hub's long-term archive, not online"
    assert manifest.left_out == (LeftOut(id=granule_name(orbit=3), reason=reason),)


@pytest.mark.slow
def test_all_pages_and_one_that_repeats(served, tmp_path):
    served.entries = [granule(tmp_path, number) for number in range(1, 131)]
    assert len(granules(served).products) == 130
    served.repeats = True
    with pytest.raises(ServiceError, match="lists 100 products where it says it has 130"):
        granules(served)


def test_whole_scenes_by_cloud(served, tmp_path):
    served.entries = [scene(tmp_path, 1, 5.0), scene(tmp_path, 6, 61.0), scene(tmp_path, 11, 1.0)]
    asked = {"endpoints": {"dhus": served.server.url}, "sentinel2": {"provider": "dhus"}}
    manifest = search_scenes(Acquire(**asked), JULY, table(("one", 6.1, 49.6)), 320.0)
    assert [product.id[:26] for product in manifest.products] == [
        "S2A_MSIL2A_20210711T104021", "S2A_MSIL2A_20210701T104021",
    ]  # fmt: skip
    assert manifest.products[0].properties["eo:cloud_cover"] == 1.0


def test_what_begins_after_the_last_day_is_not_in_the_period(served, tmp_path):
    title = "S2A_MSIL2A_20210801T000000_N0500_R008_T31UGR_20230101T000000"
    begin = "2021-08-01T00:00:00.000Z"
    last = scene(tmp_path, 31, 5.0)
    served.entries = [last, replace(last, uuid="1111-32", title=title, begin=begin)]
    asked = {"endpoints": {"dhus": served.server.url}, "sentinel2": {"provider": "dhus"}}
    manifest = search_scenes(Acquire(**asked), JULY, table(("one", 6.1, 49.6)), 320.0)
    assert [product.id for product in manifest.products] == [last.title]


def test_a_hub_that_falls_silent_is_given_up(served, monkeypatch):
    monkeypatch.setattr(dhus, "TIMEOUT", (5.0, 0.2))
    served.server.always["/search"] = Stall(2, 1.5)
    with pytest.raises(ServiceError, match=r"cannot be reached \(ConnectionError\)"):
        granules(served)


def test_a_hub_is_waited_for_as_long_as_any_other_service():
    answers = [HTTPResponse(headers={"Retry-After": text}) for text in ("5", "86400", "soon")]
    assert [dhus.TRIES.get_retry_after(answer) for answer in answers] == [5.0, LONGEST, None]


def test_what_is_no_hub_or_refuses(served, monkeypatch):
    served.server.script("/search", Status(200, {}, b"{}"))
    with pytest.raises(ServiceError, match=r"answers with a fault \(ServerError\)"):
        granules(served)
    with pytest.raises(ServiceError, match="this hub was closed in 2023"):
        search_granules(Acquire(sentinel5p={"provider": "dhus"}), JULY)
    monkeypatch.setenv("DHUS_PASSWORD", "another secret word")
    with pytest.raises(ServiceError, match="refuses the account") as error:
        granules(served)
    assert "secret" not in str(error.value)
    monkeypatch.delenv("DHUS_PASSWORD")
    with pytest.raises(ServiceError, match="Set DHUS_USERNAME and DHUS_PASSWORD"):
        granules(served)


def test_no_password_follows_a_redirect_to_another_host(served, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("default login any password leaked\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with faulty(tmp_path) as other:
        away = Status(307, {"Location": f"{other.url.replace('127.0.0.1', 'localhost')}/search"})
        served.server.always["/search"] = away
        with pytest.raises(ServiceError):
            granules(served)
        assert other.log
        assert {asked.headers.get("authorization") for asked in other.log} == {None}
