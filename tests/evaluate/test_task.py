"""What the evaluation knows of its stations, and the check that no fold leaks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import LeakError
from mmaq.config.evaluation import Evaluate
from mmaq.estimators.base import Estimator
from mmaq.estimators.ceilings import Constant
from mmaq.evaluate.predictions import predict_folds
from mmaq.evaluate.task import check_fold, read_task
from mmaq.statistics.splits import Fold, outer_folds, related
from tests.estimators.stations_made_up import make_data

METRE = 1 / 111_195  # degrees of latitude
CONFIG = Evaluate(seeds=(0, 1), folds=3)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    paths = make_data(tmp_path_factory.mktemp("copies"), size=60)
    return read_task(paths[0], paths[1], "no2")


def _copied(task, stations, metres=0.0, no2=0.0):
    """The task with those stations a second time, under names of their own, so far to the north."""
    twins = task.table.loc[stations].assign(site_id=[f"TWIN{number}" for number in stations])
    twins["lat"] += metres * METRE
    twins["no2"] += no2
    index = task.store.index.set_index("site_id").loc[task.site_id[stations]]
    index = pd.concat([task.store.index, index.assign(site_id=list(twins["site_id"]))])
    table = pd.concat([task.table, twins], ignore_index=True)
    return replace(task, table=table, store=replace(task.store, index=index))


def _moved(task, stations):
    """The same, at places of their own: what is left of the copies is their image."""
    copied = _copied(task, stations)
    copied.table.loc[task.size :, "lat"] += np.arange(1, 1 + len(stations)) / 10
    return copied


def _related(task, split="random"):
    return related(task.table, split, task.copies, 0.0, 1.0)


def test_sound_folds_pass(task):
    assert len(np.unique(task.copies)) == 60
    for split in ("random", "blocks", "country"):
        stations = _related(task, split)
        for fold in outer_folds(task.table, split, 3, stations, 0):
            check_fold(task, fold, task.copies)
            assert len(fold.train) + len(fold.test) == 60


def test_a_test_station_in_training_is_found(task):
    fold = Fold(np.arange(0, 41), np.arange(40, 60))
    with pytest.raises(LeakError, match=f"no2: test station {task.site_id[40]!r} is in training"):
        check_fold(task, fold, task.copies)


@pytest.mark.parametrize(
    "copy",
    [
        lambda task: _copied(task, [5, 9]),
        lambda task: _copied(task, [5, 9], metres=40.0),
        lambda task: _copied(task, [5, 9], no2=3.0),
        lambda task: _moved(task, [5, 9]),
    ],
    ids=["place and label", "40 m away", "another label", "the image alone"],
)
def test_a_copy_of_a_test_station_in_training_is_found(task, copy):
    task = copy(task)
    test = np.arange(5, 25)
    fold = Fold(np.setdiff1d(np.arange(task.size), test), test)
    copies = task.copies
    assert copies[5] == copies[60] != copies[9] == copies[61]
    with pytest.raises(LeakError, match=r"has its copy 'TWIN5' in training \(2 such\)"):
        check_fold(task, fold, copies)
    left = _related(task).separate(fold)
    check_fold(task, left, copies)
    assert set(fold.train) - set(left.train) == {60, 61}


def test_without_coordinates_and_images_nothing_is_a_copy(tmp_path):
    paths = make_data(tmp_path, size=30, absent=("s2", "s5p"))
    task = read_task(paths[0], paths[1], "no2")
    task = replace(task, table=task.table.assign(lon=np.nan, lat=np.nan))
    assert len(np.unique(task.copies)) == 30


@pytest.mark.slow
def test_pairs_of_real_stations_at_one_place(real_stations):
    copies = read_task(*real_stations, "no2").copies
    counts = np.bincount(copies)
    assert sum(count * (count - 1) // 2 for count in counts) == 13
    assert len(copies) == 2674


def test_what_is_measured_never_meets_a_copy(task):
    doubled = _copied(task, np.arange(60), metres=10.0)
    met = []

    class Watching(Estimator):
        """Notes where it was trained, and whether it is asked there."""

        def fit(self, train, *, seed):
            known = np.round(train.places.lonlat, 2)

            class Fitted(Constant):
                def mean(self, places):
                    asked = np.round(places.lonlat, 2)
                    met.append((asked[:, None] == known[None]).all(axis=2).any())
                    return np.zeros(len(places))

            return Fitted(0.0)

    tested = predict_folds(doubled, doubled.places, [Watching("mean")], "random", CONFIG)
    # Three folds of two seeds, and in each the five models that calibrate.
    assert len(met) == 36
    assert not any(met)
    assert tested.table.groupby("run")["site_id"].nunique().eq(120).all()


def test_a_place_knows_no_label(task):
    known = set(task.places.table.columns)
    assert not known & {"no2", "o3", "pm10", "official_test"}
    assert len(task.places) == 60
