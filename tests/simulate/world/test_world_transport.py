"""Transport: mass, wind and lifetime against a brute-force plume, and the emissions' sums."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ConfigError
from mmaq.simulate.world.emissions import VEHICLE
from mmaq.simulate.world.weather import DISPERSION, Transport
from mmaq.simulate.world.world import BACKGROUND, NO2_SHARE

STEP = 2000.0


@pytest.fixture(scope="module")
def transport():
    return Transport((60, 60), STEP)


def plume(transport, row, column, wind, lifetime):
    emission = np.zeros(transport.shape)
    emission[row, column] = 1e-8
    spectrum = transport.spectrum(emission) * transport.response(*wind, lifetime)
    return emission, transport.column(spectrum), spectrum


@settings(max_examples=20, deadline=None)
@given(
    east=st.floats(-10, 10), north=st.floats(-10, 10), lifetime=st.floats(3600, 30_000),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_total_column_is_emission_times_lifetime(east, north, lifetime, seed):
    transport = Transport((20, 30), STEP)
    emission = np.random.default_rng(seed).uniform(0, 1e-8, transport.shape)
    spectrum = transport.spectrum(emission) * transport.response(east, north, lifetime)
    assert spectrum[0, 0].real == pytest.approx(emission.sum() * lifetime, rel=1e-9)


def test_mass_stays_on_the_grid_when_the_air_is_still(transport):
    emission, column, _ = plume(transport, 30, 30, (0.0, 0.0), 3600.0)
    assert column.sum() == pytest.approx(emission.sum() * 3600.0, rel=1e-3)


@pytest.mark.parametrize(
    ("wind", "towards"),
    [((6.0, 0.0), (0, 1)), ((-6.0, 0.0), (0, -1)), ((0.0, 6.0), (-1, 0)), ((0.0, -6.0), (1, 0))],
)
def test_plume_drifts_with_the_wind(transport, wind, towards):
    _, column, _ = plume(transport, 30, 30, wind, 1500.0)
    rows, columns = np.indices(column.shape)
    drift = np.array([(column * (rows - 30)).sum(), (column * (columns - 30)).sum()])
    drift *= STEP / column.sum()
    # The mean travel is wind x lifetime.
    np.testing.assert_allclose(drift, np.array(towards) * 6.0 * 1500.0, atol=150.0)


def test_matches_a_sum_of_gaussian_puffs(transport):
    """Independent reference: puffs of every age, drifting, spreading and decaying."""
    wind, lifetime = (4.0, 2.0), 5000.0
    _, column, _ = plume(transport, 35, 20, wind, lifetime)
    age = np.arange(20.0, 60_000.0, 40.0)
    rows, columns = np.indices(column.shape)
    x, y = (columns - 20) * STEP, (35 - rows) * STEP
    expected = np.zeros(column.shape)
    for t in age:
        # The source cell is spread over its square: give the puff the square's variance.
        square = 2 * DISPERSION * t + STEP**2 / 12
        away = (x - wind[0] * t) ** 2 + (y - wind[1] * t) ** 2
        puff = np.exp(-away / (2 * square) - t / lifetime) / (2 * np.pi * square)
        expected += 1e-8 * STEP**2 * 40.0 * puff
    far = np.hypot(x, y) > 3 * STEP
    np.testing.assert_allclose(column[far], expected[far], atol=0.01 * expected.max())


def test_constant_emission_is_unmoved_by_wind_inside(transport):
    emission = np.ones(transport.padded)
    spectrum = np.fft.rfft2(emission)
    response = transport.response(7.0, -3.0, 9000.0)
    column = np.fft.irfft2(spectrum * response, s=transport.padded)
    np.testing.assert_allclose(column, 9000.0, rtol=1e-9)


def test_column_of_a_day(world):
    column, transform = world.column(date(2021, 2, 1))
    assert column.shape == (30, 30)
    assert transform.a == 2000.0
    assert transform.e == -2000.0
    assert (transform.c, transform.f) == (470e3, 5930e3)
    assert column.min() >= BACKGROUND
    assert column.max() < 1e-3
    weather = world.weather(date(2021, 2, 1))
    fields = world.emissions
    emission = (
        weather.traffic * fields.traffic + weather.heating * fields.heating + fields.industry
        + fields.power
    )  # fmt: skip
    inside = (column - BACKGROUND).sum() / (NO2_SHARE * emission.sum() * weather.lifetime)
    assert 0.05 < inside < 1.001, "what is missing has left over the edges"


def test_day_outside_the_period_is_refused(world):
    with pytest.raises(ConfigError, match="1999-01-01 lies outside 2021"):
        world.wind(date(1999, 1, 1))


def test_no_emission_is_lost_on_the_way_to_the_grid(world):
    cell = world.emissions.grid.step**2
    total = {name: getattr(world.emissions, name).sum() * cell for name in ("industry", "power")}
    assert total["industry"] == pytest.approx(world.industry.emission.sum())
    assert total["power"] == pytest.approx(world.plants.emission.sum())
    heating = world.heating.sum() * world.grid.step**2
    assert world.emissions.heating.sum() * cell == pytest.approx(heating, rel=1e-5)
    roads = world.roads
    length = np.zeros(len(roads))
    for i in range(len(roads)):
        part = slice(roads.start[i], roads.start[i + 1])
        length[i] = np.hypot(np.diff(roads.x[part]), np.diff(roads.y[part])).sum()
    traffic = VEHICLE * (length * roads.volume).sum()
    assert world.emissions.traffic.sum() * cell == pytest.approx(traffic, rel=1e-4)
