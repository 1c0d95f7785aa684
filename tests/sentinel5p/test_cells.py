"""Spread and times: what sums of weights alone do not tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.config.data import Grid
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from tests.sentinel5p.granules import make_footprints

GRID = RegularGrid.from_config(Grid(bbox=(4.0, 50.0, 4.1, 50.1), resolution=0.1))


def columns(shares, values, name="granule", sigma=None):
    """Footprints that cover ``shares`` of the grid's only cell."""
    east = 4.0 + 0.1 * np.asarray(shares)
    west = np.full(len(shares), 4.0)
    lon = np.stack([west, east, east, west], 1)
    lat = np.tile([50.0, 50.0, 50.1, 50.1], (len(shares), 1))
    sums = Accumulator.empty(GRID)
    sums.add(make_footprints(lon, lat, values, sigma, name=name))
    return sums


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
@settings(max_examples=30, deadline=None)
def test_the_spread_is_numpys_weighted_deviation_whole_or_merged(seed, number):
    rng = np.random.default_rng(seed)
    # A large mean and a small spread, as methane has: the textbook formula would cancel.
    values, shares = 1850 + rng.normal(size=number), rng.uniform(0.1, 1, number)
    mean = np.average(values, weights=shares)
    expected = np.sqrt(np.average((values - mean) ** 2, weights=shares))
    whole = columns(shares, values)
    assert whole.spread()[0, 0] == pytest.approx(expected, rel=1e-9)
    cut = number // 2
    parts = columns(shares[:cut], values[:cut])
    parts.merge(columns(shares[cut:], values[cut:], name="other"))
    assert parts.spread()[0, 0] == pytest.approx(expected, rel=1e-9)


def test_one_value_has_no_spread_and_an_untouched_cell_none_at_all():
    assert columns([0.3, 1.0], [1.7e-4, 1.7e-4]).spread()[0, 0] == pytest.approx(0, abs=1e-17)
    assert np.isnan(Accumulator.empty(GRID).spread()[0, 0])


def test_merging_nothing_changes_nothing():
    sums, before = columns([0.3, 1.0], [1.0, 3.0]), columns([0.3, 1.0], [1.0, 3.0])
    sums.merge(Accumulator.empty(GRID))
    np.testing.assert_array_equal(sums.cells, before.cells)


def test_errors_lie_between_none_and_full_correlation():
    sums = columns([1.0, 1.0, 1.0, 1.0], [1.0] * 4, sigma=[2.0] * 4)
    assert sums.standard_error()[0, 0] == pytest.approx(1.0)  # 2 over the root of 4
    assert sums.correlated_error()[0, 0] == pytest.approx(2.0)


def test_first_and_last_observation_are_kept_through_a_merge():
    one, other = columns([1.0] * 3, [1.0] * 3), columns([1.0] * 7, [1.0] * 7, name="other")
    one.merge(other)
    assert (one.cells["first"][0, 0], one.cells["last"][0, 0]) == (0, 6)
