import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV

from mmaq.statistics.ridge import (
    PENALTIES,
    Scaling,
    fit_ridge,
    join_scaling,
    linear_features,
    solve_ridge,
)
from mmaq.statistics.splits import Fold


def _centred(rng, rows, columns):
    features = rng.normal(size=(rows, columns)) * rng.lognormal(0, 1, columns)
    return features - features.mean(axis=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(10, 60), st.integers(1, 90), st.integers(0, 999), st.floats(0.05, 5))
def test_the_fit_is_that_of_scikit_learn(rows, columns, seed, noise):
    rng = np.random.default_rng(seed)
    features = _centred(rng, rows, columns)
    target = 20 + features @ rng.normal(size=columns) / columns + rng.normal(0, noise, rows)
    weights, intercept = fit_ridge(features, target)
    chosen = RidgeCV(PENALTIES).fit(features, target)
    np.testing.assert_allclose(
        features @ weights + intercept, chosen.predict(features), rtol=1e-5, atol=1e-5
    )


def test_the_penalty_is_the_best_of_leaving_each_row_out_in_a_loop():
    rng = np.random.default_rng(4)
    features = _centred(rng, 25, 6)
    target = features @ rng.normal(size=6) + rng.normal(0, 3, 25)

    def error(penalty):
        left = [np.delete(np.arange(25), row) for row in range(25)]
        models = [Ridge(penalty).fit(features[rows], target[rows]) for rows in left]
        missed = [target[k] - models[k].predict(features[[k]])[0] for k in range(25)]
        return np.square(missed).mean()

    best = min(PENALTIES, key=error)
    weights, _ = fit_ridge(features, target)
    np.testing.assert_allclose(weights, Ridge(best).fit(features, target).coef_, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(10, 40), st.integers(1, 60), st.integers(0, 999), st.integers(0, 3))
def test_predictions_out_of_fold_are_those_of_fits_without_the_fold(rows, columns, seed, buffer):
    rng = np.random.default_rng(seed)
    features = _centred(rng, rows, columns)
    target = 20 + features @ rng.normal(size=columns) / columns + rng.normal(0, 2, rows)
    order = rng.permutation(rows)
    test, near, train = np.split(order, [rows // 4, rows // 4 + buffer])
    found = solve_ridge(features, target)
    square = np.linalg.svd(features, compute_uv=False) ** 2
    penalty = np.median(
        square[: len(found.kept)] / np.sort(found.kept)[::-1] - square[: len(found.kept)]
    )
    left_out = Ridge(penalty).fit(features[train], target[train]).predict(features[test])
    inside = found.out_of_fold([Fold(train, test)])
    np.testing.assert_allclose(inside[test], left_out, rtol=1e-4, atol=1e-3)
    assert np.isnan(inside[np.concatenate([train, near])]).all()


def test_features_without_any_spread_give_the_mean():
    weights, intercept = fit_ridge(np.zeros((10, 3)), np.arange(10.0))
    assert intercept == 4.5
    assert not weights.any()


def _standardise(values, train):
    return Scaling.of(values[train]).apply(values)


def test_statistics_are_those_of_the_training_rows_alone():
    rng = np.random.default_rng(5)
    values, train = rng.normal(3, 2, (30, 4)), np.arange(20)
    scaled = _standardise(values, train)
    np.testing.assert_allclose(scaled[train].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled[train].std(axis=0), 1)
    moved = values.copy()
    moved[20:] += 1000
    np.testing.assert_array_equal(_standardise(moved, train)[train], scaled[train])


def test_missing_values_and_flat_columns_become_the_training_mean():
    values = np.array([[1.0, 7.0, np.nan], [3.0, 7.0, np.nan], [np.nan, 9.0, 5.0]])
    scaled = _standardise(values, np.array([0, 1]))
    np.testing.assert_allclose(scaled, [[-1, 0, 0], [1, 0, 0], [0, 0, 0]])


def test_joined_blocks_weigh_the_same_whatever_their_width():
    rng = np.random.default_rng(6)
    blocks = [rng.normal(size=(50, 300)), rng.normal(size=(50, 8))]
    joined = join_scaling(blocks).apply(np.hstack(blocks))
    variance = joined.var(axis=0)
    assert variance[:300].sum() == pytest.approx(variance[300:].sum())
    assert joined.shape == (50, 308)


def test_population_enters_as_a_logarithm():
    features = np.full((2, 8), 3.0)
    features[:, 1] = [0.0, np.e - 1]
    unfolded = linear_features(features)
    np.testing.assert_allclose(unfolded[:, 1], [0.0, 1.0])
    assert features[1, 1] == np.e - 1


def test_a_feature_that_knows_the_target_in_the_test_part_alone_helps_nothing():
    rng = np.random.default_rng(7)
    target, train, test = rng.normal(20, 8, 120), np.arange(80), np.arange(80, 120)
    features = rng.normal(size=(120, 5))
    features[test, 0] = target[test]
    features = _standardise(features, train)
    centre = features[train].mean(axis=0)
    weights, intercept = fit_ridge(features[train] - centre, target[train])
    error = (features[test] - centre) @ weights + intercept - target[test]
    assert np.square(error).mean() > 0.9 * target[test].var()
