"""Other pollutants than NO2: which stations a task holds, and what an absent one gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import TableError, Unavailable
from mmaq.config.evaluation import Evaluate, Supervised
from mmaq.contracts.sites import read_sites, write_sites
from mmaq.estimators.catalogue import reference, supervised
from mmaq.estimators.features import FEATURE_SETS
from mmaq.evaluate.predictions import predict_folds
from mmaq.evaluate.task import Task, read_task
from mmaq.statistics.splits import Stations, outer_folds
from tests.estimators.stations_made_up import TINY, make_data

QUICK = Evaluate(seeds=(0,), folds=3, splits=("random",))


def _folds(task):
    """The folds, and what they respect: nothing but single stations."""
    stations = Stations.single(task.places.lonlat)
    return outer_folds(task.table, "random", 3, stations, 0), stations


@pytest.fixture
def with_ozone(tmp_path):
    """Stations of which every other measures ozone too, and three carbon monoxide."""
    paths = make_data(tmp_path, size=60, absent=("s2", "s5p"))
    table = read_sites(paths[0])
    table["o3"] = np.where(np.arange(60) % 2, 70.0 - table["no2"], np.nan)
    table["co"] = np.where(np.arange(60) < 3, 300.0, np.nan)
    write_sites(table, paths[0])
    return paths, table


def test_a_task_holds_the_stations_of_its_pollutant(with_ozone):
    (sites, store, _), table = with_ozone
    task = read_task(sites, store, "o3")
    known = table.dropna(subset="o3").sort_values("site_id")
    assert task.pollutant == "o3"
    assert task.site_id.tolist() == known["site_id"].tolist()
    np.testing.assert_array_equal(task.target, known["o3"])
    assert read_task(sites, store, "no2").size == 60


def test_references_learn_the_pollutant_that_is_asked_for(with_ozone):
    (sites, store, _), _ = with_ozone
    task = read_task(sites, store, "o3")
    folds, stations = _folds(task)
    for fold in folds:
        fitted = reference("mean").fit(task.training(task.places, fold, stations), seed=0)
        found = fitted.mean(task.places.take(fold.test))
        np.testing.assert_allclose(found, task.target[fold.train].mean())


def test_another_pollutant_is_no_feature(with_ozone):
    (sites, store, _), table = with_ozone
    before = read_task(sites, store, "no2")
    write_sites(table.assign(o3=table["o3"] + 200.0, pm10=33.0), sites)
    after = read_task(sites, store, "no2")
    for name in ("table", "table_log", "geography", "covariates"):
        read = FEATURE_SETS[name]
        np.testing.assert_array_equal(read(before.places), read(after.places))


def test_an_absent_pollutant_is_a_reason_and_no_error(with_ozone):
    (sites, store, _), _ = with_ozone
    task = read_task(sites, store, "so2")
    assert task.size == 0
    for name in ("mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging"):
        with pytest.raises(Unavailable, match="the site table holds no so2"):
            predict_folds(task, task.places, [reference(name)], "random", QUICK)


def test_too_few_stations_of_a_pollutant_are_an_error(with_ozone):
    (sites, store, _), _ = with_ozone
    with pytest.raises(TableError, match="3 stations have co and every modality"):
        read_task(sites, store, "co")


def test_networks_learn_all_pollutants_at_once_on_the_stations_that_have_them_all(tmp_path):
    sites, store, _ = make_data(tmp_path, size=60)
    table = read_sites(sites)
    table["o3"] = np.where(np.arange(60) % 2, 1000.0, np.nan)
    write_sites(table, sites)
    task = read_task(sites, store, "no2")
    (fold, *_), stations = _folds(task)
    aqnet = supervised("aqnet", "supervised", TINY, Supervised(epochs=1, batch_size=8))

    def found(pollutant, joint, target=task.table):
        asked = Task(target, task.store, pollutant)
        train = asked.training(asked.places, fold, stations, joint)
        return aqnet.fit(train, seed=0).mean(asked.places.take(fold.test))

    joint = found("no2", ("no2", "o3"))
    assert joint.shape == (len(fold.test),)
    assert 900 < found("o3", ("no2", "o3")).mean() < 1100  # its own column, in its own unit
    # of stations without ozone nothing is learned, with it everything
    without = task.table.assign(no2=task.table["no2"].where(task.table["o3"].notna(), 0.0))
    np.testing.assert_array_equal(joint, found("no2", ("no2", "o3"), without))
    assert not np.array_equal(joint, found("no2", (), without))
    with pytest.raises(Unavailable, match="no two training stations measure all pollutants"):
        found("no2", ("no2", "so2"))


def test_a_table_without_any_station_is_an_error(with_ozone):
    (sites, store, _), table = with_ozone
    names = ["no2", "o3", "co"]
    write_sites(
        table.assign(**dict.fromkeys(names, np.nan)).astype(dict.fromkeys(names, float)), sites
    )
    with pytest.raises(TableError, match="0 stations have no2"):
        read_task(sites, store, "no2")
    assert pd.read_parquet(sites)["no2"].isna().all()
