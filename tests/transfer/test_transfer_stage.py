"""The stage: rows and predictions of a part; what is learnable is learned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mmaq.base.errors import CheckpointError, ConfigError, StoreError
from mmaq.config.learning import Encoders, Pretrain
from mmaq.config.parts import TransferPart, pretrained_runs, transfer_parts
from mmaq.config.schema import Config
from mmaq.config.transfer import Transfer
from mmaq.contracts.benchmark import read_benchmark
from mmaq.evaluate.stage import benchmark_table
from mmaq.learn.checkpoint import save_encoders
from mmaq.learn.data import Statistics
from mmaq.learn.models.encoders import Encoders as Networks
from mmaq.transfer import runs, stage
from mmaq.transfer.holdouts import take_holdout
from mmaq.transfer.runs import Encoder, predict_by_network
from mmaq.transfer.scenes import band_statistics
from mmaq.transfer.stage import evaluate_transfer
from mmaq.transfer.store import PlantStore, open_plant_store

SETTINGS = Transfer(size=32, epochs=6, batch_size=8, learning_rate=3e-3)

FROZEN = TransferPart("fuel", "mmaq", ("frozen",))


class BandMeans(torch.nn.Module):
    """An encoder whose weights are no draw, so that nothing learned from it rests on one."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(12))

    def forward(self, images):
        return self.gain * images.mean(dim=(2, 3))


def _encoder():
    return Encoder(BandMeans(), 12)


@pytest.fixture
def band_means(monkeypatch):
    """The stage takes this encoder in place of a checkpoint's."""
    monkeypatch.setattr(runs, "load_encoder", lambda *_: _encoder())


def _run(store, folder, part, checkpoint=None, config=SETTINGS, encoders=None):
    """Rows that are made of a part's predictions, and the predictions."""
    out, fits = folder / "predictions.parquet", folder / "fits.csv"
    evaluate_transfer(
        store=store, checkpoints=[checkpoint] if checkpoint else [], part=part, config=config,
        encoders=encoders or Encoders(), out=out, fits=fits,
    )  # fmt: skip
    benchmark_table(
        predictions=[out], fits=[fits], sites=None, block_degrees=2.0, draws=50, dataset="tiny",
        out=folder / "rows.csv", metrics=folder / "metrics.json",
        comparisons=folder / "comparisons.csv",
    )  # fmt: skip
    return read_benchmark(folder / "rows.csv").set_index("metric"), pd.read_parquet(out)


def make_checkpoint(path, method, **sizes):
    """Encoders that nobody trained."""
    config = Pretrain(method=method, encoders=Encoders(**sizes))
    flat = Statistics((0.0,) * 12, (1.0,) * 12, (0.0,), (1.0,), (0.0,) * 8, (1.0,) * 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = Networks(config.encoders, ("s2", "s5p"))
    save_encoders(path, networks, flat, config, ["A"])
    return path


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("checkpoints") / "mmaq.safetensors", "mmaq")


def test_a_fuel_that_shows_is_learned_frozen_too(plant_store, tmp_path, band_means):
    rows, predictions = _run(plant_store, tmp_path, FROZEN)
    assert list(rows.index) == ["accuracy", "macro_f1"]
    assert (rows["value"] == 1.0).all()
    assert (rows["n_train"] == 36).all()
    assert (rows["n_test"] == 12).all()
    right = predictions["truth"] == predictions["prediction"]
    assert np.isclose(right.mean(), rows.loc["accuracy", "value"])
    assert (predictions["protocol"] == "frozen").all()


def test_a_plume_that_shows_is_learned_from_scratch(plant_store, tmp_path):
    rows, predictions = _run(plant_store, tmp_path, TransferPart("plume", "mmaq", ("scratch",)))
    assert list(rows.index) == ["miou", "foreground_iou"]
    assert rows.loc["foreground_iou", "value"] > 0.4
    hit, wrong, missed, clear = (
        predictions[f"{name}"].astype(int).sum()
        for name in ("true_positive", "false_positive", "false_negative", "true_negative")
    )
    assert np.isclose(hit / (hit + wrong + missed), rows.loc["foreground_iou", "value"], atol=1e-5)
    assert hit + wrong + missed + clear == len(predictions) * 120 * 120


def test_three_thirds_test_every_place_once(plant_store, tmp_path, band_means):
    thirds = SETTINGS.model_copy(update={"folds": 3, "holdouts": 3})
    rows, predictions = _run(plant_store, tmp_path, FROZEN, None, thirds)
    assert predictions["scene_id"].is_unique
    assert set(predictions["scene_id"]) == set(open_plant_store(plant_store).index["scene_id"])
    assert predictions.groupby("location")["run"].nunique().eq(1).all()
    assert (rows["runs"] == 3).all()
    right = predictions["truth"] == predictions["prediction"]
    assert rows.loc["accuracy", "value"] == pytest.approx(right.mean(), rel=1e-5)


def test_a_hold_out_takes_the_pretraining_run_of_its_number(plant_store, tmp_path, monkeypatch):
    taken = []

    def watched(checkpoint, sizes, side, method, protocol, seed):
        taken.append((checkpoint, seed))
        return _encoder()

    monkeypatch.setattr(runs, "load_encoder", watched)
    stage.evaluate_transfer(
        store=plant_store, checkpoints=[f"run{run}" for run in range(3)], encoders=Encoders(),
        config=SETTINGS.model_copy(update={"folds": 3, "holdouts": 3, "seed": 7}), part=FROZEN,
        out=tmp_path / "predictions.parquet", fits=tmp_path / "fits.csv",
    )  # fmt: skip
    assert taken == [("run0", 7), ("run1", 8), ("run2", 9)]


