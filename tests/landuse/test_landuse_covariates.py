"""Columns of the user's own in the site table: joined, checked, and never a pollutant."""

import logging

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from mmaq.base.errors import ConfigError, TableError
from mmaq.config.data import Covariates
from mmaq.contracts.sites import covariates_of
from mmaq.landuse.covariates import add_covariates

SITES = pd.DataFrame({"site_id": ["A", "B", "C"], "lon": [10.0, 10.1, 30.0], "lat": 53.0})


def table(path, text):
    path.write_text(text)
    return str(path)


def test_a_table_joins_by_its_key_whatever_its_order(tmp_path, caplog):
    file = table(tmp_path / "own.csv", "id;lights;wind\nB;2,5;7,25\nX;1,5;9\nA;;3,5\n")
    config = Covariates(file=file, key="id", columns=("wind", "lights"))
    with caplog.at_level(logging.WARNING):
        found = add_covariates(SITES, config)
    assert covariates_of(found) == ["covariate_wind", "covariate_lights"]
    np.testing.assert_array_equal(found["covariate_wind"], [3.5, 7.25, np.nan])
    np.testing.assert_array_equal(found["covariate_lights"], [np.nan, 2.5, np.nan])
    assert "knows nothing of 1 of 3 sites" in caplog.text
    assert add_covariates(SITES, Covariates()) is SITES


def test_bands_of_a_raster_join_by_place(tmp_path):
    path = tmp_path / "own.tif"
    profile = {"driver": "GTiff", "width": 20, "height": 20, "count": 2, "dtype": "float32"}
    where = from_origin(9.95, 53.1, 0.01, 0.01)
    with rasterio.open(path, "w", **profile, crs=4326, transform=where) as raster:
        raster.write(np.tile(np.arange(20, dtype="f4"), (20, 1)), 1)
        raster.write(np.full((20, 20), 4.0, "f4"), 2)
        raster.set_band_description(2, "night lights")
    config = Covariates(file=str(path), columns=("night lights", "band1"))
    found = add_covariates(SITES, config)
    np.testing.assert_array_equal(found["covariate_night lights"], [4, 4, np.nan])
    np.testing.assert_array_equal(found["covariate_band1"], [5, 15, np.nan])
    with rasterio.open(path, "r+") as raster:
        raster.units = ("µg m-3", "")
    with pytest.raises(ConfigError, match="pollutant by its unit"):
        add_covariates(SITES, config)
    with pytest.raises(ConfigError, match="no band 'band2' but band1, night lights"):
        add_covariates(SITES, Covariates(file=str(path), columns=("band2",)))


@pytest.mark.parametrize(
    "name", ["no2", "NO2_2019", "mean NOx", "PM2.5", "pm10_annual", "ozone", "x_ug_m3", "ppb"]
)
def test_a_pollutant_is_refused_by_name_or_unit(tmp_path, name):
    file = table(tmp_path / "own.csv", f"site_id,{name}\nA,1\n")
    with pytest.raises(ConfigError, match="is a pollutant by its name"):
        add_covariates(SITES, Covariates(file=file, columns=(name,)))


@pytest.mark.parametrize(
    "name",
    ["trop_mean_filt_2019", "tropomi_2019_any_mol_m2", "population_1000", "cover", "temp_m3"],
)
def test_what_is_no_measurement_at_the_ground_is_taken(tmp_path, name):
    file = table(tmp_path / "own.csv", f"site_id,{name}\nA,1\n")
    found = add_covariates(SITES, Covariates(file=file, columns=(name,)))
    assert found[f"covariate_{name}"][0] == 1


def test_a_column_that_explains_too_much_is_warned_of(tmp_path, caplog):
    rng = np.random.default_rng(0)
    sites = pd.DataFrame({"site_id": [f"S{n}" for n in range(60)], "no2": rng.gamma(4, 5, 60)})
    own = pd.DataFrame(
        {"site_id": sites["site_id"], "honest": sites["no2"] + rng.normal(0, 12, 60)}
    )
    own["model"] = np.exp(sites["no2"] / 8 + rng.normal(0, 0.1, 60))
    own.to_csv(tmp_path / "own.csv", index=False)
    config = Covariates(file=str(tmp_path / "own.csv"), columns=("honest", "model"))
    with caplog.at_level(logging.WARNING):
        add_covariates(sites, config)
    assert "column model alone explains" in caplog.text
    assert "honest" not in caplog.text


def test_faults_name_file_and_remedy(tmp_path):
    twice = table(tmp_path / "own.csv", "site_id,x\nA,1\nA,2\n")
    with pytest.raises(TableError, match="A"):
        add_covariates(SITES, Covariates(file=twice, columns=("x",)))
    other = table(tmp_path / "own.csv", "site_id,x\nQ,1\n")
    with pytest.raises(TableError, match="names no site of this data set"):
        add_covariates(SITES, Covariates(file=other, columns=("x",)))
    with pytest.raises(ValueError, match="name the columns"):
        Covariates(file=other)
