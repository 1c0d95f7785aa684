import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaq.statistics.intervals import half_width


@given(st.lists(st.floats(-100, 100), min_size=9, max_size=200), st.sampled_from([0.5, 0.9]))
def test_the_half_width_holds_its_share_of_the_errors(errors, level):
    radius = half_width(np.array(errors), level)
    inside = (np.abs(errors) <= radius).sum()
    assert inside >= level * (len(errors) + 1) - 1e-9
    assert radius in np.abs(errors)


def test_nine_errors_are_the_fewest_for_ninety_percent():
    assert half_width(np.arange(9.0)) == 8.0
    assert half_width(np.arange(8.0)) == np.inf


def test_a_new_error_is_covered_as_often_as_is_said():
    rng = np.random.default_rng(0)
    covered = [
        abs(rng.standard_cauchy()) <= half_width(rng.standard_cauchy(39)) for _ in range(4000)
    ]
    # (39 + 1) * 0.9 = 36 is whole, so the coverage is exactly 0.9; three standard errors: 0.014.
    assert np.mean(covered) == pytest.approx(0.9, abs=0.015)
