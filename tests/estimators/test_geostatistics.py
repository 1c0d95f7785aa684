"""gbm_geo_kriging: what it may read, how it is split inside, and what it finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import Unavailable
from mmaq.contracts.sites import read_sites
from mmaq.estimators import geostatistics, trees
from mmaq.estimators.base import Places
from mmaq.estimators.catalogue import reference
from mmaq.estimators.features import covariates, images
from mmaq.estimators.geostatistics import KnownFeatures, Kriging
from mmaq.estimators.intervals import calibrate
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import inner_folds, outer_folds, related
from tests.estimators.stations_made_up import make_data
from tests.estimators.trainings import make_places, make_training, training_of

ESTIMATOR = reference("gbm_geo_kriging")
NOISE = ("altitude", "nature_score", "manmade_score")
"""Features that know nothing of the target here."""


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 20)


@pytest.fixture
def land():
    """Stations some 20 km apart in blocks of a degree, with three columns of noise."""
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(5, 9, 200), rng.uniform(48, 51, 200)
    table = pd.DataFrame({"lon": lon, "lat": lat, "country": "DE"})
    noise = np.random.default_rng(5).normal(size=(200, 3))
    return table.assign(**dict(zip(NOISE, noise.T, strict=True)))


def hills(table):
    """A field in space that no other feature knows, in ug/m3."""
    return 30.0 + 9.0 * np.sin(3.0 * table["lon"]) * np.cos(4.0 * table["lat"]).to_numpy(float)


def split(land, name, folds, buffer_km):
    """What the split respects, and its first fold."""
    stations = related(land, name, np.arange(len(land)), buffer_km, 1.0)
    return stations, outer_folds(land, name, folds, stations, 0)[0]


def told(land, target, fold, stations=None):
    """Predictions at the test stations of a model that was fitted to the training stations."""
    places = make_places(land)
    training = make_training(places, target, stations).take(fold.train)
    return ESTIMATOR.fit(training, seed=0).mean(places.take(fold.test))


@pytest.mark.parametrize("name", ["random", "blocks"])
def test_what_is_weighed_inside_is_split_as_the_fold_is(land, name, monkeypatch):
    # At 13d81cd its folds to choose by kept no copies apart.
    stations, fold = split(land, name, 4, 15.0)
    copies = np.arange(len(land))
    copies[100:] = np.arange(100)
    stations = type(stations)(stations.places, copies, stations.groups, stations.buffer_km)
    part = stations.take(fold.train)
    seen = []

    def watching(full, target, train, test):
        seen.append((len(full), train, test))
        return krige_within(full, target, train, test)

    krige_within = geostatistics.krige_within
    monkeypatch.setattr(geostatistics, "krige_within", watching)
    told(land, hills(land), fold, stations)
    inside = inner_folds(part, 0)
    expected = inside[0::2] + inside[1::2]
    assert len(seen) == len(expected) == 5
    for (count, train, test), inner in zip(seen, expected, strict=True):
        assert count == len(part)
        np.testing.assert_array_equal(train, inner.train)
        np.testing.assert_array_equal(test, inner.test)
        assert len(train) < 0.8 * count


@pytest.mark.parametrize("name", ["random", "blocks"])
def test_no_station_has_a_say_in_what_is_said_of_it_out_of_fold(land, name):
    # Until 06b51e2 one covariance, likeliest at all of them, served all inner folds.
    copies = np.arange(len(land))
    copies[100:110] = np.arange(10)
    stations = replace(split(land, name, 4, 15.0)[0], copies=copies)
    target = np.asarray(hills(land))
    estimator = Kriging("kriging")

    def asked(target):
        training = make_training(make_places(land), target, stations)
        fitted = estimator.fit(training, seed=0)
        return estimator.out_of_fold(fitted, training, seed=0)

    found = asked(target)
    for station in (3, 50, 151):
        same = copies == copies[station]
        other = asked(np.where(same, target + 100.0, target))
        np.testing.assert_array_equal(other[same], found[same])
        assert (other[~same] != found[~same]).any()


def test_where_all_that_is_not_asked_are_copies_nothing_is_left_to_choose_a_covariance_by(land):
    stations, _ = split(land, "random", 4, 0.0)
    folds = inner_folds(stations, 0)
    copies = np.arange(len(land))
    for number in (0, 1, 3):
        copies[folds[number].test] = 0
    training = make_training(make_places(land), hills(land), replace(stations, copies=copies))
    estimator = Kriging("kriging")
    fitted = estimator.fit(training, seed=0)
    with pytest.raises(Unavailable, match="copies of stations leave nothing to choose"):
        estimator.out_of_fold(fitted, training, seed=0)


def test_the_predictions_that_it_was_chosen_by_calibrate_and_nothing_is_fitted_again(
    land, monkeypatch
):
    stations, _ = split(land, "random", 4, 0.0)
    training = make_training(make_places(land), np.asarray(hills(land)), stations)
    fitted = ESTIMATOR.fit(training, seed=0)
    inside = ESTIMATOR.out_of_fold(fitted, training, seed=0)
    asked = fitted.mean(training.places)
    # a prediction of a model that knows the station is nearer to its measurement
    errors = [np.abs(found - training.target).mean() for found in (asked, inside)]
    assert 2 * errors[0] < errors[1] < 0.8 * np.abs(training.target - 30.0).mean()
    monkeypatch.setattr(geostatistics, "fit_covariance", None)
    monkeypatch.setattr(geostatistics, "krige", None)
    assert calibrate(ESTIMATOR, fitted, training, seed=0) is not None


@pytest.mark.parametrize("name", ["random", "blocks"])
def test_no_target_of_the_test_part_is_read(land, name):
    target = np.random.default_rng(7).uniform(5, 60, len(land))
    stations, fold = split(land, name, 4, 5.0)
    hidden = target.copy()
    hidden[np.setdiff1d(np.arange(len(land)), fold.train)] = np.nan
    found, blind = (told(land, values, fold, stations) for values in (target, hidden))
    assert np.isfinite(blind).all()
    np.testing.assert_array_equal(found, blind)


def test_neighbours_tell_what_no_feature_knows(land):
    target = np.asarray(hills(land))
    _, fold = split(land, "random", 4, 0.0)
    error = np.mean((told(land, target, fold) - target[fold.test]) ** 2)
    assert error < 0.5 * np.var(target[fold.test])


def test_a_shuffled_target_teaches_nothing(land):
    target = np.random.default_rng(8).permutation(np.asarray(hills(land)))
    _, fold = split(land, "random", 2, 0.0)
    error = np.mean((told(land, target, fold) - target[fold.test]) ** 2)
    assert error > 0.9 * np.var(target[fold.test])


def test_a_column_that_is_missing_at_all_training_stations_is_not_read_at_others(land):
    _, fold = split(land, "random", 4, 0.0)
    found = told(land, hills(land), fold)
    assert np.isfinite(found).all()
    elsewhere = land.assign(inlet_height=np.nan)
    elsewhere.loc[fold.test, "inlet_height"] = 4.0
    np.testing.assert_array_equal(told(elsewhere, hills(land), fold), found)


def test_a_value_that_is_missing_at_one_station_alone_stops_nothing(land):
    _, fold = split(land, "random", 4, 0.0)
    holes = land.copy()
    holes.loc[fold.train[3], "altitude"] = np.nan
    holes.loc[fold.test[2], ["altitude", "nature_score"]] = np.nan
    assert np.isfinite(told(holes, hills(land), fold)).all()


def test_covariates_hold_no_label_of_any_station(data):
    task = read_task(data[0], data[1], "no2")
    other = task.table.assign(no2=1.0, o3=2.0, pm10=3.0, official_test=1.0)
    found = covariates(task.places)
    np.testing.assert_array_equal(found, covariates(Places(other, task.store)))
    assert found.shape == (200, 20)
    # eight features and the road distance; no other column is known
    assert KnownFeatures.of(found).seen.sum() == 9


def test_known_features_are_standardised_by_the_training_stations_and_flag_what_is_missing():
    rng = np.random.default_rng(2)
    values = np.column_stack([rng.normal(5, 3, (40, 2)), np.full(40, np.nan)])
    values[::4, 1] = np.nan
    known = KnownFeatures.of(values)
    found = known.apply(values)
    assert found.shape == (40, 3)  # two columns, and a flag of the second
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found[:, [0, 2]].std(axis=0), 1.0)
    assert (found[::4, 1] == 0).all()
    assert len(np.unique(found[:, 2])) == 2
    more = np.vstack([values, values + 1000.0])
    np.testing.assert_array_equal(known.apply(more)[:40], found)


def test_kriging_on_images_says_nothing_where_a_place_lacks_one(tmp_path):
    sites, store, _ = make_data(tmp_path, size=60, without={"s2": 5, "s5p": 3})
    train = training_of((sites, store))
    fitted = Kriging("kriging", features="everything").fit(train, seed=0)
    found = fitted.mean(Places(read_sites(sites), train.places.store))
    np.testing.assert_array_equal(np.isnan(found), np.arange(60) < 5)


def test_no_odd_image_decides_what_kriging_says(tmp_path):
    sites, store, _ = make_data(tmp_path, size=60)
    train = training_of((sites, store))
    fitted = Kriging("kriging", features="everything").fit(train, seed=0)
    far, further = (fitted.mean(_odd(train.places, value)) for value in (1e3, 1e6))
    np.testing.assert_array_equal(far, further)


def _odd(places, value):
    """The places with statistics of rings that are far beyond those of any station."""
    rings = images(places)[:, 34:]
    return Places(places.table, places.store, made={"rings": value * (1.0 + np.abs(rings))})
