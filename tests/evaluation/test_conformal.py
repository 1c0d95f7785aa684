import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import Unavailable
from mmaq.statistics.intervals import half_width
from mmaq.statistics.splits import Fold, calibration_fold


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


@settings(max_examples=30, deadline=None)
@given(st.integers(40, 200), st.integers(0, 99), st.booleans())
def test_calibration_stations_are_training_stations_in_whole_groups(size, seed, grouped):
    rng = np.random.default_rng(seed)
    train, test = np.split(rng.permutation(size), [size - 10])
    groups = rng.integers(0, 12, len(train)).astype(str) if grouped else None
    fold = Fold(train, test, groups)
    inside = calibration_fold(fold, seed)
    assert sorted([*inside.train, *inside.test]) == sorted(train)
    assert 0 < len(inside.test) < len(train) / 2
    if groups is not None:
        of_station = dict(zip(train, groups, strict=True))
        fitted, left = ({of_station[row] for row in rows} for rows in (inside.train, inside.test))
        assert not fitted & left
        assert list(inside.groups) == [of_station[row] for row in inside.train]


def test_too_few_groups_cannot_be_parted():
    fold = Fold(np.arange(40), np.arange(40, 50), np.repeat(["a", "b"], 20))
    with pytest.raises(Unavailable, match="2 blocks cannot make 5 folds"):
        calibration_fold(fold, 0)
