"""Contract 4: encoders as safetensors, with all that is needed to use them in the file's metadata.

The metadata is one JSON text under one key, so that equal encoders give equal bytes. The training
checkpoints (``.ckpt``) hold the same text under the same key, beside weights of the whole method.
Reading either runs no code from the file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmaq.base.errors import CheckpointError
from mmaq.base.files import reading, replacing
from mmaq.contracts.sites import FEATURES
from mmaq.vocabulary import BANDS

KEY = "mmaq"
VERSION = 2
REMEDY = "Make it again with `mmaq pretrain`"
LARGEST_WEIGHT = 1e9
"""Of what a network learns; damaged numbers are many powers of ten away, or none."""
PREFIX = "method.encoders."
"""What the encoders' tensors are called in a training checkpoint."""


def write_tensors(
    path: str | os.PathLike[str], tensors: dict[str, Tensor], about: dict[str, Any]
) -> None:
    """Write encoders' tensors as safetensors with their description."""
    plain = {name: value.contiguous().cpu() for name, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata={KEY: json.dumps(about, sort_keys=True)})
        temporary.chmod(0o644)  # safetensors writes for the owner alone; groups share checkpoints


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The description of an export: configuration, statistics and sites, as plain values.

    Raises:
        CheckpointError: the file is absent, damaged or not an export of this version.
    """
    return read_tensors(path)[0]


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Description and encoders' tensors of an export or of a training checkpoint.

    Raises:
        CheckpointError: the file is absent, damaged or not of this version.
    """
    if not Path(path).exists():
        raise CheckpointError(path, "the checkpoint does not exist", "Make it: `mmaq pretrain`")
    about, tensors = _read_ckpt(path) if Path(path).suffix == ".ckpt" else _read_safetensors(path)
    if not isinstance(about, dict) or about.get("version") != VERSION:
        raise CheckpointError(path, f"not an MMAQ export of version {VERSION}", REMEDY)
    for name, expected in (("bands", BANDS), ("features", FEATURES)):
        if about.get(name) != list(expected):
            raise CheckpointError(path, f"its {name} are not those of this version", REMEDY)
    for name, value in tensors.items():
        if not isinstance(value, Tensor) or not (value.double().abs() <= LARGEST_WEIGHT).all():
            raise CheckpointError(path, f"its tensor {name!r} holds no weights", REMEDY)
    return about, tensors


def _read_safetensors(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Tensor]]:
    with (
        reading(path, CheckpointError, "not a readable safetensors file", REMEDY),
        safe_open(path, framework="pt") as file,
    ):
        about = json.loads((file.metadata() or {}).get(KEY, "null"))
        return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _read_ckpt(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Tensor]]:
    with reading(path, CheckpointError, "not a readable checkpoint", REMEDY):
        found = torch.load(path, map_location="cpu", weights_only=True)
        about, held = json.loads(found[KEY]), found["state_dict"]
        tensors = {
            name.removeprefix(PREFIX): value
            for name, value in held.items()
            if name.startswith(PREFIX)
        }
    return about, tensors
