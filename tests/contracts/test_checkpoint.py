"""Contract 4: what is written is read, and every way in which a checkpoint can be broken."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmaq.base.errors import CheckpointError
from mmaq.contracts.checkpoint import (
    KEY,
    PREFIX,
    VERSION,
    read_about,
    read_tensors,
    write_tensors,
)
from mmaq.contracts.sites import FEATURES
from mmaq.vocabulary import BANDS

ABOUT = {"version": VERSION, "bands": list(BANDS), "features": list(FEATURES), "method": "mmaq"}
TENSORS = {"s2.weight": torch.arange(6.0).reshape(2, 3), "table.bias": torch.ones(2)}


@pytest.fixture(params=["mmaq.safetensors", "mmaq.ckpt"])
def written(request, tmp_path):
    """An export, and a training checkpoint, which holds more than the encoders."""
    path = tmp_path / request.param
    if path.suffix == ".ckpt":
        state = {PREFIX + name: value for name, value in TENSORS.items()}
        state["method.projectors.s2.weight"] = torch.zeros(3)
        torch.save({KEY: json.dumps(ABOUT), "state_dict": state}, path)
    else:
        write_tensors(path, TENSORS, ABOUT)
    return path


def test_the_description_and_the_encoders_are_read(written):
    about, tensors = read_tensors(written)
    assert about == ABOUT == read_about(written)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_the_description_is_json_that_others_read_and_equal_bytes(tmp_path):
    for name in "ab":
        write_tensors(tmp_path / f"{name}.safetensors", TENSORS, ABOUT)
    with safe_open(tmp_path / "a.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["mmaq"]) == ABOUT
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": 99}, f"not an MMAQ export of version {VERSION}"),
        ({"bands": ["B04"]}, "its bands are not those of this version"),
        ({"features": []}, "its features are not those of this version"),
    ],
)
def test_another_version_is_refused(tmp_path, changes, fault):
    write_tensors(tmp_path / "a.safetensors", TENSORS, ABOUT | changes)
    with pytest.raises(CheckpointError, match=rf"a\.safetensors: {fault}"):
        read_tensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_file_is_refused_in_one_line(written, content):
    """Empty, of another kind, or cut off."""
    whole = written.read_bytes()
    written.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(
        CheckpointError, match=r"not a readable (safetensors file|checkpoint)"
    ) as it:
        read_tensors(written)
    assert "\n" not in str(it.value)
    assert written.name in str(it.value)


def test_a_file_that_is_absent_names_the_verb_that_makes_it(tmp_path):
    with pytest.raises(CheckpointError, match=r"does not exist\. Make it: `mmaq pretrain`"):
        read_about(tmp_path / "none.safetensors")


def test_tensors_of_another_program_are_refused(tmp_path):
    save_file({"x": torch.zeros(2)}, tmp_path / "plain.safetensors")
    with pytest.raises(CheckpointError, match="not an MMAQ export"):
        read_tensors(tmp_path / "plain.safetensors")


def test_a_checkpoint_that_holds_code_is_refused(tmp_path):
    torch.save({KEY: json.dumps(ABOUT), "state_dict": {"x": print}}, tmp_path / "mmaq.ckpt")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        read_tensors(tmp_path / "mmaq.ckpt")
