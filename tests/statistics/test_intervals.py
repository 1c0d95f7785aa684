import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaq.statistics.intervals import conformal_quantile


@given(st.lists(st.floats(0, 100), min_size=9, max_size=200), st.sampled_from([0.5, 0.9]))
def test_the_quantile_holds_its_share_of_the_ratios(ratios, level):
    found = conformal_quantile(np.array(ratios), level)
    assert (np.array(ratios) <= found).sum() >= level * (len(ratios) + 1) - 1e-9
    assert found in ratios


def test_nine_ratios_are_the_fewest_for_ninety_percent():
    assert conformal_quantile(np.arange(9.0)) == 8.0
    assert conformal_quantile(np.arange(8.0)) == np.inf


def test_a_new_ratio_is_held_as_often_as_is_said():
    rng = np.random.default_rng(0)
    held = [
        abs(rng.standard_cauchy()) <= conformal_quantile(np.abs(rng.standard_cauchy(39)))
        for _ in range(4000)
    ]
    # (39 + 1) * 0.9 = 36 is whole, so the coverage is exactly 0.9; three standard errors: 0.014.
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)
