"""No place is on both sides of a split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import Unavailable
from mmaq.transfer.places import locations
from mmaq.transfer.runs import split_scenes


def test_scenes_that_share_ground_share_a_location():
    lon = np.array([10.0, 10.001, 11.0, 10.0])
    lat = np.array([52.0, 52.0, 52.0, 52.02])
    a, b, c, d = locations(["a", "b", "c", "d"], lon, lat)
    assert a == b == d
    assert a != c


def test_equal_places_share_a_location():
    assert len(set(locations(["a", "b"], np.full(2, 8.0), np.full(2, 50.0)))) == 1


def test_without_georeference_the_name_before_the_date_is_the_place():
    names = ["training/X1_2020-05-01", "validation/X1_2019-07-09", "x/X2-20200501", "x/X3"]
    nowhere = np.full(4, np.nan)
    found = locations(names, nowhere, nowhere).tolist()
    assert found == ["name:X1", "name:X1", "name:X2", "name:X3"]


def test_the_antimeridian_parts_nothing():
    found = locations(["a", "b"], np.array([179.999, -179.999]), np.zeros(2))
    assert found[0] == found[1]


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 30), st.integers(1, 6), st.integers(0, 2**31 - 1))
def test_no_location_is_on_both_sides(places, scenes, seed):
    rng = np.random.default_rng(seed)
    location = rng.permutation(np.repeat(np.arange(places), scenes)).astype(str)
    train, test = split_scenes(location, rng.integers(0, 4, len(location)), seed)
    assert not set(location[train]) & set(location[test])
    assert sorted([*train, *test]) == list(range(len(location)))
    assert len(test)


def test_a_seed_gives_its_split_again():
    location, labels = np.repeat(np.arange(20), 3).astype(str), np.repeat(np.arange(20) % 4, 3)
    one, again, other = (split_scenes(location, labels, seed).test for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_too_few_places_are_refused():
    with pytest.raises(Unavailable, match="3 places cannot be parted"):
        split_scenes(np.array(["a", "b", "c"]), np.zeros(3, int), 0)
