"""Contract 4: encoders as safetensors, with all that is needed to use them in the file's metadata.

The metadata is one JSON text under one key, so that equal encoders give equal bytes. Reading runs
no code from the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mmaq import __version__
from mmaq.config.learning import Pretrain
from mmaq.errors import CheckpointError
from mmaq.files import replacing
from mmaq.models import Encoders
from mmaq.patches.store import BANDS
from mmaq.sites import FEATURES
from mmaq.training.statistics import Statistics

KEY = "mmaq"
VERSION = 1
REMEDY = "Make it again with `mmaq pretrain`"


def save_encoders(
    path: str | os.PathLike[str],
    encoders: Encoders,
    statistics: Statistics,
    config: Pretrain,
    site_ids: Sequence[str],
) -> None:
    """Write encoders with their statistics, configuration and the sites they were trained on."""
    about = {
        "version": VERSION,
        "mmaq": __version__,
        "bands": list(BANDS),
        "features": list(FEATURES),
        "config": config.model_dump(mode="json"),
        "statistics": statistics.to_dict(),
        "site_ids": list(site_ids),
    }
    tensors = {name: value.contiguous().cpu() for name, value in encoders.state_dict().items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={KEY: json.dumps(about, sort_keys=True)})
        temporary.chmod(0o644)  # safetensors writes for the owner alone; groups share checkpoints


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata of an export: configuration, statistics and sites, as plain values.

    Raises:
        CheckpointError: the file is absent, damaged or not an export of this version.
    """
    return _open(path)[0]


def load_encoders(path: str | os.PathLike[str]) -> tuple[Encoders, Statistics]:
    """Read an export; the encoders are on the CPU and in evaluation mode.

    Raises:
        CheckpointError: the file is absent, damaged, or its tensors do not fit its configuration.
    """
    about, tensors = _open(path)
    try:
        config = Pretrain.model_validate(about["config"])
        statistics = Statistics.from_dict(about["statistics"])
    except (KeyError, TypeError, ValueError, ValidationError) as fault:
        line = str(fault).splitlines()[0]
        raise CheckpointError(path, f"its configuration is not valid ({line})", REMEDY) from None
    with torch.random.fork_rng(devices=[]):
        encoders = Encoders(config.encoders)
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


def _open(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not Path(path).exists():
        raise CheckpointError(path, "the checkpoint does not exist", "Make it: `mmaq pretrain`")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise CheckpointError(path, f"not a readable safetensors file ({fault})", REMEDY) from None
    if not isinstance(about, dict) or about.get("version") != VERSION:
        raise CheckpointError(path, f"not an MMAQ export of version {VERSION}", REMEDY)
    for name, expected in (("bands", BANDS), ("features", FEATURES)):
        if about.get(name) != list(expected):
            raise CheckpointError(path, f"its {name} are not those of this version", REMEDY)
    return about, tensors
