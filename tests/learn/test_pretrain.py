from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mmaq.base.errors import StoreError, TableError
from mmaq.contracts.checkpoint import read_about
from mmaq.learn.checkpoint import load_encoders
from mmaq.learn.devices import precision_of
from mmaq.learn.keep import KeepRun
from mmaq.learn.losses.mmaq import WEIGHTED
from mmaq.learn.module import PretrainModule
from mmaq.learn.stage import pretrain
from tests.learn.training_country import TINY, make_country

WEIGHTS = ["mmaq_run0.safetensors", "mmaq_run0_best.safetensors", "mmaq_run0_s2_only.safetensors"]
FILES = sorted(
    [
        *WEIGHTS,
        "mmaq_run0.ckpt",
        "mmaq_run0_best.ckpt",
        "mmaq_run0_s2_only.ckpt",
        "mmaq_run0.md",
        "mmaq_run0_losses.csv",
    ]
)
FIGURES = [f"{k}_{m}" for k in ("rank", "spread", "correlation") for m in ("s2", "s5p", "table")]


class Killed(BaseException):
    """What kill -9 does to a run, as far as one process can show it."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def whole(linear, country, tmp_path_factory):
    """The folder of a run that nothing stops: what is kept is the engine's, whatever it learns."""
    out = tmp_path_factory.mktemp("whole")
    pretrain(store=country[0], sites=country[1], config=linear, out=out)
    return out


def test_writes_its_files_and_nothing_else(finished):
    assert names(finished) == FILES


def test_losses_hold_every_step_and_the_signs_of_collapse_of_each_epoch(finished):
    table = pd.read_csv(finished / "mmaq_run0_losses.csv")
    assert table["step"].tolist() == [0, 1, 2, 3]
    assert table["epoch"].tolist() == [0, 0, 1, 1]
    assert np.isfinite(table.drop(columns=FIGURES)).all().all()
    for name in FIGURES:
        assert table[name].notna().tolist() == [False, True, False, True]
    assert (table["rank_s2"].dropna() > 1).all()
    for name in WEIGHTED:
        sigma = table[f"sigma_{name}"]
        assert sigma[0] == pytest.approx(1.0)
        assert sigma.nunique() == len(sigma), "the loss weight does not move"


def test_the_export_says_what_made_it(finished):
    about = read_about(finished / "mmaq_run0.safetensors")
    taken = TINY.model_copy(update={"precision": precision_of(TINY.precision)})
    assert about["config"] == taken.decisive()
    assert len(about["site_ids"]) == 20
    assert all(site.startswith("UN") for site in about["site_ids"])
    encoders, _ = load_encoders(finished / "mmaq_run0.safetensors")
    saved = torch.load(finished / "mmaq_run0.ckpt", weights_only=True)["state_dict"]
    for name, value in encoders.state_dict().items():
        assert torch.equal(value, saved[f"method.encoders.{name}"])


def test_the_same_inputs_give_the_same_bytes(finished, country, tmp_path):
    pretrain(store=country[0], sites=country[1], config=TINY, out=tmp_path)
    for name in (*WEIGHTS, "mmaq_run0_losses.csv", "mmaq_run0.md"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_no_file_bears_the_name_of_the_process_that_wrote_it(finished):
    """Torch would name the members of a checkpoint after its temporary file."""
    for path in finished.iterdir():
        assert b".part" not in path.read_bytes(), path.name


@pytest.mark.parametrize("moment", ["between epochs", "within an epoch"])
def test_a_killed_run_goes_on_to_the_same_bytes(
    country, whole, linear, tmp_path, monkeypatch, moment
):
    kind, name = (
        (KeepRun, "on_train_epoch_end")
        if moment == "between epochs"
        else (PretrainModule, "training_step")
    )
    original, calls = getattr(kind, name), []

    def dying(*arguments, **options):
        result = original(*arguments, **options)
        calls.append(1)
        if len(calls) == (1 if kind is KeepRun else 3):
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(kind, name, dying)
        with pytest.raises(Killed):
            pretrain(store=country[0], sites=country[1], config=linear, out=tmp_path)
    assert names(tmp_path) == [
        "mmaq_run0_last.ckpt",
        "mmaq_run0_last_best.ckpt",
        "mmaq_run0_losses.csv",
    ]
    steps = []
    with monkeypatch.context() as patch:
        step = PretrainModule.training_step
        patch.setattr(
            PretrainModule, "training_step", lambda *a, **k: (steps.append(1), step(*a, **k))[1]
        )
        pretrain(store=country[0], sites=country[1], config=linear, out=tmp_path)
    assert len(steps) == 2, "the finished epoch is not run again"
    assert names(tmp_path) == FILES
    for file in (*WEIGHTS, "mmaq_run0_losses.csv"):
        assert (tmp_path / file).read_bytes() == (whole / file).read_bytes()


@pytest.mark.parametrize("what", ["another run", "damaged"])
def test_a_checkpoint_that_does_not_belong_is_not_used(
    country, whole, linear, tmp_path, caplog, what
):
    config = linear
    if what == "damaged":
        (tmp_path / "mmaq_run0_last.ckpt").write_bytes(
            (whole / "mmaq_run0.ckpt").read_bytes()[:1000]
        )
    else:
        (tmp_path / "mmaq_run0_last.ckpt").write_bytes((whole / "mmaq_run0.ckpt").read_bytes())
        config = config.model_copy(update={"seed": 11, "epochs": 1})
    pretrain(store=country[0], sites=country[1], config=config, out=tmp_path)
    assert "starting again" in caplog.text
    table = pd.read_csv(tmp_path / "mmaq_run0_losses.csv")
    assert table["step"].tolist() == list(range(2 * config.epochs))


def test_a_store_without_images_is_refused_and_leaves_nothing(tmp_path, tiny):
    inputs = make_country(tmp_path, 3, 5, absent=("s5p",))
    with pytest.raises(StoreError, match="holds no s5p patches"):
        pretrain(store=inputs[0], sites=inputs[1], config=tiny, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_table_is_refused(country, tmp_path, tiny):
    with pytest.raises(TableError, match="does not exist"):
        pretrain(
            store=country[0], sites=tmp_path / "sites.parquet", config=tiny, out=tmp_path / "out"
        )
