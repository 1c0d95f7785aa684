"""The whole world: determinism, sites, and NO2 at the ground."""

from __future__ import annotations

import pickle
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from mmaq.base.errors import ConfigError
from mmaq.config.data import Period, Simulate
from mmaq.simulate.world.air import breathe, local_increments, no2_of_nox
from mmaq.simulate.world.local import distances
from mmaq.simulate.world.make import make_world
from mmaq.simulate.world.siting import draw_candidates
from mmaq.vocabulary import AREAS, TYPES

TINY = Simulate(extent_km=60, stations=5, unlabelled=5)
DAYS = [date(2021, 1, 25), date(2021, 1, 31), date(2021, 7, 7)]


@pytest.fixture(scope="module")
def stations(world):
    return world.sites[world.sites["labelled"]].reset_index(drop=True)


def test_same_seed_same_world_another_seed_another(world):
    first, again = (make_world(TINY, Period()) for _ in range(2))
    assert pickle.dumps(first) == pickle.dumps(again)
    other = make_world(TINY.model_copy(update={"seed": 2}), Period())
    assert not np.array_equal(first.elevation_field, other.elevation_field)
    assert not first.sites["x"].equals(other.sites["x"])
    assert first.wind(date(2021, 3, 1)) != other.wind(date(2021, 3, 1))


def test_the_land_does_not_depend_on_how_many_sites_or_days():
    first = make_world(TINY, Period())
    more = make_world(
        TINY.model_copy(update={"stations": 9}),
        Period(start=date(2021, 6, 1), end=date(2022, 1, 2)),
    )
    np.testing.assert_array_equal(first.roads.volume, more.roads.volume)
    np.testing.assert_array_equal(first.land.forest, more.land.forest)
    assert first.wind(date(2021, 6, 2)) == more.wind(date(2021, 6, 2))


def test_a_pickled_world_sees_the_same(world):
    again = pickle.loads(pickle.dumps(world))
    x, y = world.sites["x"].to_numpy(), world.sites["y"].to_numpy()
    np.testing.assert_array_equal(again.cover(x, y), world.cover(x, y))


def test_sites_are_as_asked(world):
    sites = world.sites
    assert sites["labelled"].sum() == 60
    assert (~sites["labelled"]).sum() == 80
    assert sites["site_id"].is_unique
    assert (sites[list(AREAS)].sum(axis=1) == 1).all()
    assert (sites.loc[sites["labelled"], list(TYPES)].sum(axis=1) == 1).all()
    assert sites.loc[~sites["labelled"], list(TYPES)].isna().all(axis=None)
    assert sites["lon"].between(8.0, 10.0).all()
    assert sites["lat"].between(52.9, 53.6).all()
    assert (sites["altitude"] >= 0).all()


def test_patches_of_320_m_never_overlap(world):
    assert pdist(world.sites[["x", "y"]].to_numpy()).min() >= 500.0


def test_kinds_have_the_shares_of_the_real_table(stations):
    shares = stations[list(TYPES)].mean()
    assert shares["background"] == pytest.approx(0.586, abs=0.06)
    assert shares["traffic"] == pytest.approx(0.283, abs=0.06)


def test_traffic_stations_stand_at_busy_roads_and_others_away(world, stations):
    _, busy = distances(world, stations["x"].to_numpy(), stations["y"].to_numpy())
    kerb = stations["traffic"] == 1
    assert np.median(busy[kerb]) < 40.0
    assert busy[~kerb].min() > 45.0


def test_too_many_sites_are_refused():
    with pytest.raises(ConfigError, match="sites, not 60000"):
        make_world(Simulate(extent_km=60, stations=50_000, unlabelled=10_000), Period())


def test_candidates_of_industry_stand_near_industry(world):
    x, y = draw_candidates(world, "industrial", 200, np.random.default_rng(0))
    fence = np.hypot(x[:, None] - world.industry.x, y[:, None] - world.industry.y)
    assert ((fence - world.industry.radius).min(axis=1) < 921.0).all()


def test_ozone_limits_no2():
    nox = np.linspace(0.0, 300.0, 100)
    no2 = no2_of_nox(nox)
    assert (no2 <= nox).all()
    assert (np.diff(no2) > 0).all()
    assert no2_of_nox(np.array(100.0)) == pytest.approx(100 * (103 / 230 + 0.005))


def test_air_is_higher_at_traffic_and_in_winter(world, stations):
    x, y = stations["x"].to_numpy(), stations["y"].to_numpy()
    days = [date(2021, month, day) for month in (1, 7) for day in range(1, 29)]
    air = breathe(world, x, y, np.ones(len(x)), days)
    assert air.surface.shape == (56, len(x))
    assert (air.surface > 0).all()
    assert air.surface[:28].mean() > air.surface[28:].mean()
    mean = pd.Series(air.surface.mean(axis=0))
    traffic = mean[stations["traffic"] == 1].mean()
    background = mean[stations["background"] == 1].mean()
    assert traffic > background
    assert 2.0 < mean.mean() < 60.0
    assert ((air.column > 0.6e-5) & (air.column < 4e-4)).all()


def test_mean_column_is_the_mean_of_the_days_columns(world, stations):
    x, y = stations["x"].to_numpy(), stations["y"].to_numpy()
    air = breathe(world, x, y, np.ones(len(x)), DAYS)
    grid = world.emissions.grid
    expected = np.mean([grid.sample(world.column(day)[0], x, y) for day in DAYS], axis=0)
    np.testing.assert_allclose(air.column, expected, rtol=1e-6)


def test_canyon_scales_the_street_alone(world, stations):
    x, y = stations["x"].to_numpy(), stations["y"].to_numpy()
    one, two = (local_increments(world, x, y, np.full(len(x), f)) for f in (1.0, 2.0))
    np.testing.assert_allclose(two.street, 2 * one.street)
    np.testing.assert_array_equal(two.houses, one.houses)
    np.testing.assert_array_equal(two.industry, one.industry)
