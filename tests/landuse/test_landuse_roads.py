"""Distances to roads in files of all kinds against geodesics."""

import logging

import geopandas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely import LineString, MultiLineString, Point, force_3d

from mmaq.base.errors import ProductError
from mmaq.landuse.roads import read_roads, road_distance
from tests.landuse.small_country import EPSG, NORTH, SIDE, WEST, at, lonlat, write_roads

GEOD = Geod(ellps="WGS84")
LON, LAT = 10.5, 53.1


@settings(max_examples=20, deadline=None)
@given(st.floats(0, SIDE), st.floats(0, SIDE))
def test_road_distance_is_the_geometric_one(tmp_path_factory, east, south):
    lines = [LineString([(WEST, NORTH - 5000), (WEST + SIDE, NORTH - 5000)]),
             LineString([(WEST + 8000, NORTH), (WEST + 8000, NORTH - SIDE)])]  # fmt: skip
    path = write_roads(tmp_path_factory.mktemp("roads") / "roads.gpkg", lines)
    expected = min(abs(south - 5000), abs(east - 8000))
    found = road_distance(read_roads(path), *at(WEST + east, NORTH - south))
    # On the ellipsoid; UTM's scale there lies between 0.9996 and 0.9999.
    assert found[0] == pytest.approx(expected, rel=4.5e-4, abs=0.02)


def test_roads_in_degrees_are_measured_in_metres(tmp_path):
    x = WEST + np.linspace(0, SIDE, 50)
    line = LineString(np.column_stack(lonlat(x, np.full(50, NORTH))))
    path = write_roads(tmp_path / "roads.gpkg", [line], 4326)
    assert road_distance(read_roads(path), *at(WEST + 900, NORTH - 321))[0] == pytest.approx(
        321, rel=4.5e-4
    )


def test_a_road_as_short_as_a_point_is_measured(tmp_path):
    x, y = WEST + np.array([300.0, 4321.0]), NORTH - np.array([800.0, 77.0])
    path = write_roads(tmp_path / "roads.gpkg", [LineString([(WEST, NORTH), (WEST, NORTH)])])
    expected = np.hypot(x - WEST, NORTH - y)
    np.testing.assert_allclose(road_distance(read_roads(path), *at(x, y)), expected, rtol=4.5e-4)


def meridian(lon, south=LAT - 0.2, north=LAT + 0.2):
    """A road along a meridian, whose nearest point is east or west of a site."""
    return LineString(np.column_stack([np.full(80, lon), np.linspace(south, north, 80)]))


def true_distance(site, lon):
    """Of a site from the meridian ``lon``, by trying points on it."""
    lats = site[1] + np.linspace(-0.001, 0.001, 4001)
    count = np.full(lats.size, 1.0)
    return GEOD.inv(site[0] * count, site[1] * count, lon * count, lats)[2].min()


@pytest.mark.parametrize(
    "crs",
    [3857, 3395, 25832, 32633, 3035, "ESRI:54009", "+proj=aea +lat_1=40 +lat_2=60 +lon_0=10",
     "+proj=utm +zone=32 +units=us-ft", "+proj=utm +zone=32 +units=km", 4258, 4326],
)  # fmt: skip
def test_distance_does_not_depend_on_the_roads_own_system(tmp_path, crs):
    line = geopandas.GeoSeries([meridian(LON)], crs=4326).to_crs(crs).iloc[0]
    path = write_roads(tmp_path / "roads.gpkg", [line], crs)
    for east in (0.001, 0.01, 0.3):
        found = road_distance(read_roads(path), np.array([LON + east]), np.array([LAT]))[0]
        assert found == pytest.approx(true_distance((LON + east, LAT), LON), rel=2e-5)


def test_a_long_line_in_degrees_is_straight_in_degrees(tmp_path):
    path = write_roads(tmp_path / "roads.gpkg", [LineString([(0, 60), (20, 60)])], 4326)
    found = road_distance(read_roads(path), np.array([10.0]), np.array([60.01]))[0]
    assert found == pytest.approx(GEOD.inv(10, 60.01, 10, 60)[2], rel=1e-4)


