"""Copies of test stations in training are found, and left out of what is measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from stations_made_up import make_data

from mmaq.base.errors import LeakError
from mmaq.config.evaluation import Evaluate
from mmaq.estimators.entry import Entry
from mmaq.evaluate.copies import check_fold, find_copies
from mmaq.evaluate.measure import predict_folds
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import Fold, leave_copies, make_folds

METRE = 1 / 111_195  # degrees of latitude
CONFIG = Evaluate(seeds=(0, 1), folds=3)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    paths = make_data(tmp_path_factory.mktemp("copies"), size=60)
    return read_task(paths[0], paths[1], "made_up", "no2")


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


def _fold(task, test):
    return Fold(np.setdiff1d(np.arange(task.size), test), np.asarray(test))


def test_sound_folds_pass(task):
    copies = find_copies(task)
    assert len(np.unique(copies)) == 60
    for split in ("random", "blocks", "country"):
        for fold in make_folds(task.table, split, 3, 0.0, 0):
            check_fold(task, fold, copies)
            np.testing.assert_array_equal(leave_copies(fold, copies).train, fold.train)


def test_a_test_station_in_training_is_found(task):
    fold = Fold(np.arange(0, 41), np.arange(40, 60))
    with pytest.raises(
        LeakError, match=f"made_up: test station {task.site_id[40]!r} is in training"
    ):
        check_fold(task, fold, find_copies(task))


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
    fold = _fold(task, np.arange(5, 25))
    copies = find_copies(task)
    assert copies[5] == copies[60] != copies[9] == copies[61]
    with pytest.raises(LeakError, match=r"has its copy 'TWIN5' in training \(2 such\)"):
        check_fold(task, fold, copies)
    left = leave_copies(fold, copies)
    check_fold(task, left, copies)
    assert set(fold.train) - set(left.train) == {60, 61}


def test_a_neighbour_is_no_copy(task):
    task = _copied(task, [5], metres=60.0)
    s2 = np.concatenate([task.store.s2, task.store.s2[:1] + np.uint16(1)])
    index = task.store.index.copy()
    index.iloc[-1, index.columns.get_loc("s2_row")] = len(s2) - 1
    task = replace(task, store=replace(task.store, index=index, s2=s2))
    assert len(np.unique(find_copies(task))) == 61


def test_patches_without_contrast_are_no_copies(task):
    flat = np.full_like(task.store.s2, 1200)
    flat = replace(task, store=replace(task.store, s2=flat))
    assert len(np.unique(find_copies(flat))) == 60


def test_without_coordinates_and_images_nothing_is_a_copy(tmp_path):
    paths = make_data(tmp_path, size=30, absent=("s2", "s5p"))
    task = read_task(paths[0], paths[1], "made_up", "no2")
    task = replace(task, table=task.table.assign(lon=np.nan, lat=np.nan))
    assert len(np.unique(find_copies(task))) == 30


def test_groups_stay_with_their_stations(task):
    task = _copied(task, [5])
    fold = replace(_fold(task, [5, 6]), groups=np.setdiff1d(np.arange(61), [5, 6]).astype(str))
    left = leave_copies(fold, find_copies(task))
    np.testing.assert_array_equal(left.groups, left.train.astype(str))


@pytest.mark.slow
def test_pairs_of_real_stations_at_one_place(real_stations):
    copies = find_copies(read_task(*real_stations, "published", "no2"))
    counts = np.bincount(copies)
    assert sum(count * (count - 1) // 2 for count in counts) == 13
    assert len(copies) == 2674


def test_what_is_measured_never_meets_a_copy(task):
    doubled = _copied(task, np.arange(60), metres=10.0)
    places = np.round(doubled.places, 2)
    met = []

    def predict(fold, seed):
        shared = (places[fold.test][:, None] == places[fold.train][None]).all(axis=2)
        met.append(shared.any())
        return np.zeros(len(fold.test))

    tested = predict_folds(
        doubled, Entry("mean", "reference", "", lambda: predict), "random", CONFIG, False
    )
    assert len(met) == 6
    assert not any(met)
    assert tested.table.groupby("seed")["site_id"].nunique().eq(120).all()
