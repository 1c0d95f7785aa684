"""Orbit geometry against real TROPOMI orbits, and pixels that tile."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import netCDF4
import numpy as np
import pytest
from scipy.spatial import cKDTree

from mmaq.simulate.sensors.orbits import PIXELS, orbit_of, swath_over
from mmaq.simulate.sensors.spectra import sun_angles

BOX = (4.5, 50.5, 13.5, 56.0)
SICILY = (14.0, 33.2, 19.3, 38.0)


def real_orbits(real_data):
    for path in sorted((real_data / "s5p" / "tropomi_sicily_channel").glob("*.nc"))[::4]:
        with netCDF4.Dataset(path) as file:
            values = {name: np.asarray(file[name][:], float) for name in file.variables}
        yield int(re.search(r"orbit(\d+)", path.name)[1]), values


def test_orbits_are_the_real_ones(real_data):
    """Number, place, angles and time of the pixels of real orbits, from the date alone."""
    for number, real in real_orbits(real_data):
        start = datetime(2010, 1, 1) + timedelta(seconds=real["datetime_start"].min())
        orbit = orbit_of(start.date(), 16.6, 35.6)
        assert orbit.number == number
        swath = swath_over(orbit, SICILY, 0.3)
        points = np.column_stack([swath.lat.ravel(), swath.lon.ravel()])
        _, near = cKDTree(points).query(np.column_stack([real["latitude"], real["longitude"]]))
        zenith = swath.viewing_zenith.ravel()[near] - real["sensor_zenith_angle"]
        assert np.abs(zenith).max() < 3.0
        off_nadir = real["sensor_zenith_angle"] > 5
        azimuth = swath.viewing_azimuth.ravel()[near] - real["sensor_azimuth_angle"]
        assert np.abs(azimuth[off_nadir]).max(initial=0) < 10.0
        seconds = np.repeat(swath.seconds, PIXELS)[near]
        node = orbit.node_time.replace(tzinfo=None) - datetime(2010, 1, 1)
        assert np.abs(node.total_seconds() + seconds - real["datetime_start"]).max() < 150.0


def test_sun_agrees_with_real_granules(real_data):
    for _, real in real_orbits(real_data):
        start = datetime(2010, 1, 1) + timedelta(seconds=real["datetime_start"][0])
        later = real["datetime_start"] - real["datetime_start"][0]
        zenith, azimuth = sun_angles(start, real["latitude"], real["longitude"], later)
        assert np.abs(zenith - real["solar_zenith_angle"]).max() < 0.4
        assert np.abs(azimuth - real["solar_azimuth_angle"]).max() < 0.6


@pytest.fixture(scope="module")
def swath():
    return swath_over(orbit_of(date(2021, 4, 18), 9.0, 53.2), BOX, 0.4)


def test_neighbours_share_corners_and_pixels_are_convex(swath):
    lat, lon = swath.bounds(swath.lat_edges), swath.bounds(swath.lon_edges)
    assert lat.shape == (len(swath.seconds), PIXELS, 4)
    for bounds in (lat, lon):
        np.testing.assert_array_equal(bounds[:, :-1, 1], bounds[:, 1:, 0])
        np.testing.assert_array_equal(bounds[:, :-1, 2], bounds[:, 1:, 3])
        np.testing.assert_array_equal(bounds[:-1, :, 3], bounds[1:, :, 0])
    # Anticlockwise and convex: every turn is to the left.
    x, y = np.roll(lon, -1, axis=2) - lon, np.roll(lat, -1, axis=2) - lat
    turn = x * np.roll(y, -1, axis=2) - y * np.roll(x, -1, axis=2)
    assert (turn > 0).all()


def test_pixels_grow_to_the_edge_of_the_swath(swath):
    scale = 111.2 * np.cos(np.deg2rad(swath.lat_edges[:-1, :-1]))
    width = np.hypot(np.diff(swath.lon_edges[:-1], axis=1) * scale,
                     np.diff(swath.lat_edges[:-1], axis=1) * 111.2)  # fmt: skip
    length = np.hypot(np.diff(swath.lon_edges[:, :-1], axis=0) * scale,
                      np.diff(swath.lat_edges[:, :-1], axis=0) * 111.2)  # fmt: skip
    assert width[:, 225] == pytest.approx(3.54, abs=0.05)
    assert width[:, 0] == pytest.approx(14.4, abs=0.6)
    assert length[:, 225] == pytest.approx(5.5, abs=0.3)
    assert width.sum(axis=1) == pytest.approx(2600, abs=60)


def test_the_box_is_covered(swath):
    """Every place of the box lies within half a pixel's diagonal of a pixel's centre."""
    lat, lon = np.meshgrid(np.linspace(50.5, 56, 40), np.linspace(4.5, 13.5, 40))
    tree = cKDTree(np.column_stack([swath.lat.ravel(), 0.6 * swath.lon.ravel()]))
    distance, _ = tree.query(np.column_stack([lat.ravel(), 0.6 * lon.ravel()]))
    assert distance.max() * 111.2 < 9.0


def test_the_track_shifts_from_day_to_day_and_comes_back_after_16():
    nodes = [orbit_of(date(2021, 4, 1) + timedelta(days=n), 9.0, 53.2) for n in range(17)]
    longitudes = [round(orbit.node_longitude, 3) for orbit in nodes]
    assert len(set(longitudes[:16])) == 16
    assert longitudes[16] == longitudes[0]
    assert nodes[16].number - nodes[0].number == 227
    for orbit in nodes:
        local = orbit.node_time.hour + orbit.node_time.minute / 60 + orbit.node_longitude / 15
        assert local % 24 == pytest.approx(13.49, abs=0.02)


def test_a_box_out_of_reach_is_an_error():
    with pytest.raises(ValueError, match="does not see"):
        swath_over(orbit_of(date(2021, 4, 18), 9.0, 53.2), (100, -60, 110, -50), 0.4)
