from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation"))

from stations_made_up import TINY, make_store, make_table

from mmaq.config.evaluation import Evaluate
from mmaq.config.learning import Pretrain
from mmaq.contracts.sites import write_sites
from mmaq.prediction.stage import predictor as fit_predictor
from mmaq.vocabulary import AREAS, TYPES

UNMEASURED = 40
"""Sites without a measurement, of which the first 10 have no patch at all and as many no S2."""


@pytest.fixture(scope="session")
def land(tmp_path_factory):
    """A folder with sites.parquet, patches, the hidden truth, encoders and a predictor."""
    import numpy as np
    import torch

    from mmaq.contracts.patches import open_store
    from mmaq.learn.checkpoint import save_encoders
    from mmaq.learn.data import compute_statistics, load_inputs
    from mmaq.learn.models.encoders import Encoders

    folder = tmp_path_factory.mktemp("land")
    rng = np.random.default_rng(5)
    table, hidden, _ = make_table(240, rng)
    unmeasured = table.index[:UNMEASURED]
    table["truth"] = table["no2"]
    table.loc[unmeasured, ["no2", *AREAS, *TYPES]] = np.nan
    make_store(folder / "patches", table, hidden, rng, without={"s2": 20, "s5p": 10})
    write_sites(table.drop(columns="truth"), folder / "sites.parquet")
    table[["site_id", "truth"]].to_csv(folder / "truth.csv", index=False)
    inputs = load_inputs(open_store(folder / "patches"), table)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        networks = Encoders(TINY, ("s2", "s5p", "table")).eval()
    statistics = compute_statistics(inputs)
    encoders = folder / "mmaq.safetensors"
    save_encoders(encoders, networks, statistics, Pretrain(encoders=TINY), [])
    fit_predictor(
        sites=folder / "sites.parquet",
        store=folder / "patches",
        checkpoint=encoders,
        config=Evaluate(),
        dataset="made_up",
        out=folder / "mmaq_no2.safetensors",
    )
    return folder
