"""Outer, inner and calibration folds: what they cover, and what they keep apart at each level."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import Unavailable
from mmaq.base.geo import EARTH_RADIUS_KM, nearest_km
from mmaq.contracts.sites import spatial_block
from mmaq.statistics.labels import block_labels, country_labels, random_labels
from mmaq.statistics.splits import (
    FEWEST,
    PARTS,
    Fold,
    Stations,
    calibration_fold,
    inner_folds,
    labelled,
    outer_folds,
    related,
    repeats,
    scene_folds,
)


def _sites(size, seed, spread=6.0):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(0, spread, size), rng.uniform(45, 45 + spread, size)
    country = np.where(lon < 1, "FR", np.where(lon < 4, "DE", "AT"))
    return pd.DataFrame({"lon": lon, "lat": lat, "country": country})


def _blocks(sites):
    return spatial_block(sites["lon"], sites["lat"], 1.0)


def _split(sites, split, folds, buffer, seed, together=(), copies=None):
    """What the split respects of these stations, and its outer folds."""
    copies = np.arange(len(sites)) if copies is None else copies
    stations = related(sites, split, copies, buffer, 1.0, together)
    return stations, outer_folds(sites, split, folds, stations, seed)


def _folds(*args, **options):
    return _split(*args, **options)[1]


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
    st.sampled_from(["random", "blocks", "knndm", "country"]),
    st.integers(40, 200),
    st.integers(2, 6),
    st.sampled_from([0.0, 5.0, 20.0]),
    st.integers(0, 99),
)
def test_test_sets_part_the_stations_and_share_none_with_training(split, size, folds, buffer, seed):
    parts = _folds(_sites(size, seed), split, folds, buffer, seed)
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
        return [fold.test.tolist() for fold in _folds(sites, split, 5, 0.0, seed)]

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
    block = _blocks(_sites(400, seed))
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
    whole = _folds(sites, "blocks", 3, 0.0, 0)
    kept = _folds(sites, "blocks", 3, 15.0, 0)
    for before, after in zip(whole, kept, strict=True):
        assert np.array_equal(before.test, after.test)
        far = _kilometres(sites, before.train, before.test).min(axis=1) >= 15.0
        assert np.array_equal(after.train, before.train[far])
        assert len(after.train) < len(before.train)


def test_the_buffer_spans_the_date_line_and_the_pole():
    places = np.array([[179.99, 0.0], [-179.99, 0.0], [0.0, 89.99], [180.0, 89.99]])
    fold = Fold(np.array([1, 3]), np.array([0, 2]))
    wide, narrow = (Stations(places, np.arange(4), buffer_km=buffer) for buffer in (3.0, 2.0))
    assert wide.separate(fold).train.size == 0
    assert narrow.separate(fold).train.tolist() == [1, 3]


def test_each_country_is_left_out_once_and_the_largest_comes_first():
    country = np.array(["NL", "DE", "DE", "BE", "NL", "DE"], dtype=object)
    assert country_labels(country).tolist() == [1, 0, 0, 2, 1, 0]


def test_countries_that_share_an_island_are_left_out_as_one():
    sites = _sites(60, 0)
    sites["country"] = np.array(["GB", "IE", "FR", "DE"])[np.arange(60) % 4]
    alone = _folds(sites, "country", 5, 0.0, 0)
    stations, folds = _split(sites, "country", 5, 0.0, 0, [["GB", "IE"]])
    assert (len(alone), len(folds)) == (4, 3)
    assert set(sites["country"][folds[0].test]) == {"GB", "IE"}
    assert not {"GB", "IE"} & set(sites["country"][folds[0].train])
    assert "GB+IE" in set(stations.groups[folds[1].train])


@pytest.mark.parametrize(
    ("split", "change", "reason"),
    [
        ("country", {"country": "DE"}, r"all stations are in one country \(DE\)"),
        ("blocks", {"lon": 0.5, "lat": 45.5}, "1 blocks cannot make 5 folds"),
        ("blocks", {"lon": np.nan, "lat": np.nan}, "the sites have no coordinates"),
        ("knndm", {"lon": np.nan, "lat": np.nan}, "the sites have no coordinates"),
        ("knndm", {"lon": 0.5, "lat": 45.5}, "no country has stations that surround a cell"),
        ("official", {"official_test": np.nan}, "these data have no split of the released code"),
        ("official", {"official_test": 1.0}, "these data have no split of the released code"),
    ],
)
def test_a_split_that_the_data_cannot_give_says_why(split, change, reason):
    with pytest.raises(Unavailable, match=reason):
        _folds(_sites(50, 0).assign(**change), split, 5, 0.0, 0)


def test_a_buffer_wider_than_the_land_says_so():
    with pytest.raises(Unavailable, match="a buffer of 5000 km leaves no training station"):
        _folds(_sites(50, 0), "blocks", 5, 5000.0, 0)


def test_too_few_stations_for_the_folds_say_so():
    with pytest.raises(Unavailable, match="3 stations cannot make 5 folds"):
        random_labels(3, 5, 0)


def test_the_official_split_is_one_hold_out_whatever_the_seed():
    sites = _sites(6, 0).assign(official_test=[0.0, 1.0, np.nan, 0.0, 1.0, 0.0])
    stations, (fold,) = _split(sites, "official", 5, 0.0, 3)
    assert (fold.train.tolist(), fold.test.tolist()) == ([0, 3, 5], [1, 4])
    assert stations.groups is None


@pytest.mark.parametrize(
    ("split", "runs", "holds_out", "expected"),
    [
        ("blocks", 1, False, [(0, 4, 4, None), (1, 5, 5, None), (2, 6, 6, None)]),
        ("random", 3, False, [(0, 4, 4, None), (1, 5, 5, None), (2, 6, 6, None)]),
        ("random", 2, False, [(0, 4, 4, None), (1, 5, 5, None), (2, 6, 6, None)]),
        ("random", 4, False, [(0, 4, 4, None), (1, 5, 5, None), (2, 6, 6, None), (3, 4, 5, None)]),
        # nothing is drawn, so that the runs alone differ
        ("country", 1, False, [(0, 4, 4, None)]),
        ("knndm", 1, False, [(0, 4, 4, None)]),
        ("official", 2, False, [(0, 4, 4, None), (1, 4, 5, None)]),
        # other stations in each run
        ("random", 3, True, [(0, 4, 4, 0), (1, 4, 5, 1), (2, 4, 6, 2)]),
        ("country", 2, True, [(0, 4, 4, 0), (1, 4, 5, 1)]),
    ],
)
def test_every_seed_and_every_run_takes_part(split, runs, holds_out, expected):
    assert repeats(split, (4, 5, 6), runs, holds_out) == expected


def _drawn(size, seed, split, buffer):
    """Stations of which a fifth are copies of one anywhere, and their outer folds."""
    rng = np.random.default_rng(seed)
    sites, copies = _sites(size, seed, spread=5.0), np.arange(size)
    twins = rng.choice(size, size // 5, replace=False)
    copies[twins] = copies[rng.integers(0, size, len(twins))]
    return _split(sites, split, 3, buffer, seed, copies=copies)


def _together(stations, fold):
    """What a fold lets its two sides share of these stations, by name."""
    train, test = stations.take(fold.train), stations.take(fold.test)
    table = pd.DataFrame(stations.places, columns=["lon", "lat"])
    near = _kilometres(table, fold.train, fold.test) < stations.buffer_km
    shared = {
        "places": bool(near.any()),
        "copies": bool(set(train.copies) & set(test.copies)),
        "groups": stations.groups is not None and bool(set(train.groups) & set(test.groups)),
        "stations": bool(set(fold.train) & set(fold.test)),
    }
    return {name for name, found in shared.items() if found}


def _levels(stations, folds, seed):
    """Each fold of each level, beside the stations in which it gives positions.

    They are the outer folds; in the training part of the first the folds to choose by and the
    calibration fold; and in the training part of that, where a second model is fitted, the folds
    that this one chooses by.
    """
    found = [("outer", stations, fold) for fold in folds]
    part = stations.take(folds[0].train)
    found += [("inner", part, fold) for fold in inner_folds(part, seed)]
    if stations.groups is not None and len(np.unique(part.groups)) < PARTS:
        return found  # too few countries to set some apart
    held = calibration_fold(part, seed)
    found.append(("calibration", part, held))
    second = part.take(held.train)
    found += [("inner of calibration", second, fold) for fold in inner_folds(second, seed)]
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["random", "blocks", "knndm", "country"]),
    st.integers(60, 150),
    st.sampled_from([0.0, 10.0, 25.0]),
    st.integers(0, 999),
)
def test_no_level_has_a_neighbour_a_copy_or_a_group_on_both_sides(split, size, buffer, seed):
    """At 13d81cd the calibration fold kept neither the buffer nor copies, and inner folds no
    copies: the stations that chose and calibrated stood beside those that were trained on."""
    stations, folds = _drawn(size, seed, split, buffer)
    levels = _levels(stations, folds, seed)
    whole = {"outer", "inner", "calibration", "inner of calibration"}
    expected = {"outer", "inner"} if split == "country" else whole
    assert {level for level, _, _ in levels} == expected
    for level, of, fold in levels:
        assert not _together(of, fold), level


def test_folds_that_are_not_separated_do_share_neighbours_and_copies():
    # What the test above would find in the folds of old.
    stations, folds = _drawn(150, 0, "blocks", 25.0)
    part = stations.take(folds[0].train)
    unaware = replace(part, buffer_km=0.0, copies=np.arange(len(part)))
    for fold in (calibration_fold(unaware, 0), *inner_folds(unaware, 0)):
        assert _together(part, fold) == {"places", "copies"}
        kept = part.separate(fold)
        assert not _together(part, kept)
        assert set(kept.train) < set(fold.train)
        assert np.array_equal(kept.test, fold.test)


def test_stations_that_are_taken_keep_what_is_known_of_them():
    stations, _ = _drawn(80, 1, "blocks", 15.0)
    rows = np.array([70, 3, 44, 3])
    taken = stations.take(rows)
    assert len(taken) == 4
    assert taken.buffer_km == 15.0
    for name in ("places", "copies", "groups"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(stations, name)[rows])
    twice = taken.take(np.array([2, 0]))
    np.testing.assert_array_equal(twice.groups, stations.groups[[44, 70]])
    single = Stations.single(stations.places)
    assert single.take(rows).groups is None
    assert len(np.unique(single.copies)) == 80


def test_matched_folds_are_as_far_apart_at_every_level():
    """As a map's cells are from the stations: also in a training part, which knows no cell."""
    rng = np.random.default_rng(0)
    towns = rng.uniform([0, 45], [4, 49], (30, 2))
    places = towns[rng.integers(30, size=150)] + rng.normal(0, 0.05, (150, 2))
    sites = pd.DataFrame(places, columns=["lon", "lat"]).assign(country="DE")
    stations, folds = _split(sites, "knndm", 3, 10.0, 0)
    assert stations.groups is None
    assert stations.buffer_km == 0.0
    levels = _levels(stations, folds, 0)
    apart = {level: [] for level, _, _ in levels}
    for level, of, fold in levels:
        near = nearest_km(of.places[fold.train], of.places[fold.test])
        apart[level].extend(near)
        assert of.wanted_km is stations.wanted_km
    for level in ("outer", "inner"):
        assert np.mean(apart[level]) == pytest.approx(stations.wanted_km.mean(), rel=0.25)
    at_random = outer_folds(sites, "random", 3, Stations.single(places), 0)[0]
    beside = nearest_km(places[at_random.train], places[at_random.test]).mean()
    assert min(map(np.mean, apart.values())) > 3 * beside


