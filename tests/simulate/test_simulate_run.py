"""The stage as a whole on a tiny country."""

from __future__ import annotations

from datetime import date

import pytest

from mmaq.base.errors import ConfigError
from mmaq.config.data import Period, Simulate
from mmaq.contracts.archive import COLLECTIONS, has_collection, read_collection
from mmaq.simulate.stage import simulate

TINY = Simulate(
    extent_km=60, stations=4, unlabelled=4, orbit_interval_days=2, scene_dates=1, area_km=2
)


@pytest.mark.slow
def test_all_five_collections_are_written(tmp_path):
    period = Period(start=date(2021, 5, 3), end=date(2021, 5, 6))
    simulate(config=TINY, period=period, archive=tmp_path, workers=1)
    for name in COLLECTIONS:
        assert has_collection(tmp_path, name)
        for product in read_collection(tmp_path, name):
            for asset in product.assets.values():
                asset.verify()


def test_impossible_request_leaves_nothing(tmp_path):
    crowd = TINY.model_copy(update={"stations": 60_000})
    with pytest.raises(ConfigError, match="Ask for fewer sites"):
        simulate(config=crowd, period=Period(), archive=tmp_path, workers=1)
    assert not list(tmp_path.iterdir())
