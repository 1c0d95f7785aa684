"""What stays after a run: encoders of the last and the best epoch, alone and together."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from torch import Tensor

from mmaq.files import replacing
from mmaq.training.card import write_card
from mmaq.training.checkpoint import KEY, PREFIX, read_tensors, write_tensors
from mmaq.training.history import History
from mmaq.training.names import Names


def export(names: Names, history: History, best: int) -> None:
    """Make the exports and the model card of a run that has ended.

    ``last`` becomes ``final`` and ``last_best`` becomes ``best``. Safetensors are written beside
    both, and, of a method with other modalities too, the Sentinel-2 encoder of ``best`` by itself.
    ``final`` appears last: with it the run is complete.

    Args:
        names: where the files lie.
        history: figures of the run.
        best: the epoch of ``best``.
    """
    for source, target in ((names.last, names.final), (names.last_best, names.best)):
        about, tensors = read_tensors(source)
        write_tensors(target.with_suffix(".safetensors"), tensors, about)
    if "s2" in about["modalities"] and len(about["modalities"]) > 1:
        alone = {name: value for name, value in tensors.items() if name.startswith("s2.")}
        about = {**about, "modalities": ["s2"]}
        write_tensors(names.s2_only.with_suffix(".safetensors"), alone, about)
        _write_ckpt(names.s2_only, alone, json.dumps(about, sort_keys=True))
    write_card(names, about, history, best)
    history.write(names.losses)
    with replacing(names.best) as temporary:
        shutil.copyfile(names.last_best, temporary)
    os.replace(names.last, names.final)
    names.last_best.unlink()


def _write_ckpt(path: Path, tensors: dict[str, Tensor], about: str) -> None:
    """A checkpoint of encoders alone, in the form of a training checkpoint."""
    with replacing(path) as temporary:
        state = {PREFIX + name: value for name, value in tensors.items()}
        torch.save({"state_dict": state, KEY: about}, temporary)
