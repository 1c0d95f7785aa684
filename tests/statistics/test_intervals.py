import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaq.statistics.intervals import conformal_quantile, fit_reach


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


def wider_above(count, seed=0):
    """Levels, and ratios whose 0.9 quantile is a line in the level's rank from 1.645 to 3.29."""
    rng = np.random.default_rng(seed)
    rank = rng.uniform(size=count)
    return 4.0 + 3.0 * rank**2, np.abs(rng.normal(size=count)) * (1.0 + rank)


def test_the_reach_is_the_line_that_holds_each_level():
    found = fit_reach(*wider_above(3000))
    np.testing.assert_allclose(found.ends, [1.645, 3.29], rtol=0.08)
    levels, ratios = wider_above(20_000, 1)
    held = (ratios <= found.at(levels)).astype(float)
    fifth = np.argsort(np.argsort(levels)) * 5 // len(levels)
    shares = [held[fifth == number].mean() for number in range(5)]
    np.testing.assert_allclose(shares, 0.9, atol=0.02)
    one = (ratios <= conformal_quantile(ratios)).astype(float)
    assert one[fifth == 0].mean() > 0.95
    assert one[fifth == 4].mean() < 0.87


@given(
    st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.5, 8.0]), st.floats(0, 100)), min_size=9),
    st.floats(0.01, 100),
)
def test_the_reach_holds_its_share_whatever_the_levels_units(pairs, scale):
    levels, ratios = np.array(pairs).T
    found = fit_reach(levels, ratios)
    assert (ratios <= found.at(levels) * (1 + 1e-9)).sum() >= 0.9 * (len(ratios) + 1) - 1e-9
    other = fit_reach(scale * levels**3, ratios)
    np.testing.assert_array_equal(other.at(scale * levels**3), found.at(levels))


def test_below_and_above_all_known_levels_the_reach_is_that_of_the_line_s_ends():
    found = fit_reach(*wider_above(300))
    np.testing.assert_array_equal(found.at(np.array([-1.0, 100.0])), found.ends)


def test_where_errors_vanish_at_low_levels_the_reach_does_not():
    levels = np.arange(100.0)
    found = fit_reach(levels, np.where(levels < 30, 0.0, levels))
    assert found.ends[0] > 0.4 * conformal_quantile(levels)


@pytest.mark.parametrize(("count", "draws"), [(30, 400), (80, 200)])
def test_few_stations_hold_their_share_of_new_ones_though_a_line_is_fitted_to_them(count, draws):
    # without the one further ratio it would be 0.88 and 0.89
    rng, held = np.random.default_rng(5), []
    for _ in range(draws):
        levels, ratios = rng.uniform(size=count), np.abs(rng.normal(size=count))
        new = np.abs(rng.normal(size=2000)) <= fit_reach(levels, ratios).at(rng.uniform(size=2000))
        held.append(new.mean())
    # three standard errors
    assert np.mean(held) > 0.9 - 3 * np.std(held) / np.sqrt(draws)
    assert np.mean(held) < 0.92 + 3 * np.std(held) / np.sqrt(draws)


def test_of_eighteen_stations_one_number_is_the_reach_at_all_levels():
    levels, ratios = wider_above(18)
    np.testing.assert_array_equal(fit_reach(levels, ratios).ends, conformal_quantile(ratios))


def test_eight_stations_have_no_reach_for_ninety_percent():
    assert np.isinf(fit_reach(np.arange(8.0), np.ones(8)).ends).all()
