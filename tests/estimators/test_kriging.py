"""Kriging with covariates against scikit-learn's Gaussian process and a density of scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.spatial.distance import squareform
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    ConstantKernel,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)

from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors
from mmaq.estimators.kriging import (
    SPREAD,
    START,
    Covariance,
    Stations,
    distances,
    fit_covariance,
    krige,
    krige_within,
    misfit,
)

ONE = Covariance(np.array([1.0]), 0.8, 0.4, 30.0, 0.3, 500.0, 0.2)
PLACES_ONLY = replace(ONE, alike=1e-12, far=1e-12)


def made_up(count, seed=0, width=1):
    rng = np.random.default_rng(seed)
    places = np.column_stack([rng.uniform(5, 9, count), rng.uniform(48, 51, count)])
    return Stations(rng.normal(size=(count, width)), places)


def pairs_apart(stations):
    return squareform(distances(stations.places, stations.places), checks=False)


def drawn(covariance, stations, seed=1):
    """A target of mean 0."""
    rng = np.random.default_rng(seed)
    count = len(stations.places)
    values = rng.multivariate_normal(np.zeros(count), covariance.matrix(stations))
    return values - values.mean()


def kriged(covariance, stations, target, at):
    return krige(covariance, stations, target).mean(at)


def test_in_space_it_is_the_gaussian_process_of_scikit_learn():
    known, at = made_up(60), made_up(20, 7)
    values = drawn(ONE, known)
    near = ConstantKernel(0.4, "fixed") * Matern(30.0, "fixed", nu=0.5)
    far = ConstantKernel(0.3, "fixed") * Matern(500.0, "fixed", nu=0.5)
    process = GaussianProcessRegressor(near + far + WhiteKernel(0.2, "fixed"), optimizer=None)
    points = [EARTH_RADIUS_KM * unit_vectors(*some.places.T) for some in (known, at)]
    expected = process.fit(points[0], values).predict(points[1])
    found = kriged(replace(ONE, alike=1e-12), known, values, at)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_a_fold_of_a_matrix_is_kriged_as_its_stations_are():
    stations = made_up(60, width=1)
    values = drawn(ONE, stations) + 3.0
    train, test = np.arange(0, 40), np.arange(45, 60)
    found = krige_within(ONE.matrix(stations), values, train, test)
    expected = kriged(ONE, stations.take(train), values[train], stations.take(test))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_in_features_it_is_the_gaussian_process_of_scikit_learn():
    lengths = np.array([0.5, 2.0, 1.0])
    known, at = made_up(60, width=3), made_up(20, 7, width=3)
    covariance = replace(ONE, lengths=lengths, near=1e-12, far=1e-12)
    values = drawn(covariance, known)
    kernel = ConstantKernel(0.8, "fixed") * RationalQuadratic(1.0, 1.0, "fixed", "fixed")
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.2, "fixed"), optimizer=None)
    expected = process.fit(known.features / lengths, values).predict(at.features / lengths)
    np.testing.assert_allclose(
        kriged(covariance, known, values, at), expected, rtol=1e-7, atol=1e-9
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99))
def test_the_misfit_is_the_likelihood_of_scipy_and_its_gradient_is_right(seed):
    stations = made_up(25, seed, width=2)
    rng = np.random.default_rng(seed)
    target = rng.normal(size=25)
    logarithms = np.log([2, 2, *START]) + rng.normal(0, 0.3, 8)
    apart = pairs_apart(stations)
    value, gradient = misfit(logarithms, stations.features, apart, target)
    full = Covariance.of(logarithms).matrix(stations)
    prior = 0.5 * np.sum(((logarithms[:2] - np.log(2)) / SPREAD) ** 2)
    constant = 0.5 * 25 * np.log(2 * np.pi)
    expected = prior - constant - multivariate_normal.logpdf(target, cov=full)
    assert value == pytest.approx(expected)
    by_steps = approx_fprime(
        logarithms, lambda at: misfit(at, stations.features, apart, target)[0], 1e-6
    )
    np.testing.assert_allclose(gradient, by_steps, rtol=1e-3, atol=1e-3)


def test_the_fit_is_better_than_the_truth_and_finds_which_feature_matters():
    stations = made_up(150, width=3)
    truth = replace(ONE, lengths=np.array([0.7, 1e3, 1e3]), alike=1.0)
    values = drawn(truth, stations)
    values = (values - values.mean()) / values.std()
    found, apart = fit_covariance(stations, values), pairs_apart(stations)
    logarithms = np.log([*found.lengths, found.alike, found.near, found.near_km, found.far,
                         found.far_km, found.nugget])  # fmt: skip
    assert misfit(logarithms, stations.features, apart, values)[0] <= misfit(
        np.log([3, 3, 3, *START]), stations.features, apart, values
    )[0]  # fmt: skip
    assert np.argmin(found.lengths) == 0
    assert found.lengths[0] < 3 < found.lengths[1:].min()


def test_noise_without_a_pattern_is_left_alone():
    stations, noise = made_up(200, width=2), np.random.default_rng(3).normal(size=200)
    noise = (noise - noise.mean()) / noise.std()
    told = kriged(fit_covariance(stations, noise), stations, noise, made_up(50, 9, width=2))
    assert np.std(told) < 0.35


def test_far_away_nothing_is_told_and_on_the_spot_everything():
    covariance = replace(PLACES_ONLY, nugget=1e-10)
    known = made_up(30)
    values = drawn(covariance, known)
    np.testing.assert_allclose(kriged(covariance, known, values, known), values, atol=1e-6)
    away = Stations(np.zeros((1, 1)), np.array([[-60.0, -40.0]]))
    assert np.abs(kriged(covariance, known, values, away)).max() < 1e-9


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(20)), st.floats(0.1, 10.0))
def test_neither_order_nor_units_of_features_matter(order, unit):
    known, at = made_up(20), made_up(5, 2)
    values, order = drawn(ONE, known), np.array(order)
    expected = kriged(ONE, known, values, at)
    np.testing.assert_allclose(kriged(ONE, known.take(order), values[order], at), expected)
    scaled = replace(ONE, lengths=ONE.lengths * unit)
    others = [Stations(some.features * unit, some.places) for some in (known, at)]
    np.testing.assert_allclose(kriged(scaled, others[0], values, others[1]), expected)


def test_a_level_is_kept():
    known, at = made_up(20), made_up(5, 2)
    values = drawn(ONE, known)
    raised = kriged(ONE, known, values + 30.0, at)
    np.testing.assert_allclose(raised, kriged(ONE, known, values, at) + 30.0)


def test_distances_are_those_of_a_globe():
    quarter = distances(np.array([[0.0, 0.0]]), np.array([[90.0, 0.0], [0.1, 0.0]]))
    assert quarter[0, 0] == pytest.approx(np.sqrt(2) * EARTH_RADIUS_KM)
    assert quarter[0, 1] == pytest.approx(11.12, abs=0.01)
