"""``config/paper.yaml`` against the paper's README and released code, in their numbers."""

from __future__ import annotations

import re

import pytest
import yaml

from mmaq.config.load import load_config

BATCH, STEPS_PER_EPOCH = 128, 16  # 2,139 training stations

PAPER = {
    # encoders
    "pretrain.encoders.s2": "resnet50",
    "pretrain.encoders.s5p": "resnet50",
    "pretrain.encoders.s2_input": 224,
    "pretrain.encoders.s5p_input": 224,
    "patches.s2_size": 120,
    "patches.s5p_size": 120,
    # the augmentation of view 1, and of view 0 in 0.6 of the samples
    "pretrain.views.weak": 1 - 0.6,
    "pretrain.views.crop_min": 0.08,
    "pretrain.views.flip": 0.5,
    "pretrain.views.rotate": 0.5,
    "pretrain.views.jitter": 1.0,
    "pretrain.views.jitter_size": 0.2,
    "pretrain.views.blur": 1.0,
    "pretrain.views.drop_bands": 1.0,
    "pretrain.views.corrupt": int(8 * 0.8) / 8,
    # loss
    "pretrain.projection": 512,
    "pretrain.common_share": 448 / 512,
    "pretrain.lambda_off": 0.0051,
    # LARS
    "pretrain.epochs": 8000 / STEPS_PER_EPOCH,
    "pretrain.batch_size": BATCH,
    "pretrain.learning_rate": 0.2,
    "pretrain.bias_learning_rate": 0.0048,
    "pretrain.weight_decay": 1.5e-6,
    "pretrain.warmup_share": 10 / 500,
    "pretrain.precision": "float32",
    "pretrain.seed": 10,
    "pretrain.transductive": True,
    # on stations
    "evaluate.finetune.epochs": 50,
    "evaluate.finetune.batch_size": BATCH,
    "evaluate.finetune.weight_decay": 1e-4,
    "evaluate.supervised.epochs": 50,
    "evaluate.supervised.batch_size": BATCH,
    "evaluate.supervised.learning_rate": 1e-3,
    "evaluate.supervised.weight_decay": 1e-3,
    "transfer.epochs": 90,
    "transfer.size": 224,
}

OURS = {
    "pretrain.views.gray": 0.0,
    "evaluate.finetune.learning_rate": 1e-3,
    "evaluate.finetune.encoder_rate": 0.3,
}


@pytest.fixture(scope="module")
def path(request):
    return request.config.rootpath / "config" / "paper.yaml"


def written(path, key):
    """What the file itself says: a default that changes must not change the paper's setting."""
    value = yaml.safe_load(path.read_text())
    for part in key.split("."):
        value = value[part]
    return value


@pytest.mark.parametrize("key", [*PAPER, *OURS])
def test_the_papers_values_stand_in_the_file(path, key):
    expected = {**PAPER, **OURS}[key]
    assert written(path, key) == pytest.approx(expected)
    read = load_config(path)
    for part in key.split("."):
        read = getattr(read, part)
    assert read == pytest.approx(expected)


@pytest.mark.parametrize("key", OURS)
def test_what_is_ours_says_so(path, key):
    name = key.split(".")[-1]
    lines = [line for line in path.read_text().splitlines() if re.match(rf" +{name}:", line)]
    assert any("# ours" in line for line in lines)
