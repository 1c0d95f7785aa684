"""gbm_geo_kriging on the real stations, without an image."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.estimators.catalogue import reference
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import outer_folds, related


@pytest.mark.slow
def test_the_released_codes_hold_out(real_stations):
    task = read_task(*real_stations, "no2")
    stations = related(task.table, "official", task.copies, 10.0, 2.0)
    (fold,) = outer_folds(task.table, "official", 5, stations, 0)
    places = task.places
    train = task.training(places, fold, stations)
    found = reference("gbm_geo_kriging").fit(train, seed=0).mean(places.take(fold.test))
    measured = task.target[fold.test]
    r2 = 1.0 - np.mean((found - measured) ** 2) / np.var(measured)
    assert 0.755 < r2 < 0.81
