"""The plume obeys its formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from mmaq.simulate.plants.plume import (
    CONDENSED,
    Air,
    Source,
    droplet_column,
    lay_over,
    opacity,
    spreads,
)

STEPS = (np.arange(200) - 99.5) * 10
EAST, NORTH = np.meshgrid(STEPS, -STEPS)
CALM = np.zeros_like(EAST)
TOWER = Source(0.0, 0.0, 36.0, 300.0, 0.0)
COLD = Air(5.0, 0.0, 274.0, 85.0)


def _drops(air, source=TOWER, sway=(0.0, 1e9)):
    return opacity([source], air, EAST, NORTH, CALM, sway)[0]


@pytest.mark.parametrize("wind", [(5, 0), (-5, 0), (0, 5), (0, -5), (3, -4)])
def test_the_plume_lies_downwind(wind):
    drops = _drops(Air(*wind, 274.0, 85.0))
    east, north = (np.average(axis, weights=drops) for axis in (EAST, NORTH))
    assert np.hypot(east, north) > 100
    np.testing.assert_allclose(np.array([east, north]) / np.hypot(east, north),
                               np.array(wind) / 5, atol=0.05)  # fmt: skip


def test_warm_dry_air_eats_the_plume():
    lengths = [
        (_drops(Air(5.0, 0.0, kelvin, humidity)) > 0.15).sum()
        for kelvin, humidity in ((274.0, 90.0), (274.0, 70.0), (285.0, 70.0), (298.0, 45.0))
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 3 * lengths[-1]


def test_saturation_is_that_of_the_tables():
    assert np.isclose(Air(1, 0, 293.15, 0.0).deficit, 0.0173, rtol=0.01)
    assert np.isclose(Air(1, 0, 273.15, 50.0).deficit, 0.00485 / 2, rtol=0.01)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-4, 0.1), st.floats(5, 100), st.floats(1e-4, 0.05))
def test_the_column_of_droplets_is_the_integral(peak, high, deficit):
    def excess(z):
        return max(0.0, peak * np.exp(-0.5 * (z / high) ** 2) - deficit)

    top = high * np.sqrt(2 * np.log(max(peak / deficit, 1.0)))
    expected = CONDENSED * 2 * quad(excess, 0, top)[0]
    found = droplet_column(np.array([peak]), np.array([high]), deficit)[0]
    assert np.isclose(found, expected, rtol=1e-6, atol=1e-12)


def test_smoke_is_carried_and_not_lost():
    """Across the wind the column of smoke adds up to Q / u at every distance (Gaussian plume)."""
    source = Source(0.0, 0.0, 20.0, 0.0, 2.0)
    smoke = opacity([source], COLD, EAST, NORTH, CALM - 0.0, (0.0, 1e9))[1]
    depth = -np.log(1 - smoke) / 4.0 / np.exp(-0.045)
    across = depth.sum(axis=0) * 10
    np.testing.assert_allclose(across[(STEPS > 100) & (STEPS < 600)], 2.0 / 5.0, rtol=0.02)


def test_the_plume_widens():
    wide, high = spreads(np.array([10.0, 100.0, 1000.0]), 20.0)
    assert (np.diff(wide) > 0).all()
    assert (np.diff(high) > 0).all()


def test_droplets_whiten_and_smoke_is_bluer_than_soot():
    ground = np.full((1, 12), 500.0, np.float32)
    white = lay_over(ground, np.array([1.0]), np.array([0.0]))[0]
    veil = lay_over(ground, np.array([0.0]), np.array([0.3]))[0]
    assert white[1] > 5000
    assert veil[1] - 500 > veil[3] - 500 > veil[7] - 500 > 0
    np.testing.assert_allclose(lay_over(ground, np.zeros(1), np.zeros(1)), ground, rtol=1e-5)
