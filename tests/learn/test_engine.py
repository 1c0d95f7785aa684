"""The engine with methods of any kind, and over several processes."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from mmaq.base.errors import StoreError, TrainingError
from mmaq.config.learning import Collapse
from mmaq.contracts.checkpoint import read_tensors
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.learn.data import compute_statistics, load_inputs
from mmaq.learn.history import History
from mmaq.learn.keep import best_epoch, run_digest
from mmaq.learn.module import BASE_BATCH, PretrainModule
from mmaq.learn.stage import METHODS, make_method, pretrain
from mmaq.vocabulary import TRAINED
from tests.learn.linear_method import Collapsing, Linear
from tests.learn.running import run_anew, run_forked
from tests.learn.training_country import TINY, make_country

CHANGES = {"precision": "float32", "epochs": 2, "batch_size": 8, "learning_rate": 50.0}
IN_STEPS = {**CHANGES, "linear": True, "checkpoint_steps": 1}
"""Of a run in processes of its own, with the linear method."""


@pytest.fixture
def modules(monkeypatch):
    made = []
    original = PretrainModule.__init__

    def recording(module, *arguments, **options):
        made.append(module)
        original(module, *arguments, **options)

    monkeypatch.setattr(PretrainModule, "__init__", recording)
    return made


def test_the_method_is_told_of_each_step_and_how_far_the_run_is(country, linear, tmp_path, modules):
    pretrain(store=country[0], sites=country[1], config=linear, out=tmp_path)
    assert modules[0].method.shares == [0.25, 0.5, 0.75, 1.0]
    assert modules[0].method.teacher.any()


def test_a_method_gets_the_modalities_it_has_and_needs_no_others(linear, tmp_path, monkeypatch):
    inputs = make_country(tmp_path, 3, 12, absent=("s5p",))
    pretrain(store=inputs[0], sites=inputs[1], config=linear, out=tmp_path / "out")
    about, tensors = read_tensors(tmp_path / "out" / "mmaq_run0.safetensors")
    assert about["modalities"] == ["s2", "table"]
    assert {name.split(".")[0] for name in tensors} == {"s2", "table"}
    assert about["statistics"]["s5p_sd"] == [1.0]
    monkeypatch.setitem(TRAINED, "mmaq", ("s5p",))
    with pytest.raises(StoreError, match="holds no s5p patches"):
        pretrain(store=inputs[0], sites=inputs[1], config=linear, out=tmp_path / "other")


def test_streaming_gives_the_same_weights(country, tmp_path):
    for share, out in ((0.5, "resident"), (0.0, "streamed")):
        pretrain(
            store=country[0],
            sites=country[1],
            config=TINY.model_copy(update={"memory_share": share, "epochs": 1}),
            out=tmp_path / out,
        )
    one, other = (read_tensors(tmp_path / out / "mmaq_run0.safetensors")[1] for out in
                  ("resident", "streamed"))  # fmt: skip
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_rates_follow_the_global_batch(country, linear, tmp_path):
    for batch in (4, 8):
        config = linear.model_copy(update={"batch_size": batch, "epochs": 1, "warmup_share": 0.0})
        pretrain(store=country[0], sites=country[1], config=config, out=tmp_path / str(batch))
        table = pd.read_csv(tmp_path / str(batch) / "mmaq_run0_losses.csv")
        assert table["lr"][0] == pytest.approx(config.learning_rate * batch / BASE_BATCH)


@pytest.fixture(scope="module")
def two_processes(country, tmp_path_factory):
    """The folder of a run of two processes, the second of which Lightning starts."""
    out = tmp_path_factory.mktemp("two")
    done = run_anew(country[0].parent, out, 2, IN_STEPS)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_two_processes_learn_what_one_does(country, two_processes, tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "mmaq", Linear)
    config = TINY.model_copy(update={**CHANGES, "checkpoint_steps": 1})
    pretrain(store=country[0], sites=country[1], config=config, out=tmp_path)
    folders = tmp_path, two_processes
    one, two = (torch.load(out / "mmaq_run0.ckpt", weights_only=True) for out in folders)
    for name, value in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], value, rtol=1e-4, atol=1e-6)
    assert one["state_dict"]["method.teacher"].any()
    tables = [pd.read_csv(out / "mmaq_run0_losses.csv") for out in folders]
    assert [set(table.pop("processes")) for table in tables] == [{1.0}, {2.0}]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4, atol=1e-6)
    assert len(tables[0]) == 4, "every row stands once"


@pytest.mark.slow
def test_two_processes_go_on_after_a_kill(country, two_processes, tmp_path):
    run_forked(country[0].parent, tmp_path, IN_STEPS, devices=2, kill_at=3)
    assert (tmp_path / "mmaq_run0_last.ckpt").exists()
    assert run_forked(country[0].parent, tmp_path, IN_STEPS, devices=2) == [0, 0]
    one, other = (
        read_tensors(out / "mmaq_run0.safetensors")[1] for out in (tmp_path, two_processes)
    )
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-5, atol=1e-7)


def test_a_run_that_collapses_stops_after_the_warm_up(country, monkeypatch, tmp_path):
    monkeypatch.setitem(METHODS, "mmaq", Collapsing)
    config = TINY.model_copy(
        update={"learning_rate": 300.0, "bias_learning_rate": 0.0, "epochs": 40}
    )
    with pytest.raises(TrainingError, match="have collapsed") as caught:
        pretrain(store=country[0], sites=country[1], config=config, out=tmp_path)
    assert "pretrain.learning_rate" in str(caught.value)
    table = pd.read_csv(tmp_path / "mmaq_run0_losses.csv")
    spread = table["spread_s2"].dropna()
    assert len(spread) < 40, "it ran to its end"
    assert spread.iloc[-1] < spread.iloc[0]
    assert not (tmp_path / "mmaq_run0.safetensors").exists()
    assert (table["step"].iloc[-1] + 1) > 8, "it was stopped within the warm-up"


def test_a_healthy_run_is_not_stopped_by_the_same_limits(country, linear, tmp_path):
    pretrain(store=country[0], sites=country[1], config=linear, out=tmp_path)
    assert (tmp_path / "mmaq_run0.safetensors").exists()


def test_bf16_channels_last_and_compile_are_what_the_configuration_says(country, tmp_path, modules):
    compiled = []

    def fake(method):
        compiled.append(method)

    for precision, last in (("bf16", True), ("float32", False)):
        config = TINY.model_copy(
            update={"precision": precision, "channels_last": last, "epochs": 1}
        )
        pretrain(store=country[0], sites=country[1], config=config, out=tmp_path / precision)
        weight = modules[-1].method.encoders["s2"].layer1[0].conv1.weight
        assert weight.is_contiguous(memory_format=torch.channels_last) == last
        assert weight.dtype == torch.float32
    tables = [pd.read_csv(tmp_path / p / "mmaq_run0_losses.csv") for p in ("bf16", "float32")]
    first = [table["loss"][0] for table in tables]
    assert first[0] != first[1]
    assert first[0] == pytest.approx(first[1], rel=0.05)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Linear, "compile", fake)
        patch.setitem(METHODS, "mmaq", Linear)
        for choice in (False, True):
            config = TINY.model_copy(update={"compile": choice})
            make_method(config)
            assert len(compiled) == choice


def test_the_best_epoch_has_the_lowest_mean_loss_after_the_warm_up():
    history = History()
    losses = [[1.0, 1.0], [5.0, 3.0], [2.0, 4.5], [3.0, 4.0]]
    history.rows = [
        {"epoch": epoch, "step": 2 * epoch + k, "loss": loss}
        for epoch, pair in enumerate(losses)
        for k, loss in enumerate(pair)
    ]
    assert best_epoch(history, warmup=2) == 2
    assert best_epoch(history, warmup=0) == 0
    assert best_epoch(history, warmup=100) == 0


def test_history_survives_a_checkpoint():
    history = History()
    terms = {"apart": torch.tensor(0.25), "loss": torch.tensor(0.5), "sigma": torch.tensor(2.0)}
    history.add({"epoch": 0, "step": 0, "lr": 0.1}, terms)
    history.add({"epoch": 0, "step": 1, "lr": 0.2}, {**terms, "sigma": torch.tensor(3.0)})
    assert history.rows == []
    new = history.settle(history.waiting())
    assert [row["sigma"] for row in new] == [2.0, 3.0]
    assert list(new[0]) == ["epoch", "step", "lr", "loss", "apart", "sigma"]
    history.rows[-1]["rank_s2"] = 4.0
    other = History()
    other.load(json.loads(json.dumps({"columns": history.state()["columns"]})) | {
        "values": history.state()["values"]
    })  # fmt: skip
    assert other.rows == history.rows
    assert history.waiting() is None


def test_the_digest_tells_runs_apart_by_what_they_learn(country):
    inputs = load_inputs(open_store(country[0]), read_sites(country[1]))
    statistics = compute_statistics(inputs)

    def digest(batch=8, **changes):
        return run_digest(TINY.model_copy(update=changes), inputs, statistics, batch)

    assert digest(memory_share=0.1, checkpoint_steps=3, collapse=Collapse(rank=0)) == digest()
    assert len({digest(), digest(seed=11), digest(epochs=9), digest(batch=4)}) == 4
