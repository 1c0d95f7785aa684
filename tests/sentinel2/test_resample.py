from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from mmaq.sentinel2.resample import Axis, bilinear, nearest, taps

pixels = st.sampled_from([10.0, 20.0, 60.0])


def axes(pixel, side=600.0):
    return Axis(0.0, 10.0, round(side / 10)), Axis(0.0, pixel, round(side / pixel))


@settings(deadline=None)
@given(pixel=pixels, start=st.integers(6, 40), size=st.integers(1, 12), slope=st.floats(-9, 9))
def test_a_linear_ramp_is_reproduced(pixel, start, size, slope):
    target, source = axes(pixel)
    found = taps(target, start, size, source)
    centres = (np.arange(source.length) + 0.5) * pixel
    ramp = 100 + slope * centres[found.first : found.first + found.count]
    expected = 100 + slope * (start + np.arange(size) + 0.5) * 10
    np.testing.assert_allclose(found.weights @ ramp, expected, atol=1e-9)


@settings(deadline=None)
@given(pixel=pixels, start=st.integers(0, 48), seed=st.integers(0, 99))
def test_agrees_with_scipy_at_and_inside_the_edges(pixel, start, seed):
    target, source = axes(pixel)
    values = np.random.default_rng(seed).uniform(1, 9000, (source.length, source.length))
    found = taps(target, start, 12, source)
    block = slice(found.first, found.first + found.count)
    cut = values[block, block]
    fine, valid = bilinear(cut, np.ones(cut.shape, bool), found, found)
    at = ((start + np.arange(12) + 0.5) * 10) / pixel - 0.5
    grid = np.meshgrid(at, at, indexing="ij")
    np.testing.assert_allclose(fine, map_coordinates(values, grid, order=1, mode="nearest"))
    assert valid.all()
    held = nearest(cut, found, found)
    inside = ((start + np.arange(12) + 0.5) * 10 // pixel).astype(int)
    np.testing.assert_array_equal(held, values[np.ix_(inside, inside)])


@settings(deadline=None)
@given(start=st.integers(0, 48), seed=st.integers(0, 99))
def test_no_data_neither_spreads_nor_leaks(start, seed):
    target, source = axes(20.0)
    found = taps(target, start, 12, source)
    shape = (3, found.count, found.count)
    valid = np.random.default_rng(seed).random(shape) < 0.6
    # A constant field stays constant wherever it is valid, however many neighbours are missing.
    fine, held = bilinear(np.where(valid, 700.0, -1e9), valid, found, found)
    np.testing.assert_array_equal(held, nearest(valid, found, found))
    np.testing.assert_allclose(fine[held], 700.0)
    assert (fine[~held] == 0).all()


def test_a_shifted_coarse_grid_is_placed_by_its_own_origin():
    # Source pixels of 20 m whose edges lie 10 m off the target's: centres at 20, 40, ... m.
    found = taps(Axis(0.0, 10.0, 60), 4, 4, Axis(10.0, 20.0, 20))
    values = 20.0 + 20.0 * np.arange(found.first, found.first + found.count)
    np.testing.assert_allclose(found.weights @ values, [45, 55, 65, 75])


def test_a_raster_of_one_pixel():
    found = taps(Axis(0.0, 10.0, 6), 0, 6, Axis(0.0, 60.0, 1))
    assert (found.first, found.count) == (0, 1)
    np.testing.assert_array_equal(found.weights, np.ones((6, 1)))
