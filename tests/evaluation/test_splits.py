import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import Unavailable
from mmaq.base.geo import EARTH_RADIUS_KM
from mmaq.contracts.sites import spatial_block
from mmaq.statistics.splits import (
    Fold,
    block_labels,
    country_labels,
    leave_buffer,
    make_folds,
    random_labels,
    split_seeds,
)


def _sites(size, seed, spread=6.0):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, spread, size), rng.uniform(45, 45 + spread, size)
    country = np.where(lon < 1, "FR", np.where(lon < 4, "DE", "AT"))
    block = spatial_block(lon, lat, 1.0)
    return pd.DataFrame({"lon": lon, "lat": lat, "country": country, "block": block})


def _kilometres(sites, first, second):
    """Haversine distances of all pairs, (first, second)."""
    lon, lat = np.radians(sites["lon"].to_numpy()), np.radians(sites["lat"].to_numpy())
    dlon, dlat = lon[first][:, None] - lon[second], lat[first][:, None] - lat[second]
    cosines = np.cos(lat[first])[:, None] * np.cos(lat[second])
    return (
        2
        * EARTH_RADIUS_KM
        * np.arcsin(np.sqrt(np.sin(dlat / 2) ** 2 + cosines * np.sin(dlon / 2) ** 2))
    )


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["random", "blocks", "country"]),
    st.integers(40, 200),
    st.integers(2, 6),
    st.sampled_from([0.0, 5.0, 20.0]),
    st.integers(0, 99),
)
def test_test_sets_part_the_stations_and_share_none_with_training(split, size, folds, buffer, seed):
    parts = make_folds(_sites(size, seed), split, folds, buffer, seed)
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in parts])), np.arange(size))
    for fold in parts:
        assert len(fold.test)
        assert len(np.unique(fold.train)) == len(fold.train)
        assert not np.intersect1d(fold.train, fold.test).size
        if split != "blocks" or buffer == 0:
            assert len(fold.train) + len(fold.test) == size


@pytest.mark.parametrize("split", ["random", "blocks"])
def test_a_seed_fixes_the_folds_and_another_moves_them(split):
    sites = _sites(150, 1)

    def tests(seed):
        return [fold.test.tolist() for fold in make_folds(sites, split, 5, 0.0, seed)]

    assert tests(3) == tests(3) != tests(4)


@settings(max_examples=30, deadline=None)
@given(st.integers(10, 500), st.integers(2, 10), st.integers(0, 99))
def test_random_folds_are_even(size, folds, seed):
    sizes = np.bincount(random_labels(size, folds, seed))
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(2, 6))
def test_blocks_are_never_split_and_folds_are_nearly_even(seed, folds):
    block = _sites(400, seed)["block"].to_numpy()
    labels = block_labels(block, folds, seed)
    assert (pd.Series(labels).groupby(block).nunique() == 1).all()
    sizes = np.bincount(labels, minlength=folds)
    largest = pd.Series(block).value_counts().max()
    assert sizes.max() - sizes.min() <= largest


def test_one_large_block_does_not_tip_the_balance():
    block = np.r_[np.repeat("large", 100), [f"b{number}" for number in range(400)]].astype(object)
    for seed in range(10):
        assert np.bincount(block_labels(block, 5, seed)).max() <= 110


def test_the_buffer_is_kept_and_takes_no_more():
    sites = _sites(300, 5, spread=2.0)
    whole = make_folds(sites, "blocks", 3, 0.0, 0)
    kept = make_folds(sites, "blocks", 3, 15.0, 0)
    for before, after in zip(whole, kept, strict=True):
        assert np.array_equal(before.test, after.test)
        far = _kilometres(sites, before.train, before.test).min(axis=1) >= 15.0
        assert np.array_equal(after.train, before.train[far])
        assert len(after.train) < len(before.train)


def test_the_buffer_spans_the_date_line_and_the_pole():
    lon, lat = np.array([179.99, -179.99, 0.0, 180.0]), np.array([0.0, 0.0, 89.99, 89.99])
    kept = leave_buffer(Fold(np.array([1, 3]), np.array([0, 2])), lon, lat, 3.0)
    assert kept.size == 0
    kept = leave_buffer(Fold(np.array([1, 3]), np.array([0, 2])), lon, lat, 2.0)
    assert kept.tolist() == [1, 3]


def test_each_country_is_left_out_once_and_the_largest_comes_first():
    country = np.array(["NL", "DE", "DE", "BE", "NL", "DE"], dtype=object)
    assert country_labels(country).tolist() == [1, 0, 0, 2, 1, 0]


def test_countries_that_share_an_island_are_left_out_as_one():
    sites = _sites(60, 0)
    sites["country"] = np.array(["GB", "IE", "FR", "DE"])[np.arange(60) % 4]
    alone = make_folds(sites, "country", 5, 0.0, 0)
    folds = make_folds(sites, "country", 5, 0.0, 0, [["GB", "IE"]])
    assert (len(alone), len(folds)) == (4, 3)
    assert set(sites["country"][folds[0].test]) == {"GB", "IE"}
    assert not {"GB", "IE"} & set(sites["country"][folds[0].train])
    assert "GB+IE" in set(folds[1].groups)


@pytest.mark.parametrize(
    ("split", "change", "reason"),
    [
        ("country", {"country": "DE"}, r"all stations are in one country \(DE\)"),
        ("blocks", {"block": "0_45"}, "1 blocks cannot make 5 folds"),
        ("official", {"official_test": np.nan}, "these data have no split of the released code"),
        ("official", {"official_test": 1.0}, "these data have no split of the released code"),
    ],
)
def test_a_split_that_the_data_cannot_give_says_why(split, change, reason):
    with pytest.raises(Unavailable, match=reason):
        make_folds(_sites(50, 0).assign(**change), split, 5, 0.0, 0)


def test_a_buffer_wider_than_the_land_says_so():
    with pytest.raises(Unavailable, match="a buffer of 5000 km leaves no training station"):
        make_folds(_sites(50, 0), "blocks", 5, 5000.0, 0)


def test_too_few_stations_for_the_folds_say_so():
    with pytest.raises(Unavailable, match="3 stations cannot make 5 folds"):
        random_labels(3, 5, 0)


def test_the_official_split_is_one_hold_out_whatever_the_seed():
    sites = _sites(6, 0).assign(official_test=[0.0, 1.0, np.nan, 0.0, 1.0, 0.0])
    (fold,) = make_folds(sites, "official", 5, 0.0, 3)
    assert (fold.train.tolist(), fold.test.tolist(), fold.groups) == ([0, 3, 5], [1, 4], None)


def test_splits_without_draws_need_one_seed():
    assert split_seeds("country", (4, 5, 6)) == (4,)
    assert split_seeds("official", (4, 5, 6)) == (4,)
    assert split_seeds("blocks", (4, 5, 6)) == (4, 5, 6)