def test_a_run_repeats(plant_store, tmp_path):
    part = TransferPart("plume", "mmaq", ("scratch",))
    config = SETTINGS.model_copy(update={"epochs": 1})
    one, again = (_run(plant_store, tmp_path, part, config=config)[1] for _ in range(2))
    pd.testing.assert_frame_equal(one, again)


def test_a_leak_of_test_scenes_into_the_statistics_would_be_seen(plant_store, monkeypatch):
    store = open_plant_store(plant_store)
    seen = []

    def watched(images, rows):
        seen.append(rows)
        return band_statistics(images, rows)

    monkeypatch.setattr(runs, "band_statistics", watched)
    holdout = take_holdout(store, "fuel", SETTINGS, 0)
    predict_by_network(holdout, _encoder(), SETTINGS, "fuel", "frozen", 0)
    tested = set(holdout.split.test)
    assert tested
    assert not tested & set(seen[0])
    assert len(seen[0]) == len(holdout.split.train) == len(store.index) - len(tested)


def test_shuffled_fuels_teach_nothing(plant_store):
    store, rng = open_plant_store(plant_store), np.random.default_rng(0)
    fuels = dict(zip([f"place:{n}" for n in range(16)], rng.permutation(16) % 4, strict=True))
    index = store.index.assign(fuel=store.index["location"].map(fuels))
    shuffled = PlantStore(index, store.images, store.masks)
    right = []
    for run in range(2):
        holdout = take_holdout(shuffled, "fuel", SETTINGS, run)
        found = predict_by_network(holdout, _encoder(), SETTINGS, "fuel", "frozen", 0)
        right.append(np.mean(found == holdout.fuel[holdout.split.test]))
    assert np.mean(right) < 0.6


def test_without_a_checkpoint_the_rows_are_skipped(plant_store, tmp_path):
    rows, predictions = _run(plant_store, tmp_path, TransferPart("fuel", "mmaq", ("finetune",)))
    assert (rows["status"] == "skipped").all()
    assert (rows["reason"] == "no encoders were pretrained").all()
    assert predictions.empty


def test_another_methods_checkpoint_is_refused(plant_store, tmp_path, checkpoint):
    part = TransferPart("fuel", "barlow_twins", ("frozen",))
    with pytest.raises(CheckpointError, match="it was pretrained by mmaq"):
        _run(plant_store, tmp_path, part, checkpoint)


def test_a_vit_that_was_made_for_another_size_is_refused(plant_store, tmp_path):
    made = make_checkpoint(tmp_path / "vit.safetensors", "mmaq", s2="vit_small", s2_input=16)
    with pytest.raises(ConfigError, match=r"transfer\.size: vit_small was made for 16 pixels"):
        _run(plant_store, tmp_path, FROZEN, made)


def test_what_needs_no_checkpoint_is_tested_beside_what_does(plant_store, tmp_path):
    config = SETTINGS.model_copy(update={"epochs": 1})
    part = TransferPart("plume", "mmaq", ("frozen", "scratch"))
    _, predictions = _run(plant_store, tmp_path, part, config=config)
    lines = pd.read_csv(tmp_path / "fits.csv").set_index("protocol")["status"]
    assert lines.to_dict() == {"frozen": "skipped", "scratch": "ok"}
    assert set(predictions["protocol"]) == {"scratch"}


def test_a_missing_store_is_one_line(tmp_path):
    with pytest.raises(StoreError, match="Make the store again with `mmaq plants`"):
        _run(tmp_path / "none", tmp_path, TransferPart("fuel", "mmaq", ("frozen", "scratch")))


def test_parts_are_those_of_the_issue():
    parts = {part.name: part.protocols for part in transfer_parts(Config().scenes)}
    assert len(parts) == 6
    assert parts["transfer_plume_barlow_twins"] == ("frozen", "finetune")
    assert parts["transfer_fuel_mmaq"] == ("frozen", "finetune", "scratch")
    assert parts["transfer_fuel_references"] == ()
    alone = transfer_parts(Config(transfer={"encoders": ["byol"], "tasks": ["fuel"]}).scenes)
    assert [part.protocols for part in alone] == [(), ("frozen", "finetune"), ("scratch",)]


def test_a_source_without_scenes_has_no_parts():
    published = {"samples": "a.csv", "eea_metadata": "b.zip"}
    config = Config(source="published", published=published)
    assert transfer_parts(config.scenes) == []
    given = Config(source="published", published=published, transfer={"images": "plants"})
    assert len(transfer_parts(given.scenes)) == 6


def test_transfer_asks_for_its_encoders():
    config = Config(transfer={"encoders": ["byol"]})
    assert "byol" in pretrained_runs(config.evaluate, config.scenes)
    assert "byol" not in pretrained_runs(config.evaluate)
    none = Config(transfer={"encoders": ["byol"], "tasks": []})
    assert "byol" not in pretrained_runs(none.evaluate, none.scenes)
