"""Searches of a small DHuS hub by sentinelsat."""

from __future__ import annotations

import hashlib

import pytest

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.sentinel2 import search_scenes as find_scenes
from mmaq.acquire.search.sentinel5p import search_granules as find_granules
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from tests.acquire.search.conftest import table
from tests.acquire.search.made_up import granule_name
from tests.servers.dhus import PASSWORD, USER, HubEntry, hub
from tests.servers.faulty import Status, faulty

JULY = Period(start="2021-07-01", end="2021-07-31")
AREA = "POLYGON ((-10 20, 20 20, 20 70, -10 70, -10 20))"
SITES = table(("one", 6.1, 49.6))


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setenv("DHUS_USERNAME", USER)
    monkeypatch.setenv("DHUS_PASSWORD", PASSWORD)


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
    return find_granules(Acquire(**asked), JULY)


@pytest.mark.usefixtures("account")
def test_granules_with_size_and_sum(tmp_path):
    late = granule(tmp_path, 2, begin="2021-08-01T11:00:00.000Z")
    with hub([granule(tmp_path, 1), late], tmp_path) as served:
        manifest = granules(served)
    (product,) = manifest.products
    assert product.id == granule_name(orbit=1)
    file = product.files["product"]
    assert file.href == f"{served.server.url}/odata/v1/Products('0000-1')/$value"
    assert (file.bytes, file.md5) == (7, hashlib.md5(b"granule").hexdigest())
    assert PASSWORD not in manifest.model_dump_json()


@pytest.mark.slow
@pytest.mark.usefixtures("account")
def test_all_pages(tmp_path):
    with hub([granule(tmp_path, number) for number in range(1, 131)], tmp_path) as served:
        assert len(granules(served).products) == 130


@pytest.mark.usefixtures("account")
def test_a_page_that_repeats_is_a_named_failure(tmp_path):
    with hub([granule(tmp_path, number) for number in range(1, 131)], tmp_path) as served:
        served.repeats = True
        with pytest.raises(ServiceError, match="lists 100 products where it says it has 130"):
            granules(served)


@pytest.mark.usefixtures("account")
def test_the_long_term_archive_is_left_out(tmp_path):
    entries = [granule(tmp_path, 1), granule(tmp_path, 2, online=False)]
    with hub(entries, tmp_path) as served:
        manifest = granules(served)
    reason = "it is in the hub's long-term archive, not online"
    assert manifest.left_out == (LeftOut(id=granule_name(orbit=2), reason=reason),)
    assert len(manifest.products) == 1


@pytest.mark.usefixtures("account")
def test_whole_scenes_by_cloud(tmp_path):
    entries = [scene(tmp_path, 1, 5.0), scene(tmp_path, 6, 61.0), scene(tmp_path, 11, 1.0)]
    with hub(entries, tmp_path) as served:
        asked = {"endpoints": {"dhus": served.server.url}, "sentinel2": {"provider": "dhus"}}
        manifest = find_scenes(Acquire(**asked), JULY, SITES, 320.0)
    assert [product.id[:26] for product in manifest.products] == [
        "S2A_MSIL2A_20210711T104021", "S2A_MSIL2A_20210701T104021",
    ]  # fmt: skip
    assert manifest.products[0].properties["eo:cloud_cover"] == 1.0


@pytest.mark.usefixtures("account")
def test_a_busy_hub_is_asked_again(tmp_path):
    with hub([granule(tmp_path, 1)], tmp_path) as served:
        served.server.script("/search", Status(503, {"Retry-After": "0"}))
        assert len(granules(served).products) == 1


@pytest.mark.usefixtures("account")
def test_what_is_no_hub(tmp_path):
    with hub([granule(tmp_path, 1)], tmp_path) as served:
        served.server.script("/search", Status(200, {}, b"{}"))
        with pytest.raises(ServiceError, match=r"answers with a fault \(ServerError\)"):
            granules(served)


def test_a_refused_account(tmp_path, monkeypatch):
    monkeypatch.setenv("DHUS_USERNAME", USER)
    monkeypatch.setenv("DHUS_PASSWORD", "another secret word")
    with (
        hub([granule(tmp_path, 1)], tmp_path) as served,
        pytest.raises(ServiceError, match="refuses the account") as error,
    ):
        granules(served)
    assert "secret" not in str(error.value)


def test_no_account(tmp_path):
    with (
        hub([], tmp_path) as served,
        pytest.raises(ServiceError, match="Set DHUS_USERNAME and DHUS_PASSWORD"),
    ):
        granules(served)


def test_the_closed_hub(account):
    with pytest.raises(ServiceError, match="this hub was closed in 2023"):
        find_granules(Acquire(sentinel5p={"provider": "dhus"}), JULY)


@pytest.mark.usefixtures("account")
def test_no_password_follows_a_redirect_to_another_host(tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("default login any password leaked\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with hub([granule(tmp_path, 1)], tmp_path) as served, faulty(tmp_path) as other:
        away = Status(307, {"Location": f"{other.url.replace('127.0.0.1', 'localhost')}/search"})
        served.server.always["/search"] = away
        with pytest.raises(ServiceError):
            granules(served)
        assert other.log
        assert [asked.headers.get("authorization") for asked in other.log] == [None] * len(
            other.log
        )
