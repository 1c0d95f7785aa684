"""Probes and fine-tuning."""

import numpy as np
import pytest
import torch

from mmaq.base.errors import CheckpointError
from mmaq.base.threads import limited_threads
from mmaq.config.evaluation import Evaluate, Finetune
from mmaq.config.parts import checkpoint_of
from mmaq.estimators.encoders import Pretrained
from mmaq.estimators.features import EVERYTHING
from mmaq.evaluate.stage import evaluate_finetune, evaluate_probes
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import outer_folds, related
from tests.estimators.stations_made_up import make_data
from tests.evaluate.running import evaluate

QUICK = Evaluate(
    seeds=(0, 1), folds=3, bootstrap=20, splits=("random",), heads=("linear", "fused"),
    label_fractions=(), finetune=Finetune(epochs=1),
)  # fmt: skip

S2_ALONE = (
    "mmaq_s2", "barlow_twins", "simclr", "vicreg", "byol", "moco_v2", "simsiam", "dino", "mmcl",
)  # fmt: skip


def _probes(data, checkpoint, folder, method="mmaq", config=QUICK):
    checkpoints = [checkpoint] if checkpoint else []
    given = {"checkpoints": checkpoints, "method": method, "calibrated": method == "mmaq"}
    return evaluate(evaluate_probes, data, folder, config, **given)


def _finetune(
    data, checkpoint, folder, method="mmaq", split="random", config=QUICK, protocol="finetune"
):
    return evaluate(
        evaluate_finetune, data, folder, config.model_copy(update={"splits": (split,)}),
        protocol=protocol, method=method, calibrated=method == "mmaq",
        checkpoints=[checkpoint] * 2 if checkpoint else [],
    )  # fmt: skip


KINDS = ("mmaq", "mmaq_s2", "decur", "barlow_twins", "mmcl", "random_init")
"""A method of each set of modalities, of which all else of a row follows."""


@pytest.mark.parametrize("method", KINDS)
def test_each_encoder_has_a_linear_and_a_fused_probe(data, checkpoints, tmp_path, method):
    rows, predictions = _probes(data, checkpoints(checkpoint_of(method)), tmp_path, method)
    assert (rows["status"] == "ok").all()
    assert set(rows["method"]) == {method}
    images = "s2" if method in S2_ALONE else "s2+s5p"
    # of several images each is probed alone too, but for MMAQ's Sentinel-2: it has its own name
    alone = {name for name in ("s2", "s5p") if (method, name) != ("mmaq", "s2")}
    modalities = rows.groupby("protocol")["modalities"].agg(set)
    assert modalities.to_dict() == {
        "linear": {images} | (alone if images == "s2+s5p" else set()),
        "fused": {f"{images}+table"},
    }
    counts = predictions.groupby(["protocol", "run"])["site_id"].nunique()
    assert (counts == 200).all()
    assert (rows["seconds"] > 0).all()


def test_the_column_teaches_the_linear_probe_and_the_table_adds_to_it(data, checkpoint, tmp_path):
    """The level of a column goes past the convolutions, whatever their weights are."""
    rows, _ = _probes(data, checkpoint, tmp_path)
    rows = rows[(rows["metric"] == "r2") & (rows["group"] == "all")]
    r2 = rows.set_index(["protocol", "modalities"])["value"]
    assert r2["fused", "s2+s5p+table"] > r2["linear", "s5p"] > 0.1


def _embed(task, method, checkpoint, seed):
    places = task.places
    return Pretrained(method, checkpoint).embedder(places, seed).embed(places)


def test_an_untrained_encoder_is_drawn_anew_from_each_seed(data, checkpoint):
    task = read_task(data[0], data[1], "no2")
    first, second = (_embed(task, "random_init", checkpoint, seed)[0] for seed in (0, 1))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(second, _embed(task, "random_init", checkpoint, 1)[0])
    first, second = (_embed(task, "mmaq", checkpoint, seed)[0] for seed in (0, 1))
    np.testing.assert_array_equal(first, second)


def _folds(task, split, folds, seed):
    stations = related(task.table, split, task.copies, QUICK.buffer_km, QUICK.block_degrees)
    return outer_folds(task.table, split, folds, stations, seed)


def test_without_images_every_probe_is_skipped_with_the_reason(tmp_path):
    data = make_data(tmp_path, size=40, absent=("s2", "s5p"))
    rows, predictions = _probes(data, None, tmp_path)
    assert set(rows["reason"]) == {"no s2 patches: no images are given"}
    assert set(rows["protocol"]) == {"linear", "fused"}
    assert predictions.empty
    rows, _ = _finetune(data, None, tmp_path)
    assert set(rows["reason"]) == {"no s2 patches: no images are given"}


