"""Kill -9 and start again: the values of an uninterrupted run, bit for bit."""

from __future__ import annotations

import importlib
import os
import random

import pytest
import torch

from mmaq.base.files import replacing
from mmaq.learn.keep import Names
from mmaq.learn.module import PretrainModule
from mmaq.learn.stage import pretrain
from tests.learn.running import run_forked
from tests.learn.training_country import TINY

CHANGES = {"epochs": 3, "batch_size": 4, "checkpoint_steps": 2}
CONFIG = TINY.model_copy(update=CHANGES)
STEPS = 15
ONCE = {**CHANGES, "epochs": 2}
"""Ten steps, of which the second five have a best epoch before them."""
EXPORTS = ("mmaq_run0.safetensors", "mmaq_run0_best.safetensors", "mmaq_run0_losses.csv",
           "mmaq_run0.md")  # fmt: skip


@pytest.fixture
def uninterrupted(linear, tmp_path_factory, country):
    """What is kept and taken up again is the engine's, whatever the method learns."""
    out = tmp_path_factory.mktemp("uninterrupted")
    pretrain(store=country[0], sites=country[1], config=CONFIG, out=out)
    return out


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())
    return one == other


@pytest.mark.slow
def test_a_run_killed_at_a_random_step_ends_with_the_same_bits(country, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    config = TINY.model_copy(update=ONCE)
    pretrain(store=country[0], sites=country[1], config=config, out=whole)
    step = random.Random(4).randrange(6, 9)
    status = run_forked(country[0].parent, killed, ONCE, kill_at=step)
    assert status == [-9], f"killed at {step}"
    assert Names(killed, "mmaq").last.exists()
    assert not Names(killed, "mmaq").final.exists()
    assert run_forked(country[0].parent, killed, ONCE) == [0]
    found, expected = (
        torch.load(folder / "mmaq_run0.ckpt", weights_only=True) for folder in (killed, whole)
    )
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "history", "global_step"):
        assert same(found[key], expected[key]), f"{key} after a kill at {step}"
    for name in EXPORTS:
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name


def test_what_a_kill_left_half_written_is_removed_and_not_used(country, uninterrupted, tmp_path):
    names = Names(tmp_path, "mmaq")
    with replacing(names.last) as temporary:
        temporary.write_bytes(b"half")
        remains = temporary.with_name(temporary.name.replace(str(os.getpid()), "123"))
    os.replace(names.last, remains)
    pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    assert not remains.exists()
    one, other = (folder / "mmaq_run0.safetensors" for folder in (tmp_path, uninterrupted))
    assert one.read_bytes() == other.read_bytes()


def test_a_run_killed_while_it_exports_ends_its_exports(
    country, uninterrupted, tmp_path, monkeypatch
):
    exports = importlib.import_module("mmaq.learn.exports")
    with monkeypatch.context() as patch:
        patch.setattr(exports, "write_card", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    assert Names(tmp_path, "mmaq").last.exists()
    steps = []
    monkeypatch.setattr(PretrainModule, "optimizer_step", lambda *_, **__: steps.append(1))
    pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    assert not steps
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in uninterrupted.iterdir()
    )
    for name in EXPORTS:
        assert (tmp_path / name).read_bytes() == (uninterrupted / name).read_bytes(), name


@pytest.mark.parametrize("epochs_done", [1, 3])
def test_a_run_goes_on_after_snakemake_removed_its_declared_outputs(
    country, uninterrupted, tmp_path, monkeypatch, epochs_done
):
    keep = importlib.import_module("mmaq.learn.keep").KeepRun
    original, done = keep.on_train_epoch_end, []

    def stopping(*arguments):
        original(*arguments)
        done.append(1)
        if len(done) == epochs_done:
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(keep, "on_train_epoch_end", stopping)
        with pytest.raises(MemoryError):
            pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    names = Names(tmp_path, "mmaq")
    assert names.last.exists()
    for path in (names.final, names.best, names.losses, names.final.with_suffix(".safetensors")):
        path.unlink(missing_ok=True)
    pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    expected = sorted(path.name for path in uninterrupted.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
    for name in EXPORTS:
        assert (tmp_path / name).read_bytes() == (uninterrupted / name).read_bytes(), name


def test_a_run_goes_on_in_the_middle_of_an_epoch(country, uninterrupted, tmp_path, monkeypatch):
    original, steps, die = PretrainModule.optimizer_step, [], [8]

    def counting(module, *arguments, **options):
        if module.global_step in die:
            raise KeyboardInterrupt
        steps.append(module.global_step)
        original(module, *arguments, **options)

    monkeypatch.setattr(PretrainModule, "optimizer_step", counting)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    die.clear()
    steps.clear()
    pretrain(store=country[0], sites=country[1], config=CONFIG, out=tmp_path)
    assert steps == list(range(8, STEPS))
    for name in ("mmaq_run0.safetensors", "mmaq_run0_losses.csv"):
        assert (tmp_path / name).read_bytes() == (uninterrupted / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["moco_v2", "dino"])
def test_a_method_with_a_queue_or_a_centre_goes_on_with_the_same_bits(
    country, tmp_path, monkeypatch, method
):
    config = TINY.model_copy(update={"method": method, "epochs": 1, "checkpoint_steps": 1})
    pretrain(store=country[0], sites=country[1], config=config, out=tmp_path / "whole")
    original, die = PretrainModule.optimizer_step, [1]

    def dying(module, *arguments, **options):
        if module.global_step in die:
            raise KeyboardInterrupt
        original(module, *arguments, **options)

    monkeypatch.setattr(PretrainModule, "optimizer_step", dying)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        pretrain(store=country[0], sites=country[1], config=config, out=tmp_path / "killed")
    die.clear()
    pretrain(store=country[0], sites=country[1], config=config, out=tmp_path / "killed")
    found, expected = (
        torch.load(tmp_path / out / f"{method}_run0.ckpt", weights_only=True)
        for out in ("killed", "whole")
    )
    for key in ("state_dict", "optimizer_states", "history"):
        assert same(found[key], expected[key]), key
