"""Places, training stations and calibration, whatever the estimator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import Unavailable
from mmaq.base.geo import EARTH_RADIUS_KM
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.sites import spatial_block
from mmaq.estimators.base import Training, own_target
from mmaq.estimators.ceilings import Constant, Mean
from mmaq.evaluate.predictions import predict_folds, predict_or_skip
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import Stations
from tests.estimators.stations_made_up import make_data
from tests.estimators.trainings import make_places, make_training

BUFFER_KM = 20.0


@pytest.fixture
def training():
    """Stations in blocks of a degree, of which 40 are copies of others, with a buffer."""
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(0, 6, 160), rng.uniform(45, 50, 160)
    copies = np.arange(160)
    copies[120:] = rng.permutation(120)[:40]
    places = make_places(
        pd.DataFrame({"site_id": np.arange(160).astype(str), "lon": lon, "lat": lat})
    )
    stations = Stations(places.lonlat, copies, spatial_block(lon, lat, 1.0), BUFFER_KM)
    return make_training(places, rng.uniform(5, 40, 160), stations)


def _nearest_km(one: Training, other: Training) -> float:
    """Smallest great circle distance between two sets of stations."""
    (lon, lat), (east, north) = (np.radians(part.places.lonlat).T for part in (one, other))
    half = np.sin((lat[:, None] - north) / 2) ** 2 + np.cos(lat[:, None]) * np.cos(north) * (
        np.sin((lon[:, None] - east) / 2) ** 2
    )
    return float((2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))).min())


def _assert_apart(one: Training, other: Training) -> None:
    assert _nearest_km(one, other) >= BUFFER_KM
    assert not set(one.stations.copies) & set(other.stations.copies)
    assert not set(one.stations.groups) & set(other.stations.groups)
    assert not set(one.places.table["site_id"]) & set(other.places.table["site_id"])


@pytest.mark.parametrize(("plan", "models"), [("folds", 5), ("hold-out", 1)])
def test_what_calibrates_keeps_apart_what_the_outer_split_does(training, plan, models):
    # At 13d81cd the second model stood beside the stations that measured its errors, and knew
    # nothing of copies when it chose.
    seen = []

    class Watching(Mean):
        def fit(self, train, *, seed):
            seen.append((train, train.inner(seed)))
            return Constant(float(len(seen)))

    found = Watching("mean", plan=plan).out_of_fold(Constant(0.0), training, seed=0)
    assert len(seen) == models
    for number, (second, inside) in enumerate(seen, start=1):
        _assert_apart(second, training.take(np.flatnonzero(found == number)))
        assert len(inside) == 5
        for fold in inside:
            _assert_apart(second.take(fold.train), second.take(fold.test))


def test_training_stations_that_are_taken_keep_what_is_known_of_them(training):
    rows = np.array([150, 3, 77])
    taken = training.take(rows).take(np.array([2, 0]))
    assert list(taken.places.table["site_id"]) == ["77", "150"]
    np.testing.assert_array_equal(taken.target, training.target[[77, 150]])
    for name in ("places", "copies", "groups"):
        expected = getattr(training.stations, name)[[77, 150]]
        np.testing.assert_array_equal(getattr(taken.stations, name), expected)
    assert taken.stations.buffer_km == BUFFER_KM


def test_of_several_pollutants_the_first_counts(training):
    both = np.column_stack([training.target, np.full(160, np.nan)])
    joint = replace(training, target=both)
    np.testing.assert_array_equal(own_target(joint), training.target)
    np.testing.assert_array_equal(own_target(training), training.target)


@pytest.mark.parametrize("split", ["country", "random"])
def test_a_row_without_a_calibration_keeps_its_predictions(data, split):
    # At 13d81cd the row was skipped. Of two countries one trains, and cannot be split.
    task = read_task(data[0], data[1], "no2")
    config = Evaluate(seeds=(0,), folds=3, together=(("DE", "PL"),))
    tested = predict_or_skip(task, task.places, [Mean("mean")], split, config)
    assert tested.fit["status"] == "ok"
    assert tested.fit["reason"] == ""
    assert len(tested.table) == 200
    assert np.isfinite(tested.table["prediction"]).all()
    for name in ("low", "high"):
        assert np.isnan(tested.table[name]).all() == (split == "country")
    plain = predict_folds(task, task.places, [Mean("mean", calibrated=False)], split, config)
    np.testing.assert_array_equal(plain.table["prediction"], tested.table["prediction"])
    assert np.isnan(plain.table["high"]).all()


def test_what_is_made_of_places_is_made_once_and_follows_every_selection(training):
    places, asked = training.places, []

    def make(whole):
        asked.append(len(whole))
        return whole.lonlat * 2.0

    rows = np.array([9, 2, 100])
    part = places.take(np.arange(5, 120)).take(rows)
    np.testing.assert_array_equal(part.lonlat, places.lonlat[rows + 5])
    np.testing.assert_array_equal(part.block("twice", make), 2.0 * places.lonlat[rows + 5])
    np.testing.assert_array_equal(places.block("twice", make), 2.0 * places.lonlat)
    assert asked == [160]
    assert (part.block("thrice", lambda whole: whole.lonlat * 3.0) == 3.0 * part.lonlat).all()


def test_estimators_share_what_is_made_of_the_same_stations_and_target(training):
    made = []

    def make():
        made.append(None)
        return len(made)

    rows = np.arange(50)
    assert [training.take(rows).once("size", make) for _ in range(2)] == [1, 1]
    assert training.take(rows[::-1]).once("size", make) == 2
    assert replace(training.take(rows), target=np.zeros(50)).once("size", make) == 3
    assert training.take(rows).once("another", make) == 4
    apart = replace(training.stations, buffer_km=5.0)
    assert replace(training, stations=apart).take(rows).once("size", make) == 5


def test_places_without_such_patches_say_why(data, tmp_path):
    paths = make_data(tmp_path, size=20, absent=("s5p",))
    places = read_task(paths[0], paths[1], "no2").places
    assert (places.patch_rows("s2") >= 0).all()
    with pytest.raises(Unavailable, match="no s5p patches: no images are given"):
        places.patch_rows("s5p")
