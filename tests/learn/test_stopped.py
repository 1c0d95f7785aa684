"""A run that is stopped is not taken for one that ended; checkpoints need no temporary folder."""

from __future__ import annotations

import tempfile

import pytest
import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from mmaq.base.errors import Stopped
from mmaq.learn.keep import InPlace, Names
from mmaq.learn.stage import pretrain
from tests.learn.training_country import TINY


def test_a_signal_that_lightning_handles_ends_the_stage(country, tmp_path, monkeypatch):
    """Its exception is an exit with status 0."""

    def stop(*_, **__):
        raise SIGTERMException

    monkeypatch.setattr(lightning.Trainer, "fit", stop)
    with pytest.raises(Stopped, match="SIGTERM"):
        pretrain(store=country[0], sites=country[1], config=TINY, out=tmp_path)
    assert not Names(tmp_path, "mmaq").final.exists()


def test_a_checkpoint_is_written_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    InPlace().save_checkpoint({"weights": torch.ones(3)}, tmp_path / "a.ckpt")
    assert InPlace().load_checkpoint(tmp_path / "a.ckpt")["weights"].tolist() == [1, 1, 1]
