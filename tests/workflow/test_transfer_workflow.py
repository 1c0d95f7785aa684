"""`make transfer`: the transfer tasks alone, every plant tested once."""

from __future__ import annotations

from collections import Counter

import pytest

from mmaq.config.load import load_config
from mmaq.config.parts import evaluation_parts, transfer_parts
from mmaq.orchestrate.workflow import read_workflow
from tests.workflow.conftest import ROOT

CONFIG = ROOT / "config/transfer.yaml"


def test_every_plant_is_tested_and_nothing_else_is():
    config = load_config(CONFIG)
    assert config.transfer.plants == 400
    assert config.transfer.folds == config.transfer.holdouts == config.pretrain.runs == 3
    assert evaluation_parts(config.evaluate) == []
    parts = {part.name: part.protocols for part in transfer_parts(config.scenes)}
    for task in ("fuel", "plume"):
        assert f"transfer_{task}_references" in parts
        assert parts[f"transfer_{task}_mmaq"] == ("frozen", "finetune", "scratch")


@pytest.mark.slow
def test_its_jobs_end_in_the_table(monkeypatch):
    monkeypatch.chdir(ROOT)
    jobs = read_workflow(CONFIG).jobs
    count = Counter(job.rule for job in jobs)
    assert count["pretrain"] == 3
    assert count["evaluate_transfer"] == 2
    assert count["evaluate_transfer_references"] == 2
    others = {rule for rule in count if rule.startswith("evaluate_")}
    assert others == {"evaluate_transfer", "evaluate_transfer_references"}
    (table,) = (job for job in jobs if job.rule == "benchmark_table")
    assert "results/transfer/benchmark.csv" in table.outputs
    pretrained = {path for job in jobs if job.rule == "pretrain" for path in job.outputs}
    for job in jobs:
        if job.rule.startswith("evaluate_transfer"):
            read = pretrained & set(job.inputs)
            wanted = 0 if "scratch" in job.outputs[0] or "references" in job.outputs[0] else 3
            assert len(read) == wanted
