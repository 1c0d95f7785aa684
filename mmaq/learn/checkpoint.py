"""How encoders are written as contract 4, read from it and built anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mmaq import __version__
from mmaq.base.errors import CheckpointError
from mmaq.base.files import reading
from mmaq.config.learning import Pretrain
from mmaq.contracts.checkpoint import REMEDY, VERSION, read_tensors, write_tensors
from mmaq.contracts.sites import FEATURES
from mmaq.learn.data import Statistics
from mmaq.learn.models.encoders import Encoders
from mmaq.vocabulary import BANDS, MODALITIES

Module = TypeVar("Module", bound=nn.Module)


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
        "config": config.decisive(),
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
    with reading(path, CheckpointError, "its configuration is not valid", REMEDY):
        config = Pretrain.model_validate(about["config"])
        statistics = Statistics.from_dict(about["statistics"])
        modalities = [name for name in MODALITIES if name in about["modalities"]]
    encoders = unfilled(lambda: Encoders(config.encoders, modalities))
    try:
        encoders.load_state_dict(tensors)
    except RuntimeError as fault:
        line = str(fault).splitlines()[-1].strip()
        raise CheckpointError(path, f"tensors do not fit ({line[:200]})", REMEDY) from None
    return encoders.eval(), statistics


def unfilled(make: Callable[[], Module]) -> Module:
    """The module that ``make`` makes, on the CPU, before its whole state is loaded.

    No weight is drawn, which takes a ResNet-18 a tenth of a second.
    """
    with torch.device("meta"):
        module = make()
    return module.to_empty(device="cpu")


def random_encoders(config: Pretrain, seed: int) -> Encoders:
    """Untrained encoders in evaluation mode, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoders(config.encoders).eval()
