"""Whole Sentinel-2 products: a zip of a SAFE, or its files one by one."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import datetime, timezone

import pytest

from mmaq.acquire.manifest import Manifest, RemoteProduct, write_manifest
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.stage import fetch_sentinel2
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Patches
from mmaq.contracts.archive import SENTINEL2, read_collection
from mmaq.vocabulary import BANDS
from tests.acquire.fetch.conftest import tree
from tests.acquire.files.made_up import PRODUCT, write_raster


@pytest.fixture
def safe(tmp_path):
    """A product as the services unpack it: bands by resolution below GRANULE."""
    folder = tmp_path / "served" / f"{PRODUCT}.SAFE" / "GRANULE" / "L2A" / "IMG_DATA"
    for band in (*BANDS, "SCL"):
        size = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60}.get(band, 20)
        write_raster(folder / f"R{size}m" / f"T32UNE_20210603T103629_{band}_{size}m.tif")
    return tmp_path / "served" / f"{PRODUCT}.SAFE"


@pytest.fixture
def zipped(safe):
    path = safe.parent / "value"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(safe.rglob("*.tif")):
            archive.write(file, file.relative_to(safe.parent))
    return path


def run(tmp_path, server, files, folder="data"):
    manifest = Manifest(
        collection=SENTINEL2, service="dhus", asked={},
        products=(RemoteProduct(id=PRODUCT, time=datetime(2021, 6, 3, tzinfo=timezone.utc),
                                bbox=(9, 53, 10, 54), files=files),),
    )  # fmt: skip
    home = tmp_path / folder
    write_manifest(home / "manifest" / "m.json", manifest)
    (home / "manifest" / "sites.csv").write_text("site_id,lon,lat\na,9.5,53.2\n")
    fetch_sentinel2(
        manifest=home / "manifest" / "m.json",
        sites=home / "manifest" / "sites.csv",
        config=Acquire(endpoints={"dhus": server.url}),
        patches=Patches(),
        archive=home / "archive",
        workers=2,
    )
    return home / "archive"


@pytest.fixture(autouse=True)
def _account(monkeypatch, server, tmp_path):
    monkeypatch.setenv("DHUS_USERNAME", "someone")
    monkeypatch.setenv("DHUS_PASSWORD", "averysecretword")
    server.folder = tmp_path / "served"


def test_a_zip_is_unpacked_and_catalogued(tmp_path, server, zipped):
    remote = RemoteFile(
        href=f"{server.url}/value", md5=hashlib.md5(zipped.read_bytes()).hexdigest()
    )
    archive = run(tmp_path, server, {"product": remote})
    (product,) = read_collection(archive, SENTINEL2)
    assert product.id == PRODUCT
    assert set(product.assets) == {*BANDS, "SCL"}
    for asset in product.assets.values():
        asset.verify()
        assert asset.path.is_relative_to(archive)
    assert product.properties["s2:processing_baseline"] == "03.00"
    assert product.properties["boa_offset"] == 0
    assert not list((tmp_path / "data").rglob("*.zip"))
    before = tree(archive)
    server.log.clear()
    assert tree(run(tmp_path, server, {"product": remote})) == before
    assert server.log == []


def test_files_one_by_one_give_the_same_product(tmp_path, server, safe, zipped):
    files = {
        f"{path.stem}": RemoteFile(href=f"{server.url}/{path.relative_to(safe.parent)}")
        for path in sorted(safe.rglob("*.tif"))
    }
    (single,) = read_collection(run(tmp_path, server, files, "single"), SENTINEL2)
    remote = RemoteFile(href=f"{server.url}/value")
    (whole,) = read_collection(run(tmp_path, server, {"product": remote}), SENTINEL2)
    assert {n: a.sha256 for n, a in single.assets.items()} == {
        n: a.sha256 for n, a in whole.assets.items()
    }
    assert single.properties == whole.properties


def test_a_product_that_lacks_bands_is_named_and_fetched_again(tmp_path, server, safe):
    path = safe.parent / "value"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(safe.rglob("*.tif"))[2:]:
            archive.write(file, file.relative_to(safe.parent))
    remote = RemoteFile(href=f"{server.url}/value")
    with pytest.raises(ServiceError, match=r"the scene lacks .* of the 12 Level-2A bands"):
        run(tmp_path, server, {"product": remote})
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(safe.rglob("*.tif")):
            archive.write(file, file.relative_to(safe.parent))
    assert len(read_collection(run(tmp_path, server, {"product": remote}), SENTINEL2)) == 1


def test_a_page_instead_of_a_zip_is_named_and_fetched_again(tmp_path, server, zipped):
    content = zipped.read_bytes()
    (tmp_path / "served" / "value").write_bytes(b"<html>maintenance</html>")
    with pytest.raises(ServiceError, match="not a sound zip"):
        run(tmp_path, server, {"product": RemoteFile(href=f"{server.url}/value")})
    assert not (tmp_path / "data" / "archive" / SENTINEL2 / PRODUCT).exists()
    zipped.write_bytes(content)
    run(tmp_path, server, {"product": RemoteFile(href=f"{server.url}/value")})
