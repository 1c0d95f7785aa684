"""Contract 4: encoders as safetensors, with all that is needed to use them in the file's metadata.

The metadata is one JSON text under one key, so that equal encoders give equal bytes. The training
checkpoints (``.ckpt``) hold the same text under the same key, beside weights of the whole method.
Reading either runs no code from the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmaq import __version__
from mmaq.config.learning import Pretrain
from mmaq.errors import CheckpointError
from mmaq.files import replacing
from mmaq.models import MODALITIES, Encoders
from mmaq.patches.store import BANDS
from mmaq.sites import FEATURES
from mmaq.training.statistics import Statistics

KEY = "mmaq"
VERSION = 2
REMEDY = "Make it again with `mmaq pretrain`"
PREFIX = "method.encoders."
"""What the encoders' tensors are called in a training checkpoint."""


def describe(
    config: Pretrain, statistics: Statistics, site_ids: Sequence[str], modalities: Iterable[str]
) -> dict[str, Any]:
    """What one needs to use encoders: their configuration, statistics and training sites."""
    return {
        "version": VERSION,
        "mmaq": __version__,
        "bands": list(BANDS),
        "features": list(FEATURES),
        "modalities": list(modalities),
        "config": config.model_dump(mode="json"),
        "statistics": statistics.to_dict(),
        "site_ids": list(site_ids),
    }


def save_encoders(
    path: str | os.PathLike[str],
    encoders: Encoders,
    statistics: Statistics,
    config: Pretrain,
    site_ids: Sequence[str],
) -> None:
    """Write encoders with their statistics, configuration and the sites they were trained on."""
    about = describe(config, statistics, site_ids, encoders.modalities)
    write_tensors(path, encoders.state_dict(), about)


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
    return about, tensors


def load_encoders(path: str | os.PathLike[str]) -> tuple[Encoders, Statistics]:
    """Read an export or a training checkpoint; encoders are on the CPU, in evaluation mode.

    Raises:
        CheckpointError: the file is absent, damaged, or its tensors do not fit its configuration.
    """
    return build_encoders(*read_tensors(path), path)


def build_encoders(
    about: dict[str, Any], tensors: dict[str, Tensor], path: str | os.PathLike[str]
) -> tuple[Encoders, Statistics]:
    """Encoders and statistics from what ``read_tensors`` gave; ``path`` is named in errors.

    Raises:
        CheckpointError: the tensors do not fit the configuration.
    """
    try:
        config = Pretrain.model_validate(about["config"])
        statistics = Statistics.from_dict(about["statistics"])
        modalities = [name for name in MODALITIES if name in about["modalities"]]
    except (KeyError, TypeError, ValueError, ValidationError) as fault:
        line = str(fault).splitlines()[0]
        raise CheckpointError(path, f"its configuration is not valid ({line})", REMEDY) from None
    with torch.random.fork_rng(devices=[]):
        encoders = Encoders(config.encoders, modalities)
    try:
        encoders.load_state_dict(tensors)
    except RuntimeError as fault:
        line = str(fault).splitlines()[-1].strip()
        raise CheckpointError(path, f"tensors do not fit ({line[:200]})", REMEDY) from None
    return encoders.eval(), statistics


def random_encoders(config: Pretrain, seed: int) -> Encoders:
    """Untrained encoders in evaluation mode, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoders(config.encoders).eval()


def _read_safetensors(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "null"))
            return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise CheckpointError(path, f"not a readable safetensors file ({fault})", REMEDY) from None


def _read_ckpt(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Tensor]]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        about, held = json.loads(found[KEY]), found["state_dict"]
    except Exception as fault:  # whatever a damaged file, or one that holds code, makes torch raise
        line = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise CheckpointError(path, f"not a readable checkpoint ({line})", REMEDY) from None
    tensors = {
        name.removeprefix(PREFIX): value for name, value in held.items() if name.startswith(PREFIX)
    }
    return about, tensors
