"""Every method learns with the rates of its defaults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from mmaq.config.learning import Encoders, Pretrain
from mmaq.learn.stage import pretrain
from mmaq.vocabulary import SELF_SUPERVISED
from tests.learn.training_country import SIDE, make_country

SMALLER = Encoders(s2_input=SIDE // 2)
MOVING_TARGETS = ("moco_v2", "dino")
"""A queue that fills and a teacher that sharpens make the loss rise while the encoder learns."""


@pytest.fixture(scope="module")
def sites_and_patches(tmp_path_factory):
    """15 batches in three epochs: enough for every loss to fall."""
    return make_country(tmp_path_factory.mktemp("country"), stations=8, unlabelled=320)


@pytest.mark.slow
@pytest.mark.parametrize("method", SELF_SUPERVISED)
def test_every_method_learns_and_none_collapses(sites_and_patches, tmp_path, method):
    changes = {"epochs": 3, "batch_size": 64, "encoders": SMALLER}
    config = Pretrain().of(method).model_copy(update=changes)
    store, sites = sites_and_patches
    pretrain(store=store, sites=sites, config=config, out=tmp_path)
    losses = pd.read_csv(tmp_path / f"{method}_run0_losses.csv")
    assert losses["epoch"].max() == 2
    assert np.isfinite(losses["loss"]).all()
    if method not in MOVING_TARGETS:
        by_epoch = losses.groupby("epoch")["loss"].mean()
        assert by_epoch[2] < by_epoch[0]
    ranks = losses.filter(like="rank_").iloc[-1]
    assert (ranks > config.collapse.rank).all()
    for array in load_file(tmp_path / f"{method}_run0.safetensors").values():
        assert np.isfinite(array).all()
