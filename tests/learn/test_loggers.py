from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from mmaq.base.errors import ConfigError
from mmaq.config.learning import Loggers
from mmaq.learn import loggers
from mmaq.learn.stage import pretrain
from tests.learn.training_country import TINY


def logged(**chosen):
    return TINY.model_copy(update={"loggers": Loggers(**chosen)})


@pytest.mark.parametrize(
    ("chosen", "package"), [({"tensorboard": True}, "tensorboard"), ({"wandb": "online"}, "wandb")]
)
def test_an_absent_package_is_one_line_with_its_remedy(tmp_path, monkeypatch, chosen, package):
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"pip install {package}") as caught:
        loggers.make_loggers(logged(**chosen), tmp_path, "abc")
    assert f"pretrain.loggers.{package}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_none_is_made_and_nothing_imported_by_default(tmp_path):
    assert loggers.make_loggers(TINY, tmp_path, "abc") == []
    code = (
        "import sys, mmaq.learn;"
        "sys.exit(', '.join({'wandb', 'tensorboard'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tensorboard_gets_every_step(country, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    pretrain(store=country[0], sites=country[1], config=logged(tensorboard=True), out=tmp_path)
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
def test_wandb_works_offline(country, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    pretrain(store=country[0], sites=country[1], config=logged(wandb="offline"), out=tmp_path)
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