def test_each_split_keeps_together_what_it_says():
    sites = _sites(60, 3)
    made = {
        split: related(sites, split, np.arange(60), 10.0, 1.0)
        for split in ("random", "official", "blocks", "country")
    }
    assert made["random"].groups is made["official"].groups is None
    assert list(made["blocks"].groups) == list(_blocks(sites))
    assert list(made["country"].groups) == list(sites["country"])
    buffers = {split: stations.buffer_km for split, stations in made.items()}
    assert buffers == {"random": 0.0, "official": 0.0, "blocks": 10.0, "country": 0.0}


@pytest.mark.parametrize("split", ["random", "blocks", "knndm"])
def test_inner_folds_test_each_training_station_once(split):
    # Positions in the training part, so that no test station can be among them.
    stations, folds = _split(_sites(200, 0, spread=4.0), split, 4, 15.0, 0)
    for fold in folds:
        part = stations.take(fold.train)
        inside = inner_folds(part, 0)
        tested = np.concatenate([inner.test for inner in inside])
        assert np.array_equal(np.sort(tested), np.arange(len(part)))
        for inner in inside:
            assert max(inner.train.max(), inner.test.max()) < len(part)
            assert not np.intersect1d(inner.train, inner.test).size
            if split == "blocks":
                # Nobody is left out but for the buffer.
                rest = np.setdiff1d(np.arange(len(part)), inner.test)
                table = pd.DataFrame(part.places, columns=["lon", "lat"])
                far = _kilometres(table, rest, inner.test).min(axis=1) >= 15.0
                assert np.array_equal(inner.train, rest[far])


