from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from mmaq.base.errors import CheckpointError
from mmaq.contracts.checkpoint import read_about
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.learn.checkpoint import load_encoders
from mmaq.learn.data import load_inputs
from mmaq.learn.embed import embed
from mmaq.learn.stage import pretrain
from tests.learn.training_country import TINY


@pytest.mark.parametrize("name", ["mmaq_run0", "mmaq_run0_best", "mmaq_run0_s2_only"])
def test_a_checkpoint_and_its_safetensors_hold_the_same_encoders(finished, name):
    one, statistics = load_encoders(finished / f"{name}.ckpt")
    other, same = load_encoders(finished / f"{name}.safetensors")
    assert statistics == same
    assert read_about(finished / f"{name}.ckpt") == read_about(finished / f"{name}.safetensors")
    for key, value in other.state_dict().items():
        assert torch.equal(one.state_dict()[key], value)
        layout = torch.channels_last if value.ndim == 4 else torch.contiguous_format
        assert value.is_contiguous(memory_format=layout)


def test_the_sentinel2_export_is_the_best_epochs_encoder_alone(finished, country):
    inputs = load_inputs(open_store(country[0]), read_sites(country[1]))
    best, statistics = load_encoders(finished / "mmaq_run0_best.safetensors")
    alone, _ = load_encoders(finished / "mmaq_run0_s2_only.safetensors")
    assert alone.modalities == ("s2",)
    expected = embed(best, statistics, inputs, ("s2",))["s2"]
    assert np.array_equal(embed(alone, statistics, inputs, ("s2",))["s2"], expected)


def test_a_method_of_sentinel2_alone_needs_no_second_export(country, tmp_path):
    pretrain(
        store=country[0],
        sites=country[1],
        config=TINY.model_copy(update={"method": "simclr", "epochs": 1}),
        out=tmp_path,
    )
    assert not list(tmp_path.glob("*s2_only*"))
    assert load_encoders(tmp_path / "simclr_run0_best.ckpt")[0].modalities == ("s2",)


def test_best_has_the_weights_of_its_epoch(finished):
    found = torch.load(finished / "mmaq_run0_best.ckpt", weights_only=True)
    assert "optimizer_states" not in found
    history = torch.load(finished / "mmaq_run0.ckpt", weights_only=True)["history"]
    table = dict(zip(history["columns"], history["values"].T, strict=True))
    mean = [table["loss"][table["epoch"] == epoch].mean().item() for epoch in range(2)]
    assert found["epoch"] == int(np.argmin(mean))


def test_the_card_says_what_one_needs_to_know(finished):
    text = (finished / "mmaq_run0.md").read_text()
    for part in (
        "20 sites",
        "no station among them",
        "mmaq_run0_s2_only.ckpt",
        "seed: 10",
        "rank s2",
    ):
        assert part in text
    assert text.count("| mean loss |") == 1
    rows = [line for line in text.splitlines() if line.startswith(("| 0 |", "| 1 |"))]
    assert [row.count("|") for row in rows] == [12, 12]


def test_a_checkpoint_that_holds_code_is_refused_and_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": Evil(), "mmaq": "{}"}, path)
    (tmp_path / "pickle.ckpt").write_bytes(pickle.dumps(Evil()))
    for file in (path, tmp_path / "pickle.ckpt"):
        with pytest.raises(CheckpointError, match="not a readable checkpoint") as caught:
            load_encoders(file)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()
