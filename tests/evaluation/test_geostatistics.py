"""gbm_geo_kriging: what it may read, how it is parted inside, and what it finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import Unavailable
from mmaq.contracts.sites import spatial_block
from mmaq.estimators import kriging as geostatistics
from mmaq.estimators.kriging import kriged
from mmaq.estimators.references import covariates
from mmaq.evaluate.task import Task, read_task
from mmaq.statistics.splits import Fold, inner_folds, leave_buffer, make_folds


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(geostatistics.BOOSTED, "max_iter", 20)


@pytest.fixture
def land():
    """Stations some 20 km apart in blocks of a degree."""
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(5, 9, 200), rng.uniform(48, 51, 200)
    block = spatial_block(lon, lat, 1.0)
    return pd.DataFrame({"lon": lon, "lat": lat, "block": block, "country": "DE"})


def places_of(table):
    return table[["lon", "lat"]].to_numpy(float)


def hills(table):
    """A field in space that no other feature knows, in ug/m3."""
    return 30.0 + 9.0 * np.sin(3.0 * table["lon"]) * np.cos(4.0 * table["lat"]).to_numpy(float)


@pytest.mark.parametrize("split", ["random", "blocks"])
def test_inner_folds_stay_inside_and_are_parted_as_the_fold_is(land, split):
    at = places_of(land)
    for fold in make_folds(land, split, 4, 15.0, 0):
        inside = inner_folds(fold, at, 0)
        tested = np.concatenate([part.test for part in inside])
        assert np.array_equal(np.sort(tested), np.arange(len(fold.train)))
        for part in inside:
            # positions in the training part, so that no test station can be among them
            assert max(part.train.max(), part.test.max()) < len(fold.train)
            assert not np.intersect1d(part.train, part.test).size
            if split == "blocks":
                blocks = land["block"].to_numpy()[fold.train]
                assert not set(blocks[part.train]) & set(blocks[part.test])
                lon, lat = at[fold.train].T
                assert np.array_equal(leave_buffer(part, lon, lat, 15.0), part.train)


def test_a_training_part_of_one_block_has_nothing_to_choose_by(land):
    fold = Fold(np.arange(50), np.arange(50, 60), np.repeat("a", 50))
    with pytest.raises(Unavailable, match="leaves nothing to choose by"):
        inner_folds(fold, places_of(land), 0)
    fold = Fold(np.arange(50), np.arange(50, 60), np.repeat(["a", "b"], 25), 9000.0)
    with pytest.raises(Unavailable, match="a buffer of 9000 km leaves nothing"):
        inner_folds(fold, places_of(land), 0)


@pytest.mark.parametrize("split", ["random", "blocks"])
def test_no_target_of_the_test_part_is_read(land, split):
    features = np.random.default_rng(6).normal(size=(len(land), 2))
    target = np.random.default_rng(7).uniform(5, 60, len(land))
    fold = make_folds(land, split, 4, 5.0, 0)[0]
    hidden = target.copy()
    hidden[np.setdiff1d(np.arange(len(land)), fold.train)] = np.nan
    found, blind = (kriged(features, places_of(land), y)(fold, 0) for y in (target, hidden))
    assert np.isfinite(blind).all()
    np.testing.assert_array_equal(found, blind)


def test_neighbours_tell_what_no_feature_knows(land):
    noise = np.random.default_rng(5).normal(size=(len(land), 3))
    target = hills(land)
    fold = make_folds(land, "random", 4, 0.0, 0)[0]
    found = kriged(noise, places_of(land), np.asarray(target))(fold, 0)
    error = np.mean((found - target[fold.test]) ** 2)
    assert error < 0.5 * np.var(target[fold.test])


def test_a_shuffled_target_teaches_nothing(land):
    target = np.random.default_rng(8).permutation(np.asarray(hills(land)))
    features = np.random.default_rng(5).normal(size=(len(land), 3))
    fold = make_folds(land, "random", 2, 0.0, 0)[0]
    found = kriged(features, places_of(land), target)(fold, 0)
    assert np.mean((found - target[fold.test]) ** 2) > 0.9 * np.var(target[fold.test])


def test_a_column_that_is_missing_at_all_stations_changes_nothing(land):
    features = np.random.default_rng(5).normal(size=(len(land), 2))
    fold = make_folds(land, "random", 4, 0.0, 0)[0]
    target = np.asarray(hills(land))
    absent = np.hstack([features, np.full((len(land), 1), np.nan)])
    assert np.isfinite(kriged(absent, places_of(land), target)(fold, 0)).all()


def test_covariates_hold_no_label_of_any_station(data):
    task = read_task(data[0], data[1], "made_up", "no2")
    other = task.table.assign(no2=1.0, o3=2.0, pm10=3.0, official_test=1.0)
    found = covariates(task)
    np.testing.assert_array_equal(found, covariates(Task("made_up", other, task.store, "no2")))
    assert found.shape == (200, 9)  # eight features and the road distance; no other column is known
