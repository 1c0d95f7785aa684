"""Discs, legends and distances against geometry done by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString

from mmaq.base.errors import ProductError
from mmaq.landuse.maps import (
    CLASSES,
    CORINE,
    CORINE_GRID,
    LEGENDS,
    MANMADE,
    NATURE,
    WORLDCOVER,
    choose_legend,
    disc_means,
    disc_shares,
    discs,
    point_values,
    road_distance,
)
from tests.landuse.small_country import NORTH, SIDE, WEST, lonlat, write_raster, write_roads


def at(x, y):
    lon, lat = lonlat(x, y)
    return np.atleast_1d(lon), np.atleast_1d(lat)


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


def test_legends_cover_their_products():
    assert len(CORINE) == len(CORINE_GRID) == 44
    assert (CORINE_GRID[1], CORINE_GRID[44], CORINE_GRID[23]) == ("built", "water", "forest")
    for legend in LEGENDS.values():
        assert set(legend.values()) <= set(CLASSES)
    assert set(NATURE) | set(MANMADE) | {"bare"} == set(CLASSES)
    assert choose_legend(None, [10, 50, 95], "c.tif") is WORLDCOVER
    assert choose_legend(None, [112, 512], "c.tif") is CORINE
    assert choose_legend(None, [1, 23, 40], "c.tif") is CORINE_GRID
    assert choose_legend("corine-grid", [10, 40], "c.tif") is CORINE_GRID
    with pytest.raises(ProductError, match="the codes 112 are not of legend 'worldcover'"):
        choose_legend("worldcover", [112], "c.tif")


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


@settings(max_examples=20, deadline=None)
@given(st.floats(0, SIDE), st.floats(0, SIDE))
def test_road_distance_is_the_geometric_one(tmp_path_factory, east, south):
    lines = [LineString([(WEST, NORTH - 5000), (WEST + SIDE, NORTH - 5000)]),
             LineString([(WEST + 8000, NORTH), (WEST + 8000, NORTH - SIDE)])]  # fmt: skip
    path = write_roads(tmp_path_factory.mktemp("roads") / "roads.gpkg", lines)
    expected = min(abs(south - 5000), abs(east - 8000))
    found = road_distance(path, *at(WEST + east, NORTH - south))
    assert found[0] == pytest.approx(expected, abs=1e-3)


def test_roads_in_degrees_are_measured_in_metres(tmp_path):
    x = WEST + np.linspace(0, SIDE, 50)
    line = LineString(np.column_stack(lonlat(x, np.full(50, NORTH))))
    path = write_roads(tmp_path / "roads.gpkg", [line], 4326)
    assert road_distance(path, *at(WEST + 900, NORTH - 321))[0] == pytest.approx(321, abs=0.1)


def test_bad_maps_are_refused(tmp_path):
    place = at(WEST, NORTH)
    text = tmp_path / "roads.gpkg"
    text.write_text("no roads")
    with pytest.raises(ProductError, match="not a readable vector file"):
        road_distance(text, *place)
    empty = write_roads(tmp_path / "empty.gpkg", [LineString()])
    with pytest.raises(ProductError, match="the file holds no road"):
        road_distance(empty, *place)
    nowhere = write_roads(tmp_path / "nowhere.gpkg", [LineString([(0, 0), (1, 1)])], None)
    with pytest.raises(ProductError, match="no coordinate reference system"):
        road_distance(nowhere, *place)
    plain = write_raster(tmp_path / "plain.tif", np.ones((5, 5), "f4"), 1.0, epsg=None)
    with pytest.raises(ProductError, match="no coordinate reference system"):
        disc_means(plain, *place, 1000.0)
    whole = write_raster(tmp_path / "whole.tif", np.random.default_rng(0).random((300, 300)), 100.0)
    whole.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(ProductError, match="not a readable raster"):
        disc_means(whole, *place, 1000.0)
