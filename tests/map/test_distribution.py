"""Chances fit the interval: one in twenty above its end, half above the middle."""

import numpy as np

from mmaq.map.distribution import chances


def test_the_interval_holds_nine_in_ten():
    mean, reach = np.array([16.0, 25.0]), 1.5
    low, high = (np.sqrt(mean) - reach) ** 2, (np.sqrt(mean) + reach) ** 2
    for at in range(2):
        above = chances(mean, high, [low[at], mean[at], high[at]])[:, at]
        np.testing.assert_allclose(above, [0.95, 0.5, 0.05], atol=1e-12)
    assert chances(mean, high, []).shape == (0, 2)


def test_more_is_less_likely_and_without_an_interval_nothing_is_said():
    found = chances(np.array([4.0, 4.0]), np.array([9.0, np.nan]), [1.0, 5.0, 50.0])
    assert (np.diff(found[:, 0]) < 0).all()
    assert np.isnan(found[:, 1]).all()
