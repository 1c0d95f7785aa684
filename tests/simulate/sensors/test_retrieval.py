"""Footprint means, noise and quality of the simulated column."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from mmaq.simulate.sensors.granule import keep_bits
from mmaq.simulate.sensors.retrieval import cloud_fraction, footprint_mean, retrieve

PLACE = Affine(2000.0, 0, 400e3, 0, -2000.0, 5.9e6)


def corners(cell, n=12, x0=420e3, y0=5.88e6):
    steps = np.arange(n + 1) * cell
    return np.meshgrid(x0 + steps, y0 - steps, indexing="xy")


@given(value=st.floats(0, 1e-3), cell=st.floats(500, 20_000))
def test_a_constant_column_stays_constant(value, cell):
    x, y = corners(cell)
    np.testing.assert_allclose(footprint_mean(np.full((40, 50), value), PLACE, x, y), value)


def test_footprint_mean_of_a_plane_is_its_value_at_the_centre():
    row, column = np.mgrid[:40, :50] + 0.5
    x, y = corners(3000.0)
    mean = footprint_mean(3.0 * column + 2.0 * row, PLACE, x, y)
    centre_x, centre_y = x[:-1, :-1] + 1500.0, y[:-1, :-1] - 1500.0
    expected = 3.0 * (centre_x - 400e3) / 2000 + 2.0 * (5.9e6 - centre_y) / 2000
    np.testing.assert_allclose(mean, expected)


def test_footprints_keep_the_total_of_a_plume():
    """Pixels that tile an area average to the area's own mean: nothing is lost between them."""
    row, column = np.mgrid[:40, :50]
    plume = np.exp(-((row - 20) ** 2 + (column - 25) ** 2) / 40.0)
    x, y = np.meshgrid(np.linspace(400e3, 500e3, 30), np.linspace(5.9e6, 5.82e6, 21))
    assert footprint_mean(plume, PLACE, x, y).mean() == pytest.approx(plume.mean(), rel=0.01)


def test_far_from_the_land_the_column_is_the_background():
    field = np.full((40, 50), 2.0)
    field[10:30, 10:40] = 9.0
    x, y = corners(5000.0, x0=1.2e6)
    np.testing.assert_allclose(footprint_mean(field, PLACE, x, y), 2.0)


def seen(truth=5e-5, cloud=0.0, sun=40.0, n=60_000):
    shape = (n // 100, 100)
    rng = np.random.default_rng(0)
    return retrieve(np.full(shape, truth), np.full(shape, cloud), np.full(shape, sun),
                    np.full(shape, 20.0), rng)  # fmt: skip


def test_noise_has_the_stated_precision_and_no_bias():
    found = seen()
    held = found.qa > 0
    error = (found.column[held] - 5e-5) / found.precision[held]
    assert error.mean() == pytest.approx(0, abs=0.02)
    assert error.std() == pytest.approx(1, abs=0.02)
    assert 1e-5 < np.median(found.precision[held]) < 1.5e-5


def test_cloud_raises_noise_and_lowers_quality():
    clear, cloudy = seen(), seen(cloud=0.6)
    assert np.nanmean(cloudy.precision) > 1.3 * np.nanmean(clear.precision)
    assert set(np.unique(clear.qa)) == {0, 100}
    assert set(np.unique(cloudy.qa)) == {0, 74}
    assert (cloudy.cloud_radiance_fraction > 0.5).all()


def test_failed_pixels_are_missing_and_say_so():
    for found in (seen(), seen(cloud=0.9), seen(sun=86.0)):
        np.testing.assert_array_equal(np.isnan(found.column), found.qa == 0)
        np.testing.assert_array_equal(np.isnan(found.precision), found.qa == 0)
    assert 0 < np.isnan(seen().column).mean() < 0.01
    assert np.isnan(seen(sun=86.0).column).all()


def test_clouds_drift_and_their_mean_is_that_of_central_europe():
    x, y = np.meshgrid(np.arange(200e3, 800e3, 2e4), np.arange(5.6e6, 6.2e6, 2e4))
    days = [date.fromordinal(date(2021, 1, 1).toordinal() + n) for n in range(0, 365, 3)]
    sky = np.array([cloud_fraction(1, day, (5.0, 2.0), x, y) for day in days])
    assert sky.min() >= 0
    assert sky.max() <= 0.9
    assert 0.4 < (sky > 0.2).mean() < 0.75
    assert np.corrcoef(sky[0].ravel(), sky[1].ravel())[0, 1] < 0.9


@given(st.floats(2.0**-30, 2.0**20, width=32), st.integers(4, 22))
def test_kept_bits_bound_the_relative_error(value, bits):
    kept = keep_bits(np.array([value], np.float32), bits)[0]
    assert abs(kept / np.float32(value) - 1) <= 2.0 ** -(bits + 1) * 1.001


@given(st.floats(-180, 180))
def test_places_are_multiples_of_their_step(value):
    kept = keep_bits(np.array([value], np.float32), -12)[0]
    assert kept * 4096 == np.rint(kept * 4096)
    assert abs(kept - value) <= 0.5 / 4096 + 1e-5
