"""Folds for a map: their distances are those of the map's cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.stats import wasserstein_distance
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import haversine_distances

from mmaq.base.errors import Unavailable
from mmaq.base.geo import EARTH_RADIUS_KM, nearest_km, unit_vectors
from mmaq.statistics.knndm import first_component, match_folds, merge_clusters, region_cells
from mmaq.statistics.labels import random_labels

LON, LAT = np.meshgrid(np.linspace(10, 14, 40), np.linspace(48, 52, 40))
CELLS = np.column_stack([LON.ravel(), LAT.ravel()])
DEGREE = np.pi * EARTH_RADIUS_KM / 180


def network(kind, seed, count=200):
    """Stations in a country of 4 degrees a side: anywhere, or in eight towns."""
    rng = np.random.default_rng(seed)
    if kind == "anywhere":
        return rng.uniform([10, 48], [14, 52], (count, 2))
    towns = rng.uniform([10, 48], [14, 52], (8, 2))
    return towns[rng.integers(8, size=count)] + rng.normal(0, 0.08, (count, 2))


def matched(stations, cells=CELLS, folds=5, seed=0):
    return match_folds(stations, nearest_km(stations, cells), folds, seed)


def between_folds(stations, labels):
    """Distances in km, (n,), from a table of all pairs."""
    radians = np.radians(stations[:, ::-1])
    pairs = haversine_distances(radians) * EARTH_RADIUS_KM
    pairs[labels[:, None] == labels] = np.inf
    return pairs.min(axis=1)


def difference_of(first, second):
    """Wasserstein distance as the area between two distribution functions."""
    at = np.unique(np.concatenate([first, second]))
    below = [(each[:, None] <= at[:-1]).mean(axis=0) for each in (first, second)]
    return float(np.abs(below[0] - below[1]) @ np.diff(at))


def dealt_out(points, cluster, folds):
    """Clusters merged as CAST does, one after the other along the first principal component."""
    values, vectors = np.linalg.eigh(np.cov(points.T))
    along = (points - points.mean(axis=0)) @ vectors[:, np.argmax(values)]
    order = sorted(set(cluster), key=lambda name: along[cluster == name].mean())
    large = [name for name in order if (cluster == name).sum() >= len(points) / folds]
    fold = {name: number for number, name in enumerate(large)}
    left = [number for number in range(folds) if number not in fold.values()]
    for turn, name in enumerate(name for name in order if name not in large):
        fold[name] = left[turn % len(left)]
    return np.array([fold[name] for name in cluster])


def test_folds_are_those_of_a_direct_search():
    stations, folds = network("towns", 0, 40), 4
    points, wanted = unit_vectors(*stations.T), nearest_km(stations, CELLS)
    tried = []
    for clusters in np.unique(np.round(np.geomspace(folds, len(stations) - 2, 100)).astype(int)):
        found = AgglomerativeClustering(n_clusters=clusters, linkage="ward").fit_predict(points)
        labels = dealt_out(points, found, folds)
        if np.bincount(labels).max() <= len(stations) / 2:
            apart = difference_of(between_folds(stations, labels), wanted)
            tried.append((apart, clusters, labels))
    apart, clusters, labels = min(tried, key=lambda each: each[0])
    found = match_folds(stations, wanted, folds, 0)
    assert found.clusters == clusters
    assert adjusted_rand_score(labels, found.labels) == 1.0
    assert found.apart_km == pytest.approx(apart, rel=1e-9)


@pytest.mark.parametrize(("wanted", "apart"), [(4.5, 5.0), (9.5, 0.5), (9.0, 0.5), (20.0, 10.5)])
def test_two_pairs_on_the_equator_by_hand(wanted, apart):
    """Stations at 0, 1, 10 and 11 degrees are 10, 9, 9 and 10 from those of the other fold."""
    stations = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [11.0, 0.0]])
    found = match_folds(stations, np.full(20, wanted * DEGREE), 2, 0)
    assert found.clusters == 2
    assert found.labels[0] == found.labels[1] != found.labels[2] == found.labels[3]
    assert found.apart_km == pytest.approx(apart * DEGREE, rel=1e-9)


def test_an_even_network_has_random_folds():
    """No cell is farther from a station than the stations are from each other."""
    stations = CELLS.reshape(40, 40, 2)[1::3, 1::3].reshape(-1, 2)
    found = matched(stations, seed=3)
    assert found.clusters is None
    np.testing.assert_array_equal(found.labels, random_labels(len(stations), 5, 3))


@pytest.mark.parametrize("seed", range(2))
def test_stations_in_towns_are_tested_as_far_away_as_the_cells_are(seed):
    stations = network("towns", seed)
    wanted, found = nearest_km(stations, CELLS), matched(stations, seed=seed)
    at_random = between_folds(stations, random_labels(len(stations), 5, seed))
    assert found.apart_km < 0.5 * wasserstein_distance(at_random, wanted)
    assert np.bincount(found.labels, minlength=5).max() <= 100


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), clusters=st.integers(1, 40), folds=st.integers(2, 8))
def test_whole_clusters_share_a_fold_and_every_fold_is_used(seed, clusters, folds):
    rng = np.random.default_rng(seed)
    points, cluster = rng.normal(size=(80, 3)), rng.integers(clusters, size=80)
    labels = merge_clusters(first_component(points), cluster, folds)
    assert all(len(set(labels[cluster == name])) == 1 for name in set(cluster))
    assert set(labels) == set(range(min(folds, len(set(cluster)))))
    if len(set(cluster)) > folds:
        assert adjusted_rand_score(dealt_out(points, cluster, folds), labels) == 1.0


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_neither_the_order_of_the_stations_nor_the_place_on_earth_matters(seed):
    rng = np.random.default_rng(seed)
    stations, cells, order = network("towns", seed, 60), CELLS[::7], rng.permutation(60)
    turn = Rotation.random(rng=rng)

    def moved(places):
        x, y, z = turn.apply(unit_vectors(*places.T)).T
        return np.degrees(np.column_stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))]))

    here = matched(stations, cells)
    for there, of in (
        (matched(stations[order], cells), order),
        (matched(moved(stations), moved(cells)), slice(None)),
        (matched(stations, cells, seed=1), slice(None)),
    ):
        assert there.clusters == here.clusters
        assert there.apart_km == pytest.approx(here.apart_km, rel=1e-6)
        if here.clusters is not None:  # else folds are drawn
            assert adjusted_rand_score(here.labels[of], there.labels) == 1.0


def test_too_few_stations_or_no_cell_is_said():
    with pytest.raises(Unavailable, match="9 stations"):
        matched(network("towns", 0, 9))
    with pytest.raises(Unavailable, match="0 cells"):
        match_folds(network("towns", 0), np.empty(0), 5, 0)
    three_and_one = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [30.0, 0.0]])
    with pytest.raises(Unavailable, match="one fold would hold most"):
        match_folds(three_and_one, np.full(20, 900.0), 2, 0)


def test_cells_are_of_equal_area_and_within_the_stations_of_a_country():
    boxes = [np.meshgrid(np.linspace(low, low + 4, 5), np.linspace(60, 70, 11)) for low in (4, 12)]
    west, east = (np.stack(box, axis=-1).reshape(-1, 2) for box in boxes)
    lone = np.array([[0.0, 60.0], [20.0, 70.0], *3 * [[9.0, 65.0]]])
    stations = np.concatenate([west, east, lone])
    country = np.repeat(["W", "E", "X", "Y"], [55, 55, 2, 3])
    cells = region_cells(stations, country)
    inside = [np.abs(cells[:, 0] - middle) <= 2.05 for middle in (6, 14)]
    assert (inside[0] ^ inside[1]).all()  # none of two stations, nor of three at one place
    # As many in the south as its share of the area says.
    area = [np.sin(np.radians(lat)) for lat in (60, 65, 70)]
    south = (cells[:, 1] < 65).mean()
    assert south == pytest.approx((area[1] - area[0]) / (area[2] - area[0]), abs=0.03)
    moved = region_cells((stations + [175.0, 0.0] + 180) % 360 - [180.0, 180.0], country)
    assert len(moved) == len(cells)  # across the antimeridian


def test_stations_at_one_place_have_no_region():
    assert region_cells(np.full((5, 2), 10.0), np.repeat("A", 5)).shape == (0, 2)