def test_without_the_column_sentinel_2_is_probed_alone(checkpoints, tmp_path):
    data = make_data(tmp_path, size=60, absent=("s5p",))
    status = {}
    for method in ("mmaq", "mmaq_s2", "decur", "simclr", "random_init"):
        rows, _ = _probes(data, checkpoints(checkpoint_of(method)), tmp_path, method)
        status[method] = set(rows["status"])
    assert {method for method, found in status.items() if found == {"ok"}} == {"mmaq_s2", "simclr"}
    assert status["mmaq"] == status["decur"] == status["random_init"] == {"skipped"}


def test_without_a_checkpoint_the_rows_say_so(data, tmp_path):
    rows, _ = _probes(data, None, tmp_path)
    assert set(rows["reason"]) == {"no encoders were pretrained"}


def test_a_broken_checkpoint_is_named_and_nothing_is_written(data, tmp_path):
    path = tmp_path / "mmaq.safetensors"
    path.write_bytes(b"broken")
    with pytest.raises(CheckpointError, match=r"mmaq\.safetensors: not a readable"):
        _probes(data, path, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mmaq.safetensors"]


@pytest.mark.parametrize("stage", [_probes, _finetune])
def test_a_checkpoint_of_another_method_is_refused(data, checkpoints, tmp_path, stage):
    fault = "it was pretrained by barlow_twins. Give the checkpoint of mmaq to evaluate mmaq_s2"
    with pytest.raises(CheckpointError, match=fault):
        stage(data, checkpoints("barlow_twins"), tmp_path, "mmaq_s2")
    alone = checkpoints("mmaq", ("s2",), "mmaq_s2_only")
    with pytest.raises(CheckpointError, match="it holds no s5p encoder"):
        stage(data, alone, tmp_path, "mmaq")
    assert not list(tmp_path.iterdir())


def test_the_sentinel_2_export_serves_as_well_as_the_whole(data, checkpoints, checkpoint):
    task = read_task(data[0], data[1], "no2")
    whole, alone = (
        _embed(task, "mmaq_s2", path, 0)
        for path in (checkpoint, checkpoints("mmaq", ("s2",), "mmaq_s2_only"))
    )
    assert len(whole) == len(alone) == 1
    np.testing.assert_array_equal(whole[0], alone[0])


def test_fine_tuning_is_tested_on_one_hold_out_a_run(data, checkpoint, tmp_path):
    rows, predictions = _finetune(data, checkpoint, tmp_path, split="blocks")
    assert set(rows["modalities"]) == {"s2+s5p"}
    assert set(rows["protocol"]) == {"finetune"}
    assert set(predictions["seed"]) == {0}
    task = read_task(data[0], data[1], "no2")
    folds = _folds(task, "blocks", 3, 0)
    for run, part in predictions.groupby("run"):
        assert set(part["fold"]) == {run}
        assert set(part["site_id"]) == set(task.site_id[folds[run].test])
    assert predictions["run"].nunique() == 2
    assert np.isfinite(predictions["prediction"]).all()
    assert rows["n_test"].iloc[0] < 100 < rows["n_train"].iloc[0]
    # MMAQ is trained a second time for the intervals of its predictions
    assert {"coverage90", "width90"} <= set(rows["metric"])
    assert np.isfinite(predictions["high"]).all()


@pytest.mark.parametrize("protocol", ["fused_all", "finetune_all"])
def test_all_inputs_stand_in_the_head_whatever_the_encoders_read(
    data, checkpoints, tmp_path, protocol
):
    checkpoint = checkpoints("barlow_twins")
    if protocol == "fused_all":
        config = QUICK.model_copy(update={"heads": ("fused_all",)})
        rows, predictions = _probes(data, checkpoint, tmp_path, "barlow_twins", config)
    else:
        rows, predictions = _finetune(data, checkpoint, tmp_path, "barlow_twins", protocol=protocol)
    assert set(rows["modalities"]) == {EVERYTHING}
    assert set(rows["protocol"]) == {protocol}
    assert np.isfinite(predictions["prediction"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", KINDS[:-1])
def test_each_pretrained_method_is_fine_tuned(data, checkpoints, tmp_path, method):
    rows, predictions = _finetune(data, checkpoints(checkpoint_of(method)), tmp_path, method)
    assert set(rows["modalities"]) == {"s2" if method in S2_ALONE else "s2+s5p"}
    assert set(rows["method"]) == {method}
    assert (rows["status"] == "ok").all()
    assert np.isfinite(predictions["prediction"]).all()


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
