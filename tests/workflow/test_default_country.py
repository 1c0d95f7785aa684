"""Every method learns on the default country: two epochs, through the same function as the rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from mmaq.base.layout import DEFAULT_NAME, Layout
from mmaq.config.learning import Pretrain
from mmaq.learn.stage import pretrain
from mmaq.vocabulary import SELF_SUPERVISED
from tests.workflow.conftest import ROOT, Workflow

pytestmark = pytest.mark.slow

MOVING_TARGETS = ("moco_v2", "dino")
"""A queue that fills and a teacher that sharpens make the loss rise while the encoder learns."""


@pytest.fixture(scope="module")
def default_country(tmp_path_factory):
    """Patch store and site table of the default configuration, from its own rules."""
    made = Workflow(tmp_path_factory.mktemp("default"))
    layout = Layout(DEFAULT_NAME)
    store = f"{layout.patches}/store.json"
    done = made.run(store, config=ROOT / "config/config.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return made.folder / layout.patches, made.folder / layout.sites


@pytest.mark.parametrize("method", SELF_SUPERVISED)
def test_every_method_pretrains_on_the_default_country(default_country, tmp_path, method):
    config = Pretrain().of(method).model_copy(update={"epochs": 2})
    pretrain(store=default_country[0], sites=default_country[1], config=config, out=tmp_path)
    losses = pd.read_csv(tmp_path / f"{method}_run0_losses.csv")
    assert losses["epoch"].max() == 1
    assert np.isfinite(losses["loss"]).all()
    if method not in MOVING_TARGETS:
        by_epoch = losses.groupby("epoch")["loss"].mean()
        assert by_epoch[1] < by_epoch[0]
    ranks = losses.filter(like="rank_").iloc[-1]
    assert (ranks > config.collapse.rank).all()
    for array in load_file(tmp_path / f"{method}_run0.safetensors").values():
        assert np.isfinite(array).all()
