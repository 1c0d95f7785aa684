"""Bounds and chances of one distribution fit together."""

import numpy as np
import pytest

from mmaq.contracts.estimator import Tier
from mmaq.map.distribution import distribution


def _tier(radius):
    return Tier("trees", "gbm", "reference", "table", True, radius, 100, {}, {})


def test_the_interval_holds_nine_in_ten():
    mean = np.array([20.0, 30.0])
    found = distribution(_tier(5.0), mean, [])
    np.testing.assert_array_equal(found.low, mean - 5)
    np.testing.assert_array_equal(found.high, mean + 5)
    assert found.above.shape == (0, 2)
    above = distribution(_tier(5.0), mean, [15.0, 20.0, 25.0]).above[:, 0]
    np.testing.assert_allclose(above, [0.95, 0.5, 0.05], atol=1e-12)


def test_ends_are_not_negative_and_more_is_less_likely():
    found = distribution(_tier(9.0), np.array([4.0]), [1.0, 5.0, 50.0])
    assert (found.low, found.high) == (0.0, 13.0)
    assert (np.diff(found.above[:, 0]) < 0).all()


@pytest.mark.parametrize("radius", [np.nan, np.inf])
def test_without_a_calibration_there_is_nothing_but_the_mean(radius):
    found = distribution(_tier(radius), np.array([20.0]), [10.0])
    assert all(np.isnan(each).all() for each in found)