def test_a_training_part_of_one_block_has_nothing_to_choose_by():
    places = _sites(50, 0)[["lon", "lat"]].to_numpy(float)
    one = Stations(places, np.arange(50), np.repeat("a", 50))
    with pytest.raises(Unavailable, match="leaves nothing to choose by"):
        inner_folds(one, 0)
    two = replace(one, groups=np.repeat(["a", "b"], 25), buffer_km=9000.0)
    with pytest.raises(Unavailable, match="a buffer of 9000 km leaves nothing to choose by"):
        inner_folds(two, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(40, 200), st.integers(0, 99), st.booleans())
def test_calibration_stations_are_training_stations_in_whole_groups(size, seed, grouped):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 12, size).astype(str) if grouped else None
    stations = Stations(rng.uniform(0, 9, (size, 2)), np.arange(size), groups)
    inside = calibration_fold(stations, seed)
    assert sorted([*inside.train, *inside.test]) == list(range(size))
    assert 0 < len(inside.test) < size / 2
    if groups is not None:
        assert not set(groups[inside.train]) & set(groups[inside.test])


def test_too_few_groups_cannot_be_split_for_calibration():
    stations = Stations(np.zeros((40, 2)), np.arange(40), np.repeat(["a", "b"], 20))
    with pytest.raises(Unavailable, match="2 blocks cannot make 5 folds"):
        calibration_fold(stations, 0)


