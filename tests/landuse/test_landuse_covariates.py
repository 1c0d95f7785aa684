"""Columns of the user's own in the site table: joined, checked, and never a pollutant."""

import logging

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from mmaq.base.errors import ConfigError, ProductError, TableError
from mmaq.config.data import Covariates, Published
from mmaq.contracts.sites import covariates_of, read_sites
from mmaq.landuse.covariates import add_covariates
from mmaq.landuse.stage import landuse_published

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


def write_raster(path, *bands, names=(), units=(), nodata=None, scale=1.0, offset=0.0):
    """Bands of 20 x 20 cells of 0.01 degrees from 9.95 E, 53.1 N; sites A and B lie on them."""
    profile = {"driver": "GTiff", "width": 20, "height": 20, "dtype": "float32", "nodata": nodata}
    where = from_origin(9.95, 53.1, 0.01, 0.01)
    with rasterio.open(path, "w", **profile, count=len(bands), crs=4326, transform=where) as raster:
        for number, values in enumerate(bands, 1):
            raster.write(np.broadcast_to(np.asarray(values, "f4"), (20, 20)), number)
        raster.scales, raster.offsets = (scale,) * len(bands), (offset,) * len(bands)
        for number, name in enumerate(names, 1):
            raster.set_band_description(number, name)
        if units:
            raster.units = units
    return str(path)


def test_rasters_join_by_place_beside_a_table(tmp_path, caplog):
    first = write_raster(tmp_path / "a.tif", np.arange(20), nodata=5, scale=0.5, offset=1.0)
    both = write_raster(tmp_path / "b.tif", 1.0, 4.0, names=("x", "night lights"))
    file = table(tmp_path / "own.csv", "site_id,roads\nC,3\n")
    rasters = {"wind": first, "night lights": both}
    config = Covariates(file=file, columns=("roads",), rasters=rasters)
    with caplog.at_level(logging.WARNING):
        found = add_covariates(SITES, config)
    assert covariates_of(found) == ["covariate_roads", "covariate_wind", "covariate_night lights"]
    np.testing.assert_array_equal(found["covariate_roads"], [np.nan, np.nan, 3])
    np.testing.assert_array_equal(found["covariate_wind"], [np.nan, 8.5, np.nan])
    np.testing.assert_array_equal(found["covariate_night lights"], [4, 4, np.nan])
    assert "a.tif: knows nothing of 2 of 3 sites" in caplog.text
    assert "own.csv: knows nothing of 2 of 3 sites" in caplog.text


def test_a_raster_that_cannot_serve_is_one_line(tmp_path):
    both = write_raster(tmp_path / "b.tif", 1.0, 4.0)
    with pytest.raises(ConfigError, match="no band 'wind' but band1, band2"):
        add_covariates(SITES, Covariates(rasters={"wind": both}))
    with pytest.raises(ProductError, match=r"wind\.tif.*does not exist.*Put it there") as caught:
        add_covariates(SITES, Covariates(rasters={"wind": str(tmp_path / "wind.tif")}))
    assert "\n" not in str(caught.value)
    measured = write_raster(tmp_path / "c.tif", 1.0, units=("µg m-3",))
    with pytest.raises(ConfigError, match="pollutant by its unit"):
        add_covariates(SITES, Covariates(rasters={"x": measured}))
    with pytest.raises(ValueError, match="give a raster as"):
        Covariates(file=both, columns=("band1",))
    with pytest.raises(ValueError, match="wind is a column of the table and a raster"):
        Covariates(file="own.csv", columns=("wind",), rasters={"wind": both})


@pytest.mark.parametrize(
    ("unit", "taken"),
    [
        ("molec/cm2", True), ("molecules cm-2", True), ("mol m-2", True), ("mol/m^2", True),
        ("mol m-3", False), ("ppb", False), ("", False),
    ],
)  # fmt: skip
def test_a_column_of_a_pollutant_between_ground_and_space_is_taken(tmp_path, unit, taken):
    file = write_raster(tmp_path / "omi.tif", 3e15, units=(unit,))
    config = Covariates(rasters={"no2_column": file})
    if taken:
        assert add_covariates(SITES, config)["covariate_no2_column"][0] == pytest.approx(3e15)
    else:
        with pytest.raises(ConfigError, match="pollutant by its"):
            add_covariates(SITES, config)
    # Whoever gives it a name of no pollutant says what it is.
    if unit == "":
        add_covariates(SITES, Covariates(rasters={"omi_column": file}))


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


