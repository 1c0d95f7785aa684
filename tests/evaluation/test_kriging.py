"""Kriging against scikit-learn's Gaussian process and the likelihood of scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from mmaq.evaluation.geostatistics import kriged
from mmaq.evaluation.kriging import (
    RANGES_KM,
    SHARES,
    Covariance,
    distances,
    fit_covariance,
    krige,
)
from mmaq.evaluation.splits import EARTH_RADIUS_KM, make_folds, unit_vectors
from mmaq.sites import spatial_block


def places(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(5, 9, count), rng.uniform(48, 51, count)])


@pytest.fixture
def country_table():
    """Stations some 20 km apart."""
    at = places(240)
    block = spatial_block(at[:, 0], at[:, 1], 1.0)
    return pd.DataFrame({"lon": at[:, 0], "lat": at[:, 1], "block": block, "country": "DE"})


def matrix(covariance, at):
    full = covariance.sill * np.exp(-distances(at, at) / covariance.range_km)
    return full + covariance.nugget * np.eye(len(at))


def drawn(covariance, at, seed=1):
    return np.random.default_rng(seed).multivariate_normal(
        np.zeros(len(at)), matrix(covariance, at)
    )


def test_it_is_the_gaussian_process_of_scikit_learn():
    covariance, known, at = Covariance(40.0, 3.0, 1.5), places(60), places(20, 7)
    values = drawn(covariance, known)
    kernel = ConstantKernel(3.0, "fixed") * Matern(40.0, "fixed", nu=0.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(1.5, "fixed"), optimizer=None)
    points = [EARTH_RADIUS_KM * unit_vectors(*some.T) for some in (known, at)]
    expected = process.fit(points[0], values).predict(points[1])
    np.testing.assert_allclose(krige(covariance, known, values, at), expected, rtol=1e-8)


def test_the_covariance_is_the_likeliest_of_the_grid():
    at = places(80)
    values = drawn(Covariance(40.0, 2.0, 1.0), at)
    found = fit_covariance(at, values)

    def likelihood(range_km, share):
        shape = matrix(Covariance(range_km, share, 1.0 - share), at)
        scale = values @ np.linalg.solve(shape, values) / len(at)
        return multivariate_normal.logpdf(values, cov=scale * shape)

    grid = {(r, s): likelihood(r, s) for r in RANGES_KM for s in SHARES}
    range_km, share = max(grid, key=grid.get)
    assert found.sill == pytest.approx(share * (found.sill + found.nugget))
    assert found.range_km == range_km


def test_noise_without_a_pattern_is_left_alone():
    at, noise = places(200), np.random.default_rng(3).normal(size=200)
    told = krige(fit_covariance(at, noise), at, noise, places(50, 9))
    assert np.std(told) < 0.3


def test_far_away_nothing_is_told_and_on_the_spot_everything():
    covariance, known = Covariance(10.0, 2.0, 0.0), places(30)
    values = drawn(covariance, known)
    np.testing.assert_allclose(krige(covariance, known, values, known), values, atol=1e-8)
    assert np.abs(krige(covariance, known, values, np.array([[-60.0, -40.0]]))).max() < 1e-12


def test_the_order_of_stations_does_not_matter():
    covariance, known, at = Covariance(40.0, 3.0, 1.5), places(40), places(5, 2)
    values, order = drawn(covariance, known), np.random.default_rng(4).permutation(40)
    np.testing.assert_allclose(
        krige(covariance, known[order], values[order], at), krige(covariance, known, values, at)
    )


def test_residuals_of_zero_are_no_fault():
    covariance = fit_covariance(places(9), np.zeros(9))
    assert krige(covariance, places(9), np.zeros(9), places(3)).tolist() == [0, 0, 0]


def test_neighbours_tell_what_no_feature_knows(country_table):
    """A field of its own, which trees on noise cannot see, is found from the neighbours."""
    at = country_table[["lon", "lat"]].to_numpy(float)
    field = drawn(Covariance(80.0, 9.0, 0.5), at)
    noise = np.random.default_rng(5).normal(size=(len(at), 3))
    predict = kriged(noise, at, field)
    fold = make_folds(country_table, "random", 3, 0.0, 0)[0]
    found = predict(fold, 0)
    error = np.mean((found - field[fold.test]) ** 2)
    assert error < 0.6 * np.var(field[fold.test])


def test_inner_folds_are_split_as_the_fold_is(country_table):
    blocks = country_table["block"].to_numpy()
    for fold in make_folds(country_table, "blocks", 3, 5.0, 0):
        np.testing.assert_array_equal(fold.groups, blocks[fold.train])
    assert all(fold.groups is None for fold in make_folds(country_table, "random", 3, 5.0, 0))


def test_no_target_of_the_test_part_is_read(country_table):
    at = country_table[["lon", "lat"]].to_numpy(float)
    target = np.random.default_rng(6).normal(size=len(at))
    fold = make_folds(country_table, "random", 3, 0.0, 0)[0]
    hidden = target.copy()
    hidden[fold.test] = np.nan
    np.testing.assert_array_equal(kriged(at, at, target)(fold, 0), kriged(at, at, hidden)(fold, 0))
