"""The dissimilarity index, on a case by hand and against the definition written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from mmaq.statistics.applicability import Applicability, without_outliers
from mmaq.statistics.splits import Fold

EVEN, ODD = np.arange(0, 6, 2), np.arange(1, 6, 2)
EVERY_OTHER = [Fold(EVEN, ODD), Fold(ODD, EVEN)]


def test_a_case_by_hand():
    """Stations at -1 and 1 (mean 0, sd 1), weight 3: distances between them 6, to 2 it is 3."""
    folds = [Fold(np.array([0]), np.array([1])), Fold(np.array([1]), np.array([0]))]
    area = Applicability.of(np.array([[-1.0], [1.0]]), np.array([3.0]), folds)
    assert area.mean_distance == pytest.approx(6.0)
    assert area.threshold == pytest.approx(1.0)
    np.testing.assert_allclose(
        area.dissimilarity(np.array([[-1.0], [0.0], [2.0], [-4.0]])), [0, 0.5, 0.5, 1.5]
    )


def _written_out(features, weights, folds, places):
    """Meyer and Pebesma 2021, equations 1 to 4, pair by pair."""
    mean, sd = features.mean(axis=0), features.std(axis=0)
    known, asked = (features - mean) / sd * weights, (places - mean) / sd * weights
    pairs = [np.linalg.norm(a - b) for i, a in enumerate(known) for b in known[:i]]
    average = np.mean(pairs)
    inside = [
        min(np.linalg.norm(known[test] - known[train]) for train in fold.train) / average
        for fold in folds
        for test in fold.test
    ]
    return cdist(asked, known).min(axis=1) / average, inside


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(6, 40), width=st.integers(1, 6))
def test_it_is_the_definition(seed, size, width):
    rng = np.random.default_rng(seed)
    features, places = rng.normal(3, 10, (size, width)), rng.normal(0, 30, (7, width))
    weights = rng.uniform(0.1, 2, width)
    half = rng.permutation(size)
    folds = [Fold(half[: size // 2], half[size // 2 :]), Fold(half[size // 2 :], half[: size // 2])]
    area = Applicability.of(features, weights, folds)
    expected, inside = _written_out(features, weights, folds, places)
    np.testing.assert_allclose(area.dissimilarity(places), expected, rtol=1e-9)
    assert area.threshold == pytest.approx(without_outliers(np.array(inside)))
    assert not area.dissimilarity(features).any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), gain=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
def test_neither_units_nor_the_scale_of_the_importances_matter(seed, gain, offset):
    rng = np.random.default_rng(seed)
    features, places, weights = (
        rng.normal(size=(6, 3)),
        rng.normal(size=(4, 3)),
        rng.uniform(0.1, 1, 3),
    )
    area = Applicability.of(features, weights, EVERY_OTHER)
    other = Applicability.of(gain * features + offset, 7 * weights, EVERY_OTHER)
    found = other.dissimilarity(gain * places + offset)
    np.testing.assert_allclose(found, area.dissimilarity(places), rtol=1e-6, atol=1e-9)
    assert other.threshold == pytest.approx(area.threshold, rel=1e-6)


def test_what_does_not_matter_to_the_model_and_what_is_missing_makes_no_place_unlike():
    features = np.random.default_rng(0).normal(size=(6, 2))
    area = Applicability.of(features, np.array([1.0, 0.0]), EVERY_OTHER)
    far = np.array([[features[0, 0], 1e6]])
    assert area.dissimilarity(far) == 0
    assert area.dissimilarity(np.array([[np.nan, 0.0]])) < area.dissimilarity(
        np.array([[50.0, 0.0]])
    )


def test_an_outlier_does_not_raise_the_threshold():
    assert without_outliers(np.array([1.0, 1.1, 1.2, 1.3, 1.4, 9.0])) == 1.4
    assert without_outliers(np.array([2.0])) == 2.0


@pytest.mark.parametrize(
    ("features", "weights", "words"),
    [
        (np.ones((6, 1)), [1.0], "alike"),
        (np.arange(6.0)[:, None], [0.0], "zero"),
        (np.arange(6.0)[:, None], [-1.0], "negative"),
        (np.ones((1, 1)), [1.0], "single"),
    ],
)
def test_what_has_no_dissimilarity_says_so(features, weights, words):
    with pytest.raises(ValueError, match=words):
        Applicability.of(features, np.array(weights), EVERY_OTHER)