@pytest.mark.parametrize("fill", [-3.4e38, 1e30, -9999, -999, -99999, -32768, 32767, 65535])
def test_an_undeclared_fill_value_is_refused(tmp_path, fill):
    cells = np.where(np.arange(20) < 10, 200.0, fill)
    config = Covariates(rasters={"wind": write_raster(tmp_path / "wind.tif", cells)})
    with pytest.raises(ProductError, match=r"wind\.tif: wind is .* at 'B'.*gdal_edit"):
        add_covariates(SITES, config)
    declared = Covariates(rasters={"wind": write_raster(tmp_path / "d.tif", cells, nodata=fill)})
    np.testing.assert_array_equal(
        add_covariates(SITES, declared)["covariate_wind"], [200, np.nan, np.nan]
    )
    file = table(tmp_path / "own.csv", f"site_id,x\nA,7\nB,12\nC,{fill}\n")
    with pytest.raises(TableError, match=r"own\.csv: x is .* at 'C'.*Leave such cells empty"):
        add_covariates(SITES, Covariates(file=file, columns=("x",)))


def test_a_number_among_its_like_is_no_fill_value(tmp_path):
    file = table(tmp_path / "own.csv", "site_id,x,y\nA,-999,32767\nB,-400,61000\nC,2500,12\n")
    found = add_covariates(SITES, Covariates(file=file, columns=("x", "y")))
    np.testing.assert_array_equal(found["covariate_x"], [-999, -400, 2500])
    np.testing.assert_array_equal(found["covariate_y"], [32767, 61000, 12])


def test_a_bad_cell_of_another_site_does_not_matter(tmp_path):
    file = table(tmp_path / "own.csv", "site_id,x\nQ,n.d.\nA,1\n,2\nQ,3\n")
    assert add_covariates(SITES, Covariates(file=file, columns=("x",)))["covariate_x"][0] == 1
    file = table(tmp_path / "own.csv", "site_id,x\nA,1\nB,n.d.\n")
    with pytest.raises(TableError, match=r"line 3: column 'x' holds 'n\.d\.' at 'B'"):
        add_covariates(SITES, Covariates(file=file, columns=("x",)))


def test_real_columns_join_the_published_stations(quick, real_data, tmp_path):
    file = real_data / "stations" / "station_covariates.csv"
    columns = ("tropomi_2019_any_mol_m2", "nightlight_900", "road_class_2_100")
    config = Covariates(file=str(file), key="AirQualityStation", columns=columns)
    out = tmp_path / "sites.parquet"
    landuse_published(config=Published(**quick), covariates=config, out=out)
    sites = read_sites(out)
    source = pd.read_csv(file).set_index("AirQualityStation")
    source = source.reindex(sites["site_id"])[list(columns)]
    assert covariates_of(sites) == [f"covariate_{name}" for name in columns]
    np.testing.assert_allclose(sites[covariates_of(sites)], source)
    # Rows that were shifted against each other would hardly agree.
    assert sites["covariate_tropomi_2019_any_mol_m2"].corr(sites["no2"]) > 0.4


def test_real_rasters_know_the_published_stations(quick, real_data, tmp_path):
    folder = real_data / "rasters"
    rasters = {
        "altitude": str(folder / "europe_10km" / "aq_cov_o3_2020_dem.tiff"),
        "omi_column": str(folder / "global" / "OMI_mean_filt.tif"),
    }
    out = tmp_path / "sites.parquet"
    landuse_published(
        config=Published(**quick), covariates=Covariates(rasters=rasters), out=out
    )  # fmt: skip
    sites = read_sites(out)
    assert sites["covariate_altitude"].isna().sum() == 7
    assert sites["covariate_altitude"].corr(sites["altitude"]) > 0.85
    assert sites["covariate_omi_column"].between(1e13, 1e17).all()
    assert sites["covariate_omi_column"].corr(sites["no2"]) > 0.35
