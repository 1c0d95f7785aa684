"""gbm_geo_kriging on the real stations, without an image."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.estimators.references import reference_entries
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import make_folds


@pytest.mark.slow
def test_the_released_codes_hold_out(real_stations):
    task = read_task(*real_stations, "published", "no2")
    (fold,) = make_folds(task.table, "official", 5, 10.0, 0)
    found = reference_entries(task, None)["gbm_geo_kriging"].prepare()(fold, 0)
    measured = task.target[fold.test]
    r2 = 1.0 - np.mean((found - measured) ** 2) / np.var(measured)
    assert 0.755 < r2 < 0.81
