"""A map of a small land: what a cell is given, killed runs, and two tilings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer

from mmaq.base.errors import ConfigError, ProductError
from mmaq.base.files import temporary_of
from mmaq.config.data import Grid, Landuse, Patches, Period
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.map import Area, Map
from mmaq.contracts.sites import read_sites, stations
from mmaq.landuse.stage import landuse
from mmaq.map import stage
from mmaq.map.grid import BATCH
from mmaq.map.stage import exposure, map_area, map_page
from mmaq.patches.stage import patches
from mmaq.predict.stage import fit, predict
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.level3 import write_level3
from tests.estimators.stations_made_up import TINY

CUT = Patches(s2_size=16, s5p_size=4, min_clear=0.5)
NAMES = [
    "no2", "low", "high", "p_above_10", "p_above_20", "p_above_40", "dissimilarity", "inputs",
]  # fmt: skip


class Data:
    """A site table, patches and a fitted estimator of a land, and maps of it."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self.archive, self.folder = archive, folder
        self.l3, self.sites = folder / "l3.nc", folder / "sites.parquet"
        self.store, self.estimator = folder / "patches", folder / "trees.safetensors"
        config = Grid(bbox=(8.0, 52.5, 10.0, 54.0), resolution=0.05)
        sums = Accumulator.empty(RegularGrid.from_config(config))
        rows, columns = sums.grid.shape
        sums.cells["weight"] = np.ones((rows, columns))
        sums.cells["weighted"] = np.add.outer(np.arange(rows), np.arange(columns)) * 1e-6
        sums.units = "mol m-2"
        write_level3(self.l3, sums, config)
        landuse(archive=archive, config=Landuse(), period=Period(), out=self.sites)
        patches(
            archive=archive, sites=self.sites, l3=self.l3, config=CUT, out=self.store, workers=1
        )
        fit(
            sites=self.sites, store=self.store, checkpoint=None, encoders=TINY,
            evaluate=Evaluate(seeds=(0,), folds=3, threads=1),
            config=Predict(method="gbm_pixels", split="random"), chosen=None, out=self.estimator,
        )  # fmt: skip
        self.station = stations(read_sites(self.sites)).iloc[0]
        lon, lat = self.station["lon"], self.station["lat"]
        self.area = Area(
            name="here", bbox=(lon - 0.008, lat - 0.005, lon + 0.008, lat + 0.005), resolution_m=60
        )

    def map(self, name: str, workers: int = 1) -> np.ndarray:
        """The bands of a map, (bands, rows, columns)."""
        map_area(
            area=self.area, config=Map(), archive=self.archive, l3=self.l3,
            estimator=self.estimator, landuse=Landuse(), patches=CUT, period=Period(), threads=1,
            workers=workers, work=self.folder / "work", out=self.path(name),
        )  # fmt: skip
        with rasterio.open(self.path(name)) as file:
            return file.read()

    def path(self, name: str) -> Path:
        return self.folder / name / "here.tif"


@pytest.fixture(scope="module")
def data(land, tmp_path_factory):
    return Data(land.archive, tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="module")
def made(data):
    return data.map("made")


@pytest.mark.slow
def test_the_map_is_a_cloud_optimised_geotiff_that_says_what_it_is(data, made):
    with rasterio.open(data.path("made")) as file:
        assert list(file.descriptions) == NAMES
        assert file.units == ("ug m-3",) * 3 + ("1",) * 5
        assert file.crs.to_epsg() == 3035
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.transform.c % 60, file.transform.f % 60) == (0, 0)
        assert "1 s2+s5p+table+type" in file.tags(8)["about"]
        digest = file.tags()["estimator"]
    item = json.loads(data.path("made").with_suffix(".json").read_text())
    assert item["properties"]["mmaq:estimator"] == digest
    assert [band["name"] for band in item["assets"]["map"]["bands"]] == NAMES
    assert item["properties"]["proj:shape"] == list(made.shape[1:])
    for asset in item["assets"].values():
        assert (data.path("made").parent / asset["href"]).exists()
    assert not (data.folder / "work").exists()


@pytest.mark.slow
def test_the_page_is_made_of_the_map_alone(data, made, tmp_path):
    page = tmp_path / "here.html"
    map_page(
        area=data.area, raster=data.path("made"), archive=data.archive, estimator=data.estimator,
        period=Period(), sites=data.sites, table=None, exposed=None, compared=None,
        evaluate=Evaluate(), out=page,
    )  # fmt: skip
    text = page.read_text()
    for name in NAMES:
        assert f'"name": "{name}"' in text
    assert data.station["site_id"] in text
    assert "How far it is off" not in text, "there is no table, and the truth is not known"


@pytest.mark.slow
def test_what_people_breathe_stands_beside_the_map_and_on_its_page(data, made, tmp_path):
    given = {"area": data.area, "raster": data.path("made"), "archive": data.archive}
    given["estimator"] = data.estimator
    exposure(config=Map(), out=tmp_path / "here.csv", **given)
    table = pd.read_csv(tmp_path / "here.csv")
    assert table["people"].iloc[1:].sum() == pytest.approx(table["people"][0], abs=0.01)
    assert table["people"][0] > 100
    assert table["mean"].between(np.nanmin(made[0]), np.nanmax(made[0])).all()
    map_page(
        period=Period(), sites=data.sites, table=None, exposed=tmp_path / "here.csv",
        compared=None, evaluate=Evaluate(), out=tmp_path / "here.html", **given,
    )  # fmt: skip
    text = (tmp_path / "here.html").read_text()
    assert "Who breathes it" in text
    assert f"<td>{table['people'][0]:,.0f}</td>" in text
    other = tmp_path / "other.safetensors"
    other.write_bytes(data.estimator.read_bytes() + b" ")
    with pytest.raises(ProductError, match=r"here\.tif: it was not made by .*other\.safetensors"):
        exposure(config=Map(), out=tmp_path / "no.csv", **{**given, "estimator": other})
    finer = data.area.model_copy(update={"resolution_m": 50.0})
    with pytest.raises(ProductError, match=r"here\.tif: the map is of another box or resolution"):
        exposure(config=Map(), out=tmp_path / "no.csv", **{**given, "area": finer})
    assert not (tmp_path / "no.csv").exists()