def test_a_buffer_that_leaves_nothing_beside_the_calibration_part_says_so():
    places = _sites(50, 0)[["lon", "lat"]].to_numpy(float)
    stations = Stations(places, np.arange(50), (np.arange(50) % 10).astype(str), 9000.0)
    with pytest.raises(Unavailable, match="a buffer of 9000 km leaves nothing to train on"):
        calibration_fold(stations, 0)


def test_copies_of_test_stations_are_left_out_of_training():
    stations = Stations(np.zeros((6, 2)), np.array([0, 1, 2, 0, 1, 5]))
    fold = stations.separate(Fold(np.array([2, 3, 4, 5]), np.array([0, 1])))
    assert (fold.train.tolist(), fold.test.tolist()) == ([2, 5], [0, 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.floats(0.001, 0.5), st.floats(1.0, 2.0), st.integers(0, 99))
def test_shares_of_the_labels_are_nested_and_of_the_training_part(size, share, more, seed):
    few, many = labelled(size, share, seed), labelled(size, min(share * more, 0.99), seed)
    assert len(few) == min(size, max(FEWEST, round(share * size)))
    assert len(set(few)) == len(few)
    assert set(few) <= set(many) <= set(range(size))
    np.testing.assert_array_equal(labelled(size, 1.0, seed), np.arange(size))


def test_shares_of_the_labels_are_drawn_anew_from_each_seed():
    assert not np.array_equal(labelled(500, 0.1, 0), labelled(500, 0.1, 1))


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 30), st.integers(1, 6), st.integers(2, 4), st.integers(0, 2**31 - 1))
def test_every_place_of_scenes_is_tested_once_and_never_trained_on_then(
    places, scenes, folds, seed
):
    rng = np.random.default_rng(seed)
    location = rng.permutation(np.repeat(np.arange(places), scenes)).astype(str)
    found = scene_folds(location, rng.integers(0, 4, len(location)), folds, seed)
    assert len(found) == folds
    for fold in found:
        assert not set(location[fold.train]) & set(location[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(location)))
    tested = np.concatenate([fold.test for fold in found])
    assert sorted(tested) == list(range(len(location)))


def test_folds_of_scenes_have_equal_shares_of_each_label():
    labels = np.repeat(np.random.default_rng(0).permutation(np.arange(60) % 4), 3)
    for fold in scene_folds(np.repeat(np.arange(60), 3).astype(str), labels, 3, 5):
        assert np.bincount(labels[fold.test]).tolist() == [15] * 4


def test_a_seed_gives_its_folds_of_scenes_again():
    location, labels = np.repeat(np.arange(20), 3).astype(str), np.repeat(np.arange(20) % 4, 3)
    one, again, other = (scene_folds(location, labels, 4, seed)[0].test for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_too_few_places_of_scenes_are_refused():
    with pytest.raises(Unavailable, match="3 places cannot make 4 folds"):
        scene_folds(np.array(["a", "b", "c"]), np.zeros(3, int), 4, 0)
