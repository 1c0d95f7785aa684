"""gbm_geo_kriging on the real stations, without an image."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.config.data import Landuse, Patches, Published
from mmaq.evaluation.references import reference_entries
from mmaq.evaluation.splits import make_folds
from mmaq.evaluation.task import read_task
from mmaq.landuse import build_published_sites
from mmaq.patches.published import build_published_patches


@pytest.mark.slow
def test_the_released_codes_hold_out(real_data, tmp_path):
    folder = real_data / "stations"
    published = Published(
        samples=str(folder / "pollutant_ssl.csv"),
        eea_metadata=str(folder / "PanEuropean_metadata.zip"),
        osm=str(folder / "local_no2_osm.csv"),
    )
    sites, store = tmp_path / "sites.parquet", tmp_path / "patches"
    build_published_sites(published, Landuse(), sites)
    build_published_patches(published, Patches(), sites, store)
    task = read_task(sites, store, "published", "no2")
    (fold,) = make_folds(task.table, "official", 5, 10.0, 0)
    found = reference_entries(task, None)["gbm_geo_kriging"].prepare()(fold, 0)
    measured = task.target[fold.test]
    r2 = 1.0 - np.mean((found - measured) ** 2) / np.var(measured)
    assert 0.755 < r2 < 0.81