def test_roads_across_the_antimeridian_and_by_the_pole(tmp_path):
    split = [LineString([(179.98, -16.79), (180, -16.79)]),
             LineString([(-180, -16.79), (-179.98, -16.79)])]  # fmt: skip
    jumping = [LineString([(179.98, -16.79), (-179.98, -16.79)])]
    beyond = [LineString([(179.98, -16.79), (180.02, -16.79)])]
    lon, lat = np.array([179.985, -179.985, 179.9999]), np.full(3, -16.8)
    true = GEOD.inv(180, -16.8, 180, -16.79)[2]
    for number, lines in enumerate((split, jumping, beyond)):
        path = write_roads(tmp_path / f"{number}.gpkg", lines, 4326)
        np.testing.assert_allclose(road_distance(read_roads(path), lon, lat), true, rtol=1e-4)
    path = write_roads(tmp_path / "pole.gpkg", [LineString([(0, 89.99), (1, 89.99)])], 4326)
    found = road_distance(read_roads(path), np.array([180.0]), np.array([89.99]))[0]
    assert found == pytest.approx(GEOD.inv(180, 89.99, 0, 89.99)[2], rel=1e-3)


def test_far_sites_are_measured_and_counted(tmp_path, caplog):
    path = write_roads(tmp_path / "roads.gpkg", [LineString([(15, 78.2), (15.1, 78.2)])], 4326)
    with caplog.at_level(logging.WARNING):
        found = road_distance(
            read_roads(path), np.array([15.0, 100.0, 15.0]), np.array([85.0, 89.995, 78.21])
        )
    assert found[0] == pytest.approx(GEOD.inv(15, 85, 15, 78.2)[2], rel=1e-6)
    assert found[1] == pytest.approx(GEOD.inv(100, 89.995, 15.1, 78.2)[2], rel=1e-3)
    assert "2 of 3 sites are more than 100 km from any road" in caplog.text


def test_the_one_layer_of_lines_is_read(tmp_path):
    near = LineString([(WEST, NORTH - 100), (WEST + SIDE, NORTH - 100)])
    road = LineString([(WEST, NORTH - 500), (WEST + SIDE, NORTH - 500)])
    path = tmp_path / "roads.gpkg"
    for layer, shape in (("towns", Point(WEST, NORTH)), ("areas", near.buffer(9)), ("x", road)):
        geopandas.GeoDataFrame(geometry=[shape], crs=EPSG).to_file(path, layer=layer, mode="a")
    place = at(WEST + 900.0, NORTH)
    assert road_distance(read_roads(path), *place)[0] == pytest.approx(500, rel=5e-4)
    geopandas.GeoDataFrame(geometry=[near], crs=EPSG).to_file(path, layer="borders", mode="a")
    with pytest.raises(ProductError, match=r"holds 2 layers of lines: x, borders.*name it 'roads'"):
        road_distance(read_roads(path), *place)
    geopandas.GeoDataFrame(geometry=[road], crs=EPSG).to_file(path, layer="Roads", mode="a")
    assert road_distance(read_roads(path), *place)[0] == pytest.approx(500, rel=5e-4)


def test_lines_of_all_kinds(tmp_path):
    road = LineString([(WEST, NORTH - 500), (WEST + SIDE, NORTH - 500)])
    lines = [MultiLineString([force_3d(road)]), LineString(), None,
             LineString([(WEST, NORTH), (WEST, NORTH)])]  # fmt: skip
    path = write_roads(tmp_path / "roads.gpkg", lines)
    found = road_distance(read_roads(path), *at(WEST + np.array([0.0, 900.0]), np.full(2, NORTH)))
    np.testing.assert_allclose(found, [0, 500], rtol=5e-4, atol=1e-6)


def test_bad_roads_are_refused(tmp_path):
    place = at(WEST, NORTH)
    path = tmp_path / "roads.gpkg"
    path.write_text("no roads")
    with pytest.raises(ProductError, match="not a readable vector file"):
        road_distance(read_roads(path), *place)
    empty = write_roads(tmp_path / "empty.gpkg", [LineString()])
    with pytest.raises(ProductError, match="its layer 'empty' holds no road"):
        road_distance(read_roads(empty), *place)
    nowhere = write_roads(tmp_path / "nowhere.gpkg", [LineString([(0, 0), (1, 1)])], None)
    with pytest.raises(ProductError, match="no coordinate reference system"):
        road_distance(read_roads(nowhere), *place)
    areas = write_roads(tmp_path / "areas.gpkg", [Point(WEST, NORTH).buffer(9)])
    with pytest.raises(ProductError, match=r"holds no layer of lines but areas \(polygon\)"):
        road_distance(read_roads(areas), *place)
    metres = LineString([(WEST, NORTH), (WEST + 9, NORTH)])
    wrong = write_roads(tmp_path / "wrong.gpkg", [metres], 4326)
    with pytest.raises(ProductError, match="no place on Earth"):
        road_distance(read_roads(wrong), *place)
