from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from mmaq.base.errors import ConfigError, TrainingError
from mmaq.config.learning import Loggers
from mmaq.learn import loggers
from mmaq.learn.stage import pretrain
from tests.learn.training_country import TINY


def logged(config=TINY, **chosen):
    return config.model_copy(update={"loggers": Loggers(**chosen)})


@pytest.mark.parametrize(
    ("chosen", "package"), [({"tensorboard": True}, "tensorboard"), ({"wandb": "online"}, "wandb")]
)
def test_an_absent_package_is_one_line_with_its_remedy(tmp_path, monkeypatch, chosen, package):
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"pip install {package}") as caught:
        loggers.make_loggers(logged(**chosen), tmp_path, "abc")
    assert f"pretrain.loggers.{package}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_none_is_made_by_default(tmp_path):
    assert loggers.make_loggers(TINY, tmp_path, "abc") == []


def test_tensorboard_gets_every_step(country, linear, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = logged(linear, tensorboard=True)
    pretrain(store=country[0], sites=country[1], config=config, out=tmp_path)
    folder = next((tmp_path / "tensorboard").iterdir())
    events = EventAccumulator(str(folder)).Reload()
    table = pd.read_csv(tmp_path / "mmaq_run0_losses.csv")
    found = events.Scalars("loss")
    assert [event.step for event in found] == table["step"].tolist()
    assert [event.value for event in found] == pytest.approx(table["loss"].tolist(), rel=1e-4)
    assert [event.value for event in events.Scalars("rank_s2")] == pytest.approx(
        table["rank_s2"].dropna().tolist(), rel=1e-4
    )


@pytest.mark.slow
def test_wandb_works_offline(country, linear, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    config = logged(linear, wandb="offline")
    pretrain(store=country[0], sites=country[1], config=config, out=tmp_path)
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


class Refused(Exception):
    pass


@pytest.fixture
def wandb(monkeypatch):
    """Weights & Biases without a login, which refuses to go online; gives what it was asked."""
    asked = []

    class Logger:
        def __init__(self, **given):
            asked.append(given["mode"])

        @property
        def experiment(self):
            if asked[-1] == "online":
                raise Refused("No API key configured.\nUse `wandb login`")

        def log_hyperparams(self, values):
            pass

    fake = SimpleNamespace(login=lambda prompt: False, Error=Refused)
    monkeypatch.setattr(loggers, "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr("pytorch_lightning.loggers.WandbLogger", Logger)
    return fake, asked


def test_without_a_login_wandb_goes_offline_and_says_so(tmp_path, wandb, caplog):
    with caplog.at_level(logging.WARNING):
        assert len(loggers.make_loggers(logged(wandb="online"), tmp_path, "abc")) == 1
    assert wandb[1] == ["offline"]
    assert f"its files stay in {tmp_path / 'wandb'}. `wandb login`, then" in caplog.text


def test_a_login_that_is_refused_is_one_line(tmp_path, wandb):
    wandb[0].login = lambda prompt: True
    with pytest.raises(TrainingError, match=r"Weights & Biases: No API key.* or set pretrain"):
        loggers.make_loggers(logged(wandb="online"), tmp_path, "abc")
