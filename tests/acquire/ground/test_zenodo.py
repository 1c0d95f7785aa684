"""The published data sets: a replica with real rows, served as Zenodo does, read in place."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from mmaq.acquire.ground.zenodo import fetch_zenodo, plan_zenodo
from mmaq.base.errors import ServiceError
from mmaq.config.data import Covariates, Patches, Published
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.landuse.stage import landuse_published as build_published_sites
from mmaq.patches.stage import patches_published as build_published_patches
from tests.run.published_folder import make_folder, random_pixels
from tests.servers.zenodo import zenodo_service

RECORD = "5764262"
COUNT = 6


@pytest.fixture
def replica(tmp_path, real_data):
    """The published layout around real rows: their stations, paths, features and NO2."""
    rng = np.random.default_rng(9)
    made = pd.read_csv(make_folder(tmp_path / "made", random_pixels(COUNT, rng), rng), index_col=0)
    rows = pd.read_csv(real_data / "stations" / "pollutant_ssl.csv", index_col=0).iloc[:COUNT]
    for name, column in (("sentinel-2", "img_path"), ("sentinel-5p", "s5p_path")):
        for generated, real in zip(made[column], rows[column], strict=True):
            target = tmp_path / "replica" / name / real
            target.parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "made" / name / generated).rename(target)
    rows.to_csv(tmp_path / "replica" / "pollutant_ssl.csv")
    return tmp_path / "replica"


def zipped(root, *names, prefix=""):
    """A zip of these folders and files of ``root``."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            for path in sorted((root / name).rglob("*")) or [root / name]:
                if path.is_file():
                    archive.write(path, prefix + str(path.relative_to(root)))
    return made.getvalue()


def built(images, out):
    """Site table and patch store of a folder in the published layout."""
    published = Published(samples=str(images / "pollutant_ssl.csv"), images=str(images))
    build_published_sites(config=published, covariates=Covariates(), out=out / "sites.parquet")
    build_published_patches(
        config=published,
        patches=Patches(s2_size=16, s5p_size=8),
        sites=out / "sites.parquet",
        out=out / "patches",
    )
    files = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return files, read_sites(out / "sites.parquet"), open_store(out / "patches")


LAYOUTS = {
    "one archive": lambda root: {
        "data.zip": zipped(root, "sentinel-2", "sentinel-5p", "pollutant_ssl.csv")
    },
    "one archive with its own name inside": lambda root: {
        "data.zip": zipped(root, "sentinel-2", "sentinel-5p", "pollutant_ssl.csv", prefix="data/")
    },
    "an archive a sensor, their names inside": lambda root: {
        "sentinel-2.zip": zipped(root, "sentinel-2"),
        "sentinel-5p.zip": zipped(root, "sentinel-5p"),
        "pollutant_ssl.csv": (root / "pollutant_ssl.csv").read_bytes(),
    },
    "an archive a sensor": lambda root: {
        "sentinel-2.zip": zipped(root / "sentinel-2", ""),
        "sentinel-5p.zip": zipped(root / "sentinel-5p", ""),
        "pollutant_ssl.csv": (root / "pollutant_ssl.csv").read_bytes(),
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_fetched_is_read_to_the_same_table_and_store(replica, tmp_path, layout):
    with zenodo_service({RECORD: LAYOUTS[layout](replica)}) as server:
        images = fetch_zenodo(RECORD, tmp_path / "published", {"zenodo": server.url})
    right, sites, store = built(replica, tmp_path / "direct")
    found, *_ = built(images, tmp_path / "fetched")
    assert found == right
    rows = pd.read_csv(replica / "pollutant_ssl.csv")
    assert sites["site_id"].tolist() == rows["AirQualityStation"].tolist()
    np.testing.assert_array_equal(sites["no2"], rows["no2"])
    assert (len(store.s2), len(store.s5p)) == (COUNT, COUNT)
    assert not list((tmp_path / "published").rglob("*.zip"))


def test_the_plan_tells_names_and_bytes_and_downloads_nothing(tmp_path):
    files = {"b.zip": b"0123456789", "a.csv": b"x,y\n"}
    with zenodo_service({"5874537": files}) as server:
        plan = plan_zenodo("5874537", {"zenodo": server.url})
        assert server.paths() == ["/api/records/5874537"]
    assert {name: file.bytes for name, file in plan.items()} == {"a.csv": 4, "b.zip": 10}
    assert plan["b.zip"].md5 == "781e5e245d69b566979b86e28d23f2c7"


def test_a_second_run_downloads_nothing(replica, tmp_path):
    files = LAYOUTS["an archive a sensor"](replica)
    with zenodo_service({RECORD: files}) as server:
        for _ in range(2):
            fetch_zenodo(RECORD, tmp_path / "published", {"zenodo": server.url})
        contents = [path for path in server.paths() if path.endswith("/content")]
    assert len(contents) == len(files)


def test_an_archive_that_climbs_out_is_refused(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("../climbed.txt", "out")
    with (
        zenodo_service({RECORD: {"data.zip": made.getvalue()}}) as server,
        pytest.raises(ServiceError, match=r"climbed\.txt.*outside the folder"),
    ):
        fetch_zenodo(RECORD, tmp_path / "published", {"zenodo": server.url})
    assert not list(tmp_path.rglob("climbed.txt"))


@pytest.mark.parametrize(
    ("record", "files", "fault"),
    [
        ("5764262", None, "404"),
        ("10.5281/zenodo.5764262", {}, "not the number of a record"),
        ("5764262", {}, "the record has no open file"),
        ("5764262", {"../up.csv": b"x"}, r"a file is named '\.\./up\.csv'"),
    ],
)
def test_records_that_cannot_be_fetched(tmp_path, record, files, fault):
    records = {} if files is None else {"5764262": files}
    with zenodo_service(records) as server, pytest.raises(ServiceError, match=fault):
        fetch_zenodo(record, tmp_path / "published", {"zenodo": server.url})
    assert not (tmp_path / "published").exists()
