"""Metrics agree with scikit-learn's, and are counted by hand where it has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    jaccard_score,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
)

from mmaq.statistics.metrics import (
    METRICS,
    class_metrics,
    confusion_cells,
    count_pixels,
    interval_metrics,
    metrics,
    pixel_metrics,
)
from mmaq.statistics.resamples import Resamples

R2, MSE, RMSE, MAE, BIAS = range(len(METRICS))

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


def _reference(target, prediction, weights):
    mse = mean_squared_error(target, prediction, sample_weight=weights)
    return [
        r2_score(target, prediction, sample_weight=weights),
        mse,
        np.sqrt(mse),
        mean_absolute_error(target, prediction, sample_weight=weights),
        np.average(prediction - target, weights=weights),
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 60), st.integers(0, 999), st.sampled_from([0.0, 300.0]))
def test_metrics_are_those_of_scikit_learn(size, seed, offset):
    rng = np.random.default_rng(seed)
    target = offset + rng.normal(20, 10, size)
    prediction = target + rng.normal(1, 5, size)
    weights = np.vstack([np.ones(size), rng.integers(1, 4, size)]).astype(float)
    expected = [_reference(target, prediction, row) for row in weights]
    drawn = Resamples(weights, np.arange(size))
    found = metrics(target, np.stack([prediction, target]), drawn)
    np.testing.assert_allclose(found[0], expected, rtol=1e-8)
    np.testing.assert_allclose(found[1], [[1.0, 0.0, 0.0, 0.0, 0.0]] * 2)


def test_r2_does_not_depend_on_the_unit_and_bias_keeps_its_sign():
    rng = np.random.default_rng(0)
    target, once = rng.normal(20, 10, 50), Resamples.once(50)
    prediction = target + 3.0
    values = metrics(target, prediction, once)[0]
    scaled = metrics(1000 * target + 7, 1000 * prediction + 7, once)[0]
    assert values[BIAS] == pytest.approx(3.0)
    assert scaled[R2] == pytest.approx(values[R2])
    assert scaled[MSE] == pytest.approx(1e6 * values[MSE])


def test_equal_targets_have_no_r2():
    values = metrics(np.full(5, 0.1), np.arange(5.0), Resamples.once(5))[0]
    assert np.isnan(values[R2])
    assert values[MAE] == pytest.approx(np.abs(np.arange(5.0) - 0.1).mean())


def test_coverage_width_and_score_are_counted_by_hand():
    target, low = np.array([10.0, 20.0, 30.0]), np.array([10.0, 22.0, 29.0])
    high, weights = np.array([14.0, 32.0, 31.0]), np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    found = interval_metrics(target, low, high, Resamples(weights, np.arange(3)))
    # the second lies 2 below its bound, which costs 2 / 0.1 each
    expected = [[2 / 3, 16 / 3, (16 + 40) / 3], [1 / 3, 22 / 3, (22 + 80) / 3]]
    np.testing.assert_allclose(found, expected)
    above = interval_metrics(target + 14.0, low, high, Resamples.once(3))
    np.testing.assert_allclose(above[0, 2], (16 + 20 * (10 + 2 + 13)) / 3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_no_other_bounds_score_better_than_the_quantiles(seed):
    rng = np.random.default_rng(seed)
    target = rng.gamma(3.0, 6.0, 4000)
    low, high = np.quantile(target, [0.05, 0.95])
    moved = np.add([[0, 0], [3, 0], [-3, 0], [0, 3], [0, -3]], [low, high])
    bounds = np.repeat(moved.T[:, :, None], len(target), axis=2)
    scores = interval_metrics(target, *bounds, Resamples.once(len(target)))[:, 0, 2]
    assert scores.argmin() == 0


@settings(max_examples=40, deadline=None)
@given(labels)
def test_accuracy_and_macro_f1_are_scikit_learns(pairs):
    truth, prediction = np.array(pairs).T
    counts = confusion_cells(truth, prediction).sum(axis=0, keepdims=True)
    accuracy, macro = class_metrics(counts)[0]
    assert np.isclose(accuracy, accuracy_score(truth, prediction))
    assert np.isclose(macro, f1_score(truth, prediction, average="macro"))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.95))
def test_ious_are_scikit_learns_on_all_pixels_together(seed, share):
    rng = np.random.default_rng(seed)
    truth, prediction = (rng.uniform(size=(2, 5, 8, 8)) < share).astype(int)
    miou, foreground = pixel_metrics(count_pixels(truth, prediction).sum(axis=0, keepdims=True))[0]
    both = jaccard_score(truth.ravel(), prediction.ravel(), average=None, labels=[0, 1])
    assert np.isclose(foreground, both[1])
    assert np.isclose(miou, both.mean())


def test_a_scene_without_a_plume_counts():
    truth = np.zeros((2, 4, 4))
    truth[0, :2] = 1
    prediction = np.ones((2, 4, 4))
    pooled = pixel_metrics(count_pixels(truth, prediction).sum(axis=0, keepdims=True))[0]
    assert np.isclose(pooled[1], 8 / 32)
