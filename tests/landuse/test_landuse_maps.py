"""Discs and points in maps of all kinds against geometry done by hand."""

import logging

import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ProductError
from mmaq.landuse import maps
from mmaq.landuse.discs import discs
from mmaq.landuse.legends import CLASSES
from mmaq.landuse.maps import altitudes, disc_means, disc_shares, point_values
from tests.landuse.small_country import NORTH, SIDE, WEST, at, lonlat, write_raster


@settings(max_examples=30, deadline=None)
@given(st.floats(-179, 179), st.floats(-70, 70), st.floats(100, 20_000))
def test_disc_has_the_area_of_a_circle(lon, lat, radius):
    utm = 32600 + int((lon + 180) // 6) + 1
    disc = discs(np.array([lon]), np.array([lat]), radius, utm).geometry.iloc[0]
    # UTM's scale at latitude 70 and 3 degrees off stays within 0.1 %.
    assert disc.area == pytest.approx(np.pi * radius**2, rel=5e-3)


def test_disc_mean_of_a_ramp_is_its_value_in_the_middle(tmp_path):
    ramp = np.add.outer(3.0 * np.arange(200), np.arange(200)).astype("f4")
    path = write_raster(tmp_path / "ramp.tif", ramp, 100.0)
    x, y = WEST + np.array([9_950.0, 9_981.0]), NORTH - np.array([9_950.0, 10_003.0])
    expected = (x - WEST) / 100 - 0.5 + 3 * ((NORTH - y) / 100 - 0.5)
    np.testing.assert_allclose(disc_means(path, *at(x, y), 1000.0), expected, atol=0.02)


def test_disc_mean_agrees_with_points_strewn_in_the_disc(tmp_path):
    rng = np.random.default_rng(3)
    values = rng.gamma(1.0, 1000.0, (20, 20)).astype("f4")
    values[4, 6] = -1.0
    path = write_raster(tmp_path / "people.tif", values, 1000.0, nodata=-1.0)
    x, y = WEST + 6_300.0, NORTH - 5_100.0
    fine = np.arange(-1000, 1000, 2.0) + 1.0
    dx, dy = np.meshgrid(fine, fine)
    inside = dx**2 + dy**2 <= 1000.0**2
    rows, columns = (NORTH - y - dy[inside]) // 1000, (x - WEST + dx[inside]) // 1000
    strewn = values[rows.astype(int), columns.astype(int)]
    expected = strewn[strewn >= 0].mean()
    assert disc_means(path, *at(x, y), 1000.0)[0] == pytest.approx(expected, rel=3e-3)


def test_disc_in_a_raster_in_degrees(tmp_path):
    half = np.where(np.arange(200) < 100, 1.0, 5.0).astype("f4")
    values = np.tile(half, (200, 1))
    path = write_raster(tmp_path / "degrees.tif", values, 0.001, None, 4326, 10, 53)
    lon, lat = np.array([10.1, 10.05]), np.array([52.9, 52.9])
    np.testing.assert_allclose(disc_means(path, lon, lat, 1000.0), [3.0, 1.0], rtol=1e-5)


def test_real_population_of_rome_exceeds_that_of_the_sea(real_data):
    path = next((real_data / "rasters").glob("gpw_v4_*.tif"))
    density = disc_means(path, np.array([12.49, 11.0]), np.array([41.89, 40.5]), 1000.0)
    assert density[0] > 200
    assert not density[1] > 1


def test_shares_sum_to_one_and_follow_the_border(tmp_path):
    cover = np.full((200, 200), 211, "i2")
    cover[:, 100:] = 121
    cover[100:, :] = 512
    path = write_raster(tmp_path / "cover.tif", cover, 100.0)
    shares = disc_shares(path, *at(WEST + SIDE / 2, NORTH - SIDE / 2), 1000.0, None)
    assert tuple(shares) == CLASSES
    assert shares.sum(axis=1)[0] == pytest.approx(1.0, abs=1e-6)
    assert shares.loc[0, "water"] == pytest.approx(0.5, abs=1e-3)
    assert shares.loc[0, "industry"] == pytest.approx(0.25, abs=1e-3)
    assert shares.loc[0, "cropland"] == pytest.approx(0.25, abs=1e-3)


def test_worldcover_knows_no_industry(tmp_path):
    path = write_raster(tmp_path / "cover.tif", np.full((200, 200), 50, "u1"), 100.0)
    shares = disc_shares(path, *at(WEST + 9000, NORTH - 9000), 1000.0, None)
    assert shares.loc[0, "built"] == 1.0
    assert np.isnan(shares.loc[0, "industry"])
    assert shares.loc[0, ["water", "forest"]].eq(0).all()


def test_point_values_are_the_cells_own(tmp_path):
    values = np.arange(400, dtype="f4").reshape(20, 20)
    values[0, 0] = -9999
    path = write_raster(tmp_path / "dem.tif", values, 1000.0, nodata=-9999.0)
    x = WEST + np.array([500.0, 1500.0, 2600.0, -10.0])
    y = NORTH - np.array([500.0, 900.0, 3100.0, 500.0])
    np.testing.assert_array_equal(point_values(path, *at(x, y)), [np.nan, 1, 62, np.nan])


def test_real_elevation_model_in_degrees(real_data):
    path = real_data / "rasters" / "Copernicus_DSM_COG_10_N00_E006.tif"
    # Sao Tome's airport lies by the sea, its summit at 2,024 m.
    heights = point_values(path, np.array([6.712, 6.542]), np.array([0.378, 0.267]))
    assert 0 <= heights[0] < 30
    assert 1700 < heights[1] < 2050


def test_bad_maps_are_refused(tmp_path):
    place = at(WEST, NORTH)
    plain = write_raster(tmp_path / "plain.tif", np.ones((5, 5), "f4"), 1.0, epsg=None)
    with pytest.raises(ProductError, match="no coordinate reference system"):
        disc_means(plain, *place, 1000.0)
    whole = write_raster(tmp_path / "whole.tif", np.random.default_rng(0).random((300, 300)), 100.0)
    whole.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(ProductError, match="not a readable raster"):
        disc_means(whole, *place, 1000.0)


def world(path, values, cell, west, kind="f4", scale=None, crs="EPSG:4326", **profile):
    """A raster of ``values`` (rows, columns) whose north-west corner is at ``west``, 90 N."""
    values = np.asarray(values, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    turned = rasterio.transform.from_origin(west, 90.0, cell, cell)
    with rasterio.open(path, "w", "GTiff", crs=crs, transform=turned, **shape, **profile) as file:
        file.write(values, 1)
        if scale is not None:
            file.scales, file.offsets = (scale[0],), (scale[1],)
    return path


def columns(cell, west, people):
    """A world in which ``people(lon)`` stands at the middle of each column; lon in -180..180."""
    lon = west + cell * (np.arange(round(360 / cell)) + 0.5)
    return np.tile(people((lon + 180) % 360 - 180), (round(180 / cell), 1))


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_a_map_may_begin_at_0_or_at_180_west(tmp_path, west):
    cells = columns(1.0, west, lambda lon: np.where(lon < 0, 700.0, 20.0))
    path = world(tmp_path / "world.tif", cells, 1.0, west)
    lon, lat = np.array([-3.0, 4.5, -179.5, 179.5, 180.0, -180.0]), np.full(6, 52.5)
    middle = [700, 20, 700, 20, 360, 360]  # a disc on the antimeridian has half of each side
    np.testing.assert_allclose(disc_means(path, lon, lat, 1000.0), middle, rtol=1e-4)
    np.testing.assert_array_equal(point_values(path, lon, lat), [700, 20, 700, 20, 700, 700])
    codes = columns(1.0, west, lambda lon: np.where(lon < 0, 50, 80))
    shares = disc_shares(world(tmp_path / "c.tif", codes, 1.0, west, "u1"), lon, lat, 1000.0, None)
    np.testing.assert_allclose(shares["built"], [1, 0, 1, 0, 0.5, 0.5], atol=1e-4)
    np.testing.assert_allclose(shares["water"], [0, 1, 0, 1, 0.5, 0.5], atol=1e-4)


def test_a_disc_across_the_antimeridian_is_read_on_both_sides_only(tmp_path):
    near = columns(0.1, -180.0, lambda lon: np.where(np.abs(lon) > 179.8, 100.0, 9000.0))
    path = world(tmp_path / "fiji.tif", near, 0.1, -180.0)
    lon = np.array([179.985, -179.985, 179.9995])
    np.testing.assert_allclose(disc_means(path, lon, np.full(3, -16.8), 5000.0), 100.0)


@pytest.mark.parametrize("crs", ["EPSG:3857", "ESRI:54009", "EPSG:6933"])
def test_a_disc_that_a_world_map_tears_apart_is_two(crs):
    torn = discs(np.array([179.999, 10.0]), np.array([50.0, 50.0]), 1000.0, crs)
    assert list(torn["row"]) == [1, 0, 0]
    whole, *halves = torn.geometry.area
    assert sum(halves) == pytest.approx(whole, rel=0.02)
    assert min(halves) > 0.3 * whole


def test_a_disc_around_the_pole_is_a_cap(tmp_path):
    path = world(tmp_path / "world.tif", np.full((180, 360), 5.0), 1.0, -180.0)
    lon, lat = np.array([100.0]), np.array([89.995])
    assert disc_means(path, lon, lat, 1000.0)[0] == 5.0
    cap = discs(lon, lat, 1000.0, 4326).geometry.iloc[0]
    assert cap.is_valid
    assert cap.bounds[2] - cap.bounds[0] == pytest.approx(360.0, abs=1e-6)


def test_discs_of_a_map_in_feet_and_of_an_equal_area_map(tmp_path):
    for crs, unit in (("EPSG:2264", 3.28083333), ("EPSG:5070", 1.0)):
        disc = discs(np.array([-79.0]), np.array([35.5]), 1000.0, crs).geometry.iloc[0]
        assert disc.area == pytest.approx(np.pi * (1000.0 * unit) ** 2, rel=5e-3)


def test_scale_offset_and_no_data_of_a_map_are_obeyed_by_all(tmp_path):
    cells = np.full((180, 360), 123.0)
    cells[:, 200] = -1
    path = world(tmp_path / "dm.tif", cells, 1.0, -180.0, "i2", (0.1, 5.0), nodata=-1)
    lon, lat = np.array([4.5, 20.5, 20.0]), np.full(3, 52.5)
    np.testing.assert_allclose(point_values(path, lon, lat), [17.3, np.nan, np.nan])
    np.testing.assert_allclose(disc_means(path, lon, lat, 1000.0), [17.3, np.nan, 17.3])
    codes = world(tmp_path / "code.tif", np.full((180, 360), 5), 1.0, -180.0, "u1", (10.0, 0.0))
    assert disc_shares(codes, lon, lat, 1000.0, "worldcover")["built"].eq(1).all()


def test_a_mask_band_hides_cells(tmp_path):
    path = write_raster(tmp_path / "dem.tif", np.full((20, 20), 7.0, "f4"), 1000.0)
    with rasterio.open(path, "r+") as file:
        file.write_mask(np.tile(np.arange(20) < 10, (20, 1)))
    x = WEST + np.array([4_500.0, 15_500.0])
    place = at(x, np.full(2, NORTH - 10_000.0))
    np.testing.assert_array_equal(point_values(path, *place), [7, np.nan])
    np.testing.assert_array_equal(disc_means(path, *place, 1000.0), [7, np.nan])


def test_a_map_whose_rows_rise_northward_is_not_upside_down(tmp_path):
    cells = np.tile(np.arange(20.0, dtype="f4")[:, None], (1, 20))
    path = tmp_path / "up.tif"
    turned = rasterio.transform.Affine(1000.0, 0, WEST, 0, 1000.0, NORTH - SIDE)
    shape = {"height": 20, "width": 20, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", "GTiff", crs=32632, transform=turned, **shape) as file:
        file.write(cells, 1)
    place = at(WEST + np.array([9_500.0]), NORTH - SIDE + np.array([3_500.0]))
    assert point_values(path, *place)[0] == 3
    assert disc_means(path, *place, 400.0)[0] == pytest.approx(3.0)


def test_discs_that_are_read_together_say_what_each_says_alone(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.uniform(0.0, 9.0, (200, 200)).astype("f4")
    path = write_raster(tmp_path / "dense.tif", values, 100.0)
    x, y = np.meshgrid(np.arange(-500, 4000, 150), np.arange(0, 3000, 150))
    places = at(WEST + x.ravel(), NORTH - y.ravel())
    reads = []
    plain = maps._Cells._read
    monkeypatch.setattr(maps._Cells, "_read", lambda *given: reads.append(1) or plain(*given))
    together = disc_means(path, *places, 700.0)
    assert len(reads) < 5
    monkeypatch.setattr(maps, "LARGEST", 0)
    np.testing.assert_array_equal(disc_means(path, *places, 700.0), together)
    assert len(reads) > x.size / 2


def test_sites_off_a_map_are_counted(tmp_path, caplog):
    path = write_raster(tmp_path / "m.tif", np.full((20, 20), 50, "u1"), 1000.0, nodata=0)
    lon, lat = lonlat(WEST + 9000, NORTH - 9000)
    places = np.array([lon, lat, 0.0]), np.array([lat, lon, 0.0])
    for read in (
        lambda: point_values(path, *places),
        lambda: disc_means(path, *places, 1000.0),
        lambda: disc_shares(path, *places, 1000.0, None)["built"].to_numpy(),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert list(np.isnan(read())) == [False, True, True]
        assert "m.tif: 2 of 3 sites lie off this map" in caplog.text
        assert f"longitude {lat:.6g}, latitude {lon:.6g}" in caplog.text


def test_no_data_that_means_nobody(tmp_path, caplog):
    settled = np.full((200, 200), -99999.0, "f4")
    settled[::10, ::10] = 30_000.0
    path = write_raster(tmp_path / "population.tif", settled, 100.0, nodata=-99999.0)
    place = at(WEST + np.array([9_000.0]), NORTH - np.array([9_000.0]))
    people = disc_means(path, *place, 5000.0, possible=(0.0, 2e5), gaps=0.0)
    assert people[0] == pytest.approx(300.0, rel=0.1)
    assert "set files.population_nodata" not in caplog.text
    assert disc_means(path, *place, 5000.0, possible=(0.0, 2e5))[0] == pytest.approx(30_000.0)
    assert "population.tif: has data in 1 % of the discs and no 0" in caplog.text


def test_an_undeclared_fill_value_names_the_map(tmp_path):
    cells = np.full((200, 200), 300.0, "f4")
    cells[:, 100:] = -200.0
    path = write_raster(tmp_path / "population.tif", cells, 100.0)
    place = at(WEST + np.array([9_500.0]), NORTH - np.array([9_000.0]))
    with pytest.raises(ProductError, match=r"population.tif: .* value -200 at .*gdal_edit"):
        disc_means(path, *place, 1000.0, possible=(0.0, 2e5))
    dem = write_raster(tmp_path / "dem.tif", np.full((200, 200), -32768, "i2"), 100.0)
    with pytest.raises(ProductError, match=r"dem.tif: .* value -32768 at"):
        point_values(dem, *place, possible=(-430.0, 9000.0))


def test_codes_without_a_class_do_not_count(tmp_path):
    cover = np.full((200, 200), 12, "u1")
    cover[:, 100:] = 48
    path = write_raster(tmp_path / "clc.tif", cover, 100.0)
    x = WEST + np.array([10_000.0, 15_000.0])
    shares = disc_shares(path, *at(x, np.full(2, NORTH - 9_000.0)), 1000.0, None)
    assert shares.loc[0, "cropland"] == 1.0
    assert shares.loc[1].isna().all()


def test_the_map_at_large_tells_the_legend_of_a_place_that_might_be_of_two(tmp_path):
    cover = np.full((400, 400), 20, "u1")
    place = at(WEST + np.array([4_000.0]), NORTH - np.array([4_000.0]))
    alone = write_raster(tmp_path / "alone.tif", cover, 100.0)
    with pytest.raises(ProductError, match=r"worldcover and corine-grid.*land_cover_legend"):
        disc_shares(alone, *place, 1000.0, None)
    assert disc_shares(alone, *place, 1000.0, "corine-grid").loc[0, "cropland"] == 1.0
    cover[300:, 300:] = 23
    told = write_raster(tmp_path / "told.tif", cover, 100.0)
    assert disc_shares(told, *place, 1000.0, None).loc[0, "cropland"] == 1.0
    cover[300:, 300:] = 95
    other = write_raster(tmp_path / "other.tif", cover, 100.0)
    pd.testing.assert_series_equal(
        disc_shares(other, *place, 1000.0, None)["grassland"], pd.Series([1.0]), check_names=False
    )


def test_rotated_maps_and_interpolated_codes_are_refused(tmp_path):
    place = at(WEST + np.array([9_000.0]), NORTH - np.array([9_000.0]))
    mixed = write_raster(tmp_path / "mixed.tif", np.full((200, 200), 12.5, "f4"), 100.0)
    with pytest.raises(ProductError, match=r"mixed.tif: holds 12\.5, which is no code"):
        disc_shares(mixed, *place, 1000.0, None)
    path = tmp_path / "rotated.tif"
    turned = rasterio.transform.Affine(100.0, 5.0, WEST, 5.0, -100.0, NORTH)
    shape = {"height": 200, "width": 200, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", "GTiff", crs=32632, transform=turned, **shape) as file:
        file.write(np.ones((200, 200), "f4"), 1)
    with pytest.raises(ProductError, match=r"rotated.tif: the raster is rotated"):
        disc_means(path, *place, 1000.0)


@pytest.mark.parametrize(
    ("unit", "crs", "metres"),
    [("ft", 32632, 30.48), ("US survey feet", 32632, 30.48006), ("", "EPSG:32632+6360", 30.48006),
     ("", "EPSG:32632+5773", 100.0), ("Meter", 32632, 100.0), ("dm", 32632, 10.0)],
)  # fmt: skip
def test_altitudes_are_in_metres_whatever_the_map_is_in(tmp_path, unit, crs, metres):
    path = write_raster(tmp_path / "dem.tif", np.full((20, 20), 100.0, "f4"), 1000.0, epsg=crs)
    with rasterio.open(path, "r+") as file:
        file.units = (unit,)
    assert altitudes(path, *at(WEST + 5000, NORTH - 5000))[0] == pytest.approx(metres, rel=1e-6)


def test_heights_in_no_length_are_refused(tmp_path):
    path = write_raster(tmp_path / "dem.tif", np.full((20, 20), 100.0, "f4"), 1000.0)
    with rasterio.open(path, "r+") as file:
        file.units = ("degC",)
    with pytest.raises(ProductError, match=r"dem.tif: its unit 'degC' is no known length"):
        altitudes(path, *at(WEST + 5000, NORTH - 5000))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_map_that_has_no_place_is_refused(tmp_path):
    """In degrees its pixel 10, 50 would be taken for what lies at 10° E, 50° N."""
    path, shape = tmp_path / "map.tif", {"height": 90, "width": 180, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", "GTiff", crs=4326, **shape) as file:
        file.write(np.full((90, 180), 7, "u1"), 1)
    for ask in (point_values, lambda *place: disc_means(*place, 1000.0)):
        with pytest.raises(ProductError, match=r"map\.tif: the raster does not say where"):
            ask(path, np.array([10.0]), np.array([50.0]))