def test_columns_of_the_users_own_come_from_a_raster_or_not_at_all():
    by_site = Landuse(covariates={"file": "own.csv", "columns": ["wind"]})
    raster = Landuse(covariates={"rasters": {"wind": "own.tif"}})
    reads, ignores = (
        [SimpleNamespace(tier=SimpleNamespace(around={"covariates": names}))]
        for names in (["wind"], [])
    )
    assert stage._for_cells(raster, reads) == raster
    assert stage._for_cells(by_site, ignores) == Landuse()
    with pytest.raises(ConfigError, match=r"own\.csv is a table of sites"):
        stage._for_cells(by_site, reads)


@pytest.mark.slow
def test_bands_fit_together(made):
    no2, low, high, *above, unlike, inputs = made.astype(float)
    known = np.isfinite(no2)
    assert known.mean() > 0.8
    bounded = np.isfinite(high)  # few stations calibrate no interval
    assert (low[bounded] <= no2[bounded]).all()
    assert (no2[bounded] <= high[bounded]).all()
    assert (np.diff(np.array(above)[:, bounded], axis=0) <= 0).all()
    assert set(np.unique(inputs[known])) == {1, 3}, "some cells have an image, the others none"
    assert (unlike[known] >= 0).all()


@pytest.mark.slow
def test_a_cell_is_given_what_a_site_there_is_given(data, made, tmp_path):
    """The station's own cell, and `mmaq predict` at the middle of it as a background site."""
    from mmaq.predict.at import cut_places

    to_map = Transformer.from_crs(4326, 3035, always_xy=True)
    x, y = to_map.transform(data.station["lon"], data.station["lat"])
    with rasterio.open(data.path("made")) as file:
        row, column = file.index(x, y)
        middle = file.xy(row, column)
    lon, lat = Transformer.from_crs(3035, 4326, always_xy=True).transform(*middle)
    place = pd.DataFrame({"site_id": ["it"], "lon": [lon], "lat": [lat], "background": [1.0],
                          "traffic": [0.0], "industrial": [0.0]})  # fmt: skip
    table, store = cut_places(
        archive=data.archive, l3=data.l3, places=place, landuse=Landuse(), config=CUT,
        folder=tmp_path,
    )  # fmt: skip
    predict(
        sites=table, store=store, estimator=data.estimator, chosen=None, threads=1,
        out=tmp_path / "it.csv",
    )  # fmt: skip
    found = pd.read_csv(tmp_path / "it.csv").iloc[0]
    np.testing.assert_allclose(
        made[:3, row, column], found[["no2", "low", "high"]].astype(float), rtol=1e-6
    )


@pytest.mark.slow
def test_processes_make_the_same_map_where_trees_have_run_already(data, made, monkeypatch):
    # The fixture has fitted trees in this process: its forks would wait for ever.
    monkeypatch.setattr(stage, "TILE", BATCH)
    np.testing.assert_array_equal(data.map("two", workers=2), made)


@pytest.mark.slow
def test_a_killed_run_makes_the_missing_tiles_and_two_tilings_are_equal(data, made, monkeypatch):
    monkeypatch.setattr(stage, "TILE", BATCH)
    whole, asked = stage.make_tile, []

    def killed(given, tile):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(tile)
        whole(given, tile)

    monkeypatch.setattr(stage, "make_tile", killed)
    with pytest.raises(KeyboardInterrupt):
        data.map("again")
    assert not data.path("again").exists()
    data.path("again").parent.mkdir(exist_ok=True)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, check=True, text=True)  # fmt: skip
    left = temporary_of(data.path("again"), process=int(ended.stdout))
    left.write_bytes(b"what a killed run was writing")
    (kept,) = (data.folder / "work").iterdir()
    times = {path: path.stat().st_mtime_ns for path in kept.glob("*.npy")}
    assert len(times) == 2
    again = []

    def counted(given, tile):
        again.append(tile)
        whole(given, tile)

    monkeypatch.setattr(stage, "make_tile", counted)
    found = data.map("again")
    assert again
    assert not left.exists()
    assert not set(again) & set(asked), "tiles that were made are taken as they are"
    np.testing.assert_array_equal(found, made)
    assert data.path("again").read_bytes() == data.path("made").read_bytes()


def test_a_damaged_tile_of_an_earlier_run_is_named(data, monkeypatch):
    def cut(asked, missing, workers):
        for tile in (tile for held in missing.values() for tile in held):
            asked.path(tile).write_bytes(b"half of a t")

    monkeypatch.setattr(stage, "_make", cut)
    with pytest.raises(ProductError, match=r"\.npy: the file cannot be read .* Remove it"):
        data.map("damaged")
    assert not data.path("damaged").exists()
    shutil.rmtree(data.folder / "work")  # the other maps would take these tiles
