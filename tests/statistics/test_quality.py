"""FAIRMODE's modelling quality indicator, by hand, and its percentile over resamples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.statistics.quality import UNCERTAINTY, quality_indicators, quality_metrics
from mmaq.statistics.resamples import Resamples, draw


def test_indicators_are_those_worked_out_by_hand():
    # U(0) = 0.24 sqrt(0.04 * 200^2 / 5.5) = 0.24 * 17.0561 = 4.09345
    # U(40) = 0.24 sqrt(0.96 * 40^2 / 5.2 + 290.909) = 0.24 * 24.2135 = 5.81124
    measured, predicted = np.array([0.0, 40.0, 40.0]), np.array([4.09345, 28.37752, 46.0])
    assert UNCERTAINTY["no2"].of(measured[:2]) == pytest.approx([4.09345, 5.81124], rel=1e-5)
    found = quality_indicators(measured, predicted, "no2")
    assert found == pytest.approx([0.5, 1.0, 6.0 / 11.62248], rel=1e-5)


@pytest.mark.parametrize(
    ("number", "expected"), [(1, 1.0), (2, 1.8), (3, 2.7), (10, 9.0), (15, 13.5), (20, 18.0)]
)
def test_the_percentile_is_that_of_the_guidance(number, expected):
    # of the values 1 to N: the one of rank 0.9 N, linear between two ranks
    values = np.random.default_rng(number).permutation(number) + 1.0
    assert quality_metrics(values, Resamples.once(number)) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(2, 40), st.booleans())
def test_resamples_are_those_of_a_plain_loop(seed, number, grouped):
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, size=(2, number)).round(1)
    units = rng.integers(0, 5, number) if grouped else np.arange(number)
    drawn = draw(units, 6)
    found = quality_metrics(values, drawn)
    assert found.shape == (2, 6, 1)
    for method, figures in zip(values, found[..., 0], strict=True):
        for times, figure in zip(drawn.drawn[:, drawn.unit].astype(int), figures, strict=True):
            drawn_values = np.repeat(method, times)
            expected = np.quantile(drawn_values, 0.9, method="interpolated_inverted_cdf")
            assert figure == pytest.approx(expected, rel=1e-9)


def test_what_was_not_predicted_has_no_quality():
    missing = np.array([[1.0, np.nan, 2.0], [1.0, 2.0, 3.0]])
    found = quality_metrics(missing, Resamples.once(3))[..., 0]
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    none = Resamples(np.array([[0.0, 1.0]]), np.array([0, 0]))  # a draw of neither station
    assert np.isnan(quality_metrics(np.ones(2), none)).all()
