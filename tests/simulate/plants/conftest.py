"""A few scenes of a small land, written once."""

from __future__ import annotations

import pytest

from mmaq.config.transfer import Transfer
from mmaq.simulate.stage import simulate_plants
from tests.simulate.conftest import SMALL, WEEK

FEW = Transfer(scenes=24, plants=12)


@pytest.fixture(scope="session")
def plant_scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp("simulated") / "scenes"
    simulate_plants(config=SMALL, period=WEEK, transfer=FEW, scenes=root)
    return root
