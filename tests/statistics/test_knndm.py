"""Folds for a map: their distances are those of the map's cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from mmaq.base.errors import Unavailable
from mmaq.statistics.knndm import match_folds, merge_clusters, nearest_km
from mmaq.statistics.splits import random_labels

LON, LAT = np.meshgrid(np.linspace(10, 14, 40), np.linspace(48, 52, 40))
CELLS = np.column_stack([LON.ravel(), LAT.ravel()])


def network(kind, seed, count=200):
    """Stations in a country of 4 degrees a side: anywhere, or in eight towns."""
    rng = np.random.default_rng(seed)
    if kind == "anywhere":
        return rng.uniform([10, 48], [14, 52], (count, 2))
    towns = rng.uniform([10, 48], [14, 52], (8, 2))
    return towns[rng.integers(8, size=count)] + rng.normal(0, 0.08, (count, 2))


def between_folds(stations, labels):
    found = np.empty(len(stations))
    for fold in np.unique(labels):
        found[labels == fold] = nearest_km(stations[labels != fold], stations[labels == fold])
    return found


def test_an_even_network_has_random_folds():
    """No cell is farther from a station than the stations are from each other."""
    stations = CELLS.reshape(40, 40, 2)[1::3, 1::3].reshape(-1, 2)
    matched = match_folds(stations, CELLS, 5, 3)
    assert matched.clusters is None
    np.testing.assert_array_equal(matched.labels, random_labels(len(stations), 5, 3))


@pytest.mark.parametrize("seed", range(3))
def test_stations_in_towns_are_tested_as_far_away_as_the_cells_are(seed):
    stations = network("towns", seed)
    matched = match_folds(stations, CELLS, 5, seed)
    wanted = nearest_km(stations, CELLS)
    at_random = between_folds(stations, random_labels(len(stations), 5, seed))
    found = between_folds(stations, matched.labels)
    assert wasserstein_distance(found, wanted) < 0.5 * wasserstein_distance(at_random, wanted)
    # Chords instead of arcs: nothing that a country shows.
    assert matched.distance_km == pytest.approx(wasserstein_distance(found, wanted), rel=1e-3)
    assert np.bincount(matched.labels, minlength=5).max() <= 100


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), clusters=st.integers(1, 40), folds=st.integers(2, 8))
def test_whole_clusters_share_a_fold_and_every_fold_is_used(seed, clusters, folds):
    rng = np.random.default_rng(seed)
    cluster = rng.integers(clusters, size=80)
    labels = merge_clusters(rng.normal(size=(80, 3)), cluster, folds)
    assert all(len(set(labels[cluster == name])) == 1 for name in set(cluster))
    assert set(labels) <= set(range(folds))
    if len(set(cluster)) >= folds:
        assert set(labels) == set(range(folds))


def test_the_same_stations_have_the_same_folds_wherever_on_earth():
    """Also across the antimeridian."""
    stations, cells = network("towns", 4), CELLS[::7]
    moved = [
        np.column_stack([(each[:, 0] + 348) % 360 - 180, each[:, 1]]) for each in (stations, cells)
    ]
    here, there = match_folds(stations, cells, 5, 0), match_folds(*moved, 5, 0)
    assert here.clusters == there.clusters
    np.testing.assert_allclose(here.distance_km, there.distance_km, rtol=1e-6)


def test_too_few_stations_or_no_cell_is_said():
    with pytest.raises(Unavailable, match="9 stations"):
        match_folds(network("towns", 0, 9), CELLS, 5, 0)
    with pytest.raises(Unavailable, match="0 cells"):
        match_folds(network("towns", 0), CELLS[:0], 5, 0)
