"""Metrics agree with scikit-learn's, and intervals are over whole locations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from mmaq.transfer.metrics import (
    FUEL_METRICS,
    confusion_cells,
    estimate,
    fuel_metrics,
    plume_metrics,
)
from mmaq.transfer.plume import count_pixels

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(labels)
def test_accuracy_and_macro_f1_are_scikit_learns(pairs):
    truth, prediction = np.array(pairs).T
    counts = confusion_cells(truth, prediction).sum(axis=0, keepdims=True)
    accuracy, macro = fuel_metrics(counts)[0]
    assert np.isclose(accuracy, accuracy_score(truth, prediction))
    assert np.isclose(macro, f1_score(truth, prediction, average="macro"))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.95))
def test_ious_are_scikit_learns_on_all_pixels_together(seed, share):
    rng = np.random.default_rng(seed)
    truth, prediction = (rng.uniform(size=(2, 5, 8, 8)) < share).astype(int)
    miou, foreground = plume_metrics(count_pixels(truth, prediction).sum(axis=0, keepdims=True))[0]
    both = jaccard_score(truth.ravel(), prediction.ravel(), average=None, labels=[0, 1])
    assert np.isclose(foreground, both[1])
    assert np.isclose(miou, both.mean())


def test_a_scene_without_a_plume_counts():
    truth = np.zeros((2, 4, 4))
    truth[0, :2] = 1
    prediction = np.ones((2, 4, 4))
    pooled = plume_metrics(count_pixels(truth, prediction).sum(axis=0, keepdims=True))[0]
    assert np.isclose(pooled[1], 8 / 32)


def test_the_value_is_the_mean_of_the_seeds():
    place = np.array(["a", "b", "c", "d"])
    right = confusion_cells(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 3]))
    half = confusion_cells(np.array([0, 1, 2, 3]), np.array([0, 1, 0, 0]))
    found = estimate({0: (place, right), 1: (place, half)}, FUEL_METRICS, fuel_metrics, 200)
    assert np.isclose(found.value[0], 0.75)
    assert found.low[0] <= 0.75 <= found.high[0]


def test_scenes_of_one_place_are_drawn_together():
    cells = confusion_cells(np.zeros(40, int), np.repeat([0, 1], 20))
    apart = estimate({0: (np.arange(40).astype(str), cells)}, FUEL_METRICS, fuel_metrics, 500)
    place = np.repeat(["a", "b", "c", "d"], 10)
    together = estimate({0: (place, cells)}, FUEL_METRICS, fuel_metrics, 500)
    assert apart.high[0] - apart.low[0] < 0.4
    assert together.high[0] - together.low[0] > 0.6
