"""Grid, noise and the fields of the land."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmaq.simulate.world.grid import (
    Grid,
    coarsen,
    gaussian_field,
    hashed,
    lattice_noise,
    parcel,
    square,
)
from mmaq.simulate.world.settlements import SMALLEST
from mmaq.simulate.world.weather import season, weather_of_year

GRID = Grid(1000.0, 9000.0, 500.0, 16, 12)


def test_sampling_reproduces_a_plane_between_centres():
    x, y = GRID.centres()
    plane = 3.0 + 0.01 * x - 0.02 * y
    points = np.random.default_rng(0).uniform([1250, 1250], [6700, 8700], (50, 2))
    found = GRID.sample(plane, points[:, 0], points[:, 1])
    np.testing.assert_allclose(found, 3.0 + 0.01 * points[:, 0] - 0.02 * points[:, 1])


def test_transform_and_cells_agree():
    step = GRID.transform
    x, y = step.c + 3.5 * step.a, step.f + 7.5 * step.e
    assert (GRID.centres()[0][7, 3], GRID.centres()[1][7, 3]) == (x, y)
    row, column = GRID.cells(np.array([x]), np.array([y]))
    assert (row[0], column[0]) == (7, 3)


@given(hnp.arrays(float, (8, 12), elements=st.floats(-1e6, 1e6)))
def test_coarsening_keeps_the_mean(field):
    assert coarsen(field, 4).mean() == pytest.approx(field.mean(), abs=1e-6)


def test_square_is_centred_and_snapped():
    grid = square(600.0, 500.0)
    assert (grid.west, grid.north, grid.rows) == (200e3, 6200e3, 1200)
    small = square(60.0, 500.0)
    assert (small.west + 30e3, small.north - 30e3) == (500e3, 5900e3)


def test_gaussian_field_is_standard_and_longer_lengths_are_smoother():
    fields = [gaussian_field(np.random.default_rng(1), (128, 96), n) for n in (1.0, 8.0)]
    rough = [np.abs(np.diff(field, axis=0)).mean() for field in fields]
    for field in fields:
        assert field.shape == (128, 96)
        assert field.mean() == pytest.approx(0.0, abs=1e-9)
        assert field.std() == pytest.approx(1.0)
    assert rough[1] < 0.3 * rough[0]


def test_lattice_noise_is_about_standard_and_continuous():
    points = np.random.default_rng(2).uniform(0, 1e5, (4000, 2))
    values = np.array([lattice_noise(x, y, 300.0, 5) for x, y in points])
    assert values.mean() == pytest.approx(0.0, abs=0.08)
    assert values.std() == pytest.approx(1.0, abs=0.15)
    assert lattice_noise(299.999, 40.0, 300.0, 5) == pytest.approx(
        lattice_noise(300.001, 40.0, 300.0, 5), abs=1e-3
    )


@given(st.integers(-10_000, 1_000_000), st.integers(-10_000, 1_000_000), st.integers(0, 10**6))
def test_hash_lies_in_the_unit_interval_and_depends_on_the_key(i, j, key):
    assert 0.0 <= hashed(i, j, key) < 1.0
    assert hashed(i, j, key) != hashed(i, j, key + 1)


def test_parcels_are_patches_of_the_given_size():
    x = np.arange(0.0, 20_000.0, 20.0)
    names = {parcel(a, 50.0, 240.0, 3) for a in x}
    assert 20_000 / 240 / 2 < len(names) < 20_000 / 240 * 2


def test_coast_in_the_north_hills_in_the_south(world):
    height = world.elevation_field
    north, south = np.array_split(height, 2)
    assert (north < 0).mean() > 0.2
    assert (height[-20:] > 0).mean() > 0.95
    assert np.maximum(south, 0).mean() > 2 * np.maximum(north, 0).mean()


def test_population_holds_the_settlements_and_spares_the_water(world):
    people = world.population.sum() * (world.grid.step / 1000) ** 2
    assert people == pytest.approx(world.settlements.inhabitants.sum(), rel=0.35)
    assert (world.population[world.elevation_field <= 0] == 0).all()


def test_settlement_sizes_follow_zipf(world):
    sizes = world.settlements.inhabitants
    rank = np.arange(1, len(sizes) + 1)
    slope = np.polyfit(np.log(rank), np.log(sizes), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)
    assert sizes.min() > 0.6 * SMALLEST


def test_width_follows_traffic_but_not_perfectly(world):
    roads = world.roads
    agreement = np.corrcoef(np.sqrt(roads.volume), roads.width)[0, 1]
    assert 0.85 < agreement < 0.999
    assert np.median(roads.volume[roads.kind == 0]) > np.median(roads.volume[roads.kind == 2])


def test_sources_lie_on_land(world):
    for source in (world.industry, world.plants):
        assert (world.elevation(source.x, source.y) > 0).all()
    clean = np.isin(world.plants.fuel, [3, 4, 5])
    assert (world.plants.emission[clean] == 0).all()
    assert (world.plants.emission[~clean] > 0).all()


def test_a_year_of_weather():
    year = weather_of_year(1, 2021)
    assert len(year) == 365
    assert len(weather_of_year(1, 2020)) == 366
    assert weather_of_year(1, 2021) == year != weather_of_year(2, 2021)
    east = np.array([day.east_wind for day in year])
    assert east.mean() > 1.0, "westerlies prevail"
    mean = np.mean([[day.traffic, day.heating] for day in year], axis=0)
    np.testing.assert_allclose(mean, 1.0, atol=0.02)
    assert year[0].lifetime > year[180].lifetime
    assert np.mean([day.ventilation for day in year]) == pytest.approx(1.0, abs=0.15)


def test_season_peaks_in_january():
    assert season(date(2021, 1, 15)) == pytest.approx(1.0)
    assert season(date(2021, 7, 16)) < -0.99
