from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stations_made_up import make_data

from mmaq.config.learning import Encoders, Pretrain


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Paths of a site table, a store with both images, and an archive with its truth."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def checkpoint(data, tmp_path_factory):
    """Untrained encoders saved as if they were pretrained."""
    import pandas as pd

    from mmaq.patches.store import open_store
    from mmaq.training import compute_statistics, load_inputs, random_encoders, save_encoders

    config = Pretrain(encoders=Encoders(s2_input=8, s5p_input=6, table_width=16))
    inputs = load_inputs(open_store(data[1]), pd.read_parquet(data[0]))
    statistics = compute_statistics(inputs)
    path = tmp_path_factory.mktemp("checkpoint") / "mmaq.safetensors"
    save_encoders(path, random_encoders(config, 99), statistics, config, [])
    return path
