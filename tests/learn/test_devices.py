from __future__ import annotations

import pytest
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment

from mmaq.base.errors import ConfigError, TrainingError
from mmaq.learn.devices import cpu_threads, fits
from mmaq.learn.processes import cluster, trainer_options
from mmaq.learn.stage import pretrain
from tests.learn.training_country import TINY


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    for name in (
        "SLURM_NTASKS",
        "SLURM_NTASKS_PER_NODE",
        "SLURM_LOCALID",
        "LOCAL_RANK",
        "MASTER_ADDR",
    ):
        monkeypatch.delenv(name, raising=False)


def allocate(monkeypatch, tasks, per_node):
    monkeypatch.setenv("SLURM_NTASKS", str(tasks))
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", str(per_node))


def test_one_process_is_one_process_inside_an_allocation_too(monkeypatch):
    assert type(cluster(1, 1)) is LightningEnvironment
    allocate(monkeypatch, 4, 4)
    assert type(cluster(1, 1)) is LightningEnvironment


def test_slurms_tasks_are_used_where_it_started_several(monkeypatch):
    allocate(monkeypatch, 8, 4)
    assert type(cluster(4, 2)) is SLURMEnvironment
    allocate(monkeypatch, 1, 1)
    assert type(cluster(2, 1)) is LightningEnvironment


def test_another_number_of_tasks_is_refused(monkeypatch):
    allocate(monkeypatch, 8, 8)
    with pytest.raises(TrainingError, match="SLURM started 8 tasks for 2 nodes of 2 devices"):
        cluster(2, 2)


def test_nodes_that_nothing_joins_are_refused(monkeypatch):
    with pytest.raises(TrainingError, match="2 nodes asked for"):
        cluster(1, 2)
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    assert type(cluster(1, 2)) is LightningEnvironment


@pytest.mark.parametrize(
    ("cuda", "processor", "chosen", "expected"),
    [
        (False, None, "auto", "32-true"),
        (False, "_is_avx512_bf16_supported", "auto", "bf16-mixed"),
        (False, "_is_amx_tile_supported", "auto", "bf16-mixed"),
        (True, None, "auto", "bf16-mixed"),
        (True, "_is_amx_tile_supported", "float32", "32-true"),
        (False, None, "bf16", "bf16-mixed"),
    ],
)
def test_precision(monkeypatch, cuda, processor, chosen, expected):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == processor)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    config = TINY.model_copy(update={"precision": chosen})
    options = trainer_options(config, 1, 1)
    assert options["precision"] == expected
    assert options["accelerator"] == ("cuda" if cuda else "cpu")
    assert options["strategy"] == "auto"
    several = trainer_options(config, 4, 1)
    assert several["strategy"] == "ddp"
    assert several["sync_batchnorm"] == cuda


def test_devices_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(TrainingError, match="2 devices asked for, 1 found"):
        trainer_options(TINY, 2, 1)


def test_memory_that_is_free_decides_what_fits(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: ([1000, 3000][device], 4000))
    assert fits(500, 0.5)
    assert not fits(501, 0.5)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert fits(1500, 0.5)


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with cpu_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_batch_that_cannot_be_shared_leaves_nothing(country, tmp_path):
    with pytest.raises(ConfigError, match="8 sites do not divide over 3"):
        pretrain(store=country[0], sites=country[1], config=TINY, out=tmp_path / "out", devices=3)
    assert not (tmp_path / "out").exists()
