"""A map of stations in a table, without an archive: rasters describe the cells, the sea is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin

from mmaq.base.errors import ConfigError, ProductError
from mmaq.config.data import Covariates, Landuse, Patches, Period
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.map import Area, Map
from mmaq.contracts.sites import write_sites
from mmaq.landuse.published import describe_anywhere
from mmaq.map.stage import _tell_lacking, map_area, map_page
from mmaq.patches.stage import patches
from mmaq.predict.stage import fit
from tests.estimators.stations_made_up import TINY

WEST, NORTH, STEP = 8.0, 49.0, 0.1
SEA = 8.5
"""Longitude west of which the raster of heights has no data."""


class Data:
    """Fifty stations whose NO2 falls with height, and rasters of height and wind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)
        lon = WEST + STEP * (np.arange(40) + 0.5)
        self.height = np.tile(np.where(lon < SEA, np.nan, 100.0 * (lon - WEST)), (40, 1))
        wind = rng.uniform(1.0, 6.0, (40, 40))
        self.landuse = Landuse(
            covariates=Covariates(
                rasters={"height": self._write("height", self.height),
                         "wind": self._write("wind", wind)}
            )
        )  # fmt: skip
        places = pd.DataFrame({"site_id": [f"S{number:02d}" for number in range(50)]})
        places["lon"] = rng.uniform(SEA + 0.1, 11.9, 50)
        places["lat"] = rng.uniform(45.1, 48.9, 50)
        places["country"] = "DE"
        places["background"], places["traffic"], places["industrial"] = 1.0, 0.0, 0.0
        places["altitude"], places["population_density"] = 9.0, 9.0
        places["no2"] = 40.0 - 0.08 * 100.0 * (places["lon"] - WEST) + rng.normal(0, 0.5, 50)
        described, sources = describe_anywhere(places, self.landuse.covariates)
        self.sites, self.store = folder / "sites.parquet", folder / "patches"
        write_sites(described, self.sites, sources)
        patches(archive=None, sites=self.sites, l3=None, config=Patches(), out=self.store,
                workers=1)  # fmt: skip
        self.area = Area(
            name="here", bbox=(8.2, 46.0, 9.4, 47.0), resolution_m=10_000,
            land=self.landuse.covariates.rasters["height"],
        )  # fmt: skip

    def _write(self, name: str, values: np.ndarray) -> str:
        path = self.folder / f"{name}.tif"
        profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "float32"}
        where = from_origin(WEST, NORTH, STEP, STEP)
        with rasterio.open(path, "w", **profile, crs=4326, transform=where) as file:
            file.write(values.astype("f4"), 1)
        return str(path)

    def fit(self, method: str) -> Path:
        out = self.folder / f"{method}.safetensors"
        fit(
            sites=self.sites, store=self.store, checkpoint=None, encoders=TINY,
            evaluate=Evaluate(seeds=(0,), folds=3, threads=1),
            config=Predict(method=method, split="random"), chosen=None, out=out,
        )  # fmt: skip
        return out

    def map(self, estimator: Path, **given: object) -> Path:
        out = self.folder / "map" / "here.tif"
        arguments = {
            "area": self.area, "config": Map(), "archive": None, "l3": None,
            "estimator": estimator, "landuse": self.landuse, "patches": Patches(),
            "period": Period(), "threads": 1, "workers": 1, "work": self.folder / "work",
            "out": out,
        }  # fmt: skip
        map_area(**{**arguments, **given})
        return out


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Data(tmp_path_factory.mktemp("published_map"))


def test_what_cells_lack_is_one_line(caplog):
    names = ["cells", "coast", "covariate_wind", "road_distance"]
    _tell_lacking([pd.Series([3, 1, 2, 3], names), pd.Series([2, 1, 0, 2], names)])
    assert [record.message for record in caplog.records] == [
        "of 5 cells, 2 lack coast, covariate_wind"
    ]


def test_land_is_mapped_as_its_rasters_say_and_the_sea_is_not(data):
    estimator = data.fit("gbm_context_kriging_map")
    with rasterio.open(data.map(estimator)) as file:
        bands = dict(zip(file.descriptions, file.read(), strict=True))
        rows, columns = np.indices(file.shape)
        x, y = file.xy(rows.ravel(), columns.ravel())
        lon, lat = Transformer.from_crs(3035, 4326, always_xy=True).transform(x, y)
        sources = file.tags()["sources"]
    assert sources == "geonames, height.tif, wind.tif"
    lon, lat = np.reshape(lon, rows.shape), np.reshape(lat, rows.shape)
    west, south, east, north = data.area.bbox
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    assert (np.isfinite(bands["no2"]) == (inside & (lon >= SEA))).all()
    known = np.isfinite(bands["no2"])
    error = bands["no2"] - (40.0 - 8.0 * (lon - WEST))
    assert np.sqrt(np.mean(error[known] ** 2)) < 1.5
    assert set(bands["inputs"][known]) == {1.0}
    assert (bands["low"][known] <= bands["high"][known]).all()
    assert np.isfinite(bands["dissimilarity"][known]).all()
    page = data.folder / "here.html"
    map_page(
        area=data.area, raster=data.folder / "map" / "here.tif", archive=None,
        estimator=estimator, period=Period(), sites=data.sites, table=None, exposed=None,
        compared=None, evaluate=Evaluate(), out=page,
    )  # fmt: skip
    assert "geonames, height.tif, wind.tif" in page.read_text()
    for change in ({"resolution_m": 5_000}, {"bbox": (8.2, 46.0, 9.4, 47.3)}):
        with pytest.raises(ProductError, match=r"here\.tif: the map is of another box or resol"):
            map_page(
                area=data.area.model_copy(update=change), raster=data.folder / "map" / "here.tif",
                archive=None, estimator=estimator, period=Period(), sites=data.sites, table=None,
                exposed=None, compared=None, evaluate=Evaluate(), out=data.folder / "no.html",
            )  # fmt: skip
    assert not (data.folder / "no.html").exists()


def test_an_estimator_that_reads_what_no_cell_has_is_refused(data):
    with pytest.raises(ConfigError, match="ridge reads table, which a published table knows"):
        data.map(data.fit("ridge"))
