import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Proj

from mmaq.base.geo import (
    EARTH_RADIUS_KM,
    from_plane,
    grown,
    in_box,
    in_turn,
    nearest_km,
    to_plane,
    unit_vectors,
)


@pytest.mark.parametrize(
    ("box", "inside", "outside"),
    [
        ((179.9, -17, -179.9, -16), (179.95, -179.95, 180.0, -180.0, 179.9, -179.9), (0, 179.8)),
        ((179.9, -17, 180.1, -16), (179.95, -179.95, 180.05), (-179.8, 0)),
        ((-180.1, -17, -179.9, -16), (179.95, -179.95), (-179.8, 179.8)),
        ((-180, -17, 180, -16), (0, 180, -180, 77), ()),
        ((3.0, -17, 5.0, -16), (3.0, 5.0, 4.0, 364.0), (2.9, 5.1, -4)),
    ],
)
def test_a_box_may_cross_the_antimeridian(box, inside, outside):
    for lons, expected in ((inside, True), (outside, False)):
        lon = np.array(lons, float)
        assert in_box(box, lon, np.full(len(lon), -16.5)).tolist() == [expected] * len(lon)
        assert not in_box(box, lon, np.full(len(lon), -15.0)).any()


def test_a_box_grows_by_kilometres_on_every_side():
    west, south, east, north = grown((10.0, 50.0, 12.0, 60.0), 111.195)
    assert (south, north) == pytest.approx((49.0, 61.0), abs=1e-5)
    # A degree of longitude is half as wide at 60 N, and narrower still at the northern edge.
    assert (10.0 - west, east - 12.0) == pytest.approx((1 / np.cos(np.radians(61)),) * 2, rel=1e-5)
    assert grown((0.0, 80.0, 1.0, 89.5), 111.195)[3] == 90.0


@pytest.mark.parametrize(
    ("box", "parts"),
    [
        ((9.0, 1.0, 10.0, 2.0), [(9.0, 1.0, 10.0, 2.0)]),
        ((179.0, 1.0, 182.0, 2.0), [(179.0, 1.0, 180.0, 2.0), (-180.0, 1.0, -178.0, 2.0)]),
        ((-181.0, 1.0, -179.0, 2.0), [(-180.0, 1.0, -179.0, 2.0), (179.0, 1.0, 180.0, 2.0)]),
    ],
)
def test_a_box_beyond_the_antimeridian_has_two_parts(box, parts):
    assert in_turn(box) == parts


def test_distances_to_the_nearest_are_along_great_circles():
    stations = np.array([[0.0, 0.0], [90.0, 0.0]])
    places = np.array([[44.0, 0.0], [180.0, 0.0], [10.0, 90.0]])
    quarter = np.pi / 2 * EARTH_RADIUS_KM
    expected = [44 / 90 * quarter, quarter, quarter]
    np.testing.assert_allclose(nearest_km(stations, places), expected, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_equal_area_map_is_that_of_proj_and_has_an_inverse(seed):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(-180, 180), rng.uniform(-85, 85)
    places = np.array([lon, lat]) + rng.uniform(-30, 30, (20, 2))
    places[:, 1] = np.clip(places[:, 1], -90, 90)
    middle = unit_vectors(np.array([lon]), np.array([lat]))[0]
    plane = to_plane(places, 3.0 * middle)
    proj = Proj(f"+proj=laea +lon_0={lon} +lat_0={lat} +R=1")
    np.testing.assert_allclose(plane, np.column_stack(proj(*places.T)), atol=1e-6)
    back = from_plane(plane, middle)
    np.testing.assert_allclose(unit_vectors(*back.T), unit_vectors(*places.T), atol=1e-7)
