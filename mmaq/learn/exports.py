"""What stays after a run: encoders of the last and the best epoch, and their model card."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from mmaq.base.files import replacing
from mmaq.contracts.checkpoint import KEY, PREFIX, read_tensors, write_tensors
from mmaq.learn.history import History
from mmaq.learn.keep import Names, write_checkpoint

TEXT = """# Encoders pretrained by {method}

Made by MMAQ {version} with torch {torch}. They embed {modalities} of a site; no label was read.

## Data

- {sites} sites, {first} to {last} in the order of the site table; {transductive}.
- Sentinel-2 bands {bands}, reflectance x 10,000. Standardise what you embed with the statistics in
  the file; `mmaq.learn.checkpoint.load_encoders` gives both.

## Figures

| epoch | mean loss | {heads} |
|---|---|{rules}
{rows}

Effective rank, spread of directions (0: all alike) and mean absolute correlation between
dimensions, of embeddings of up to 256 training sites. Every step: `{losses}`.

## Files

| file | holds |
|---|---|
| `{final}` | epoch {last_epoch}, the last: method, optimiser, schedule and figures |
| `{best}` | epoch {best_epoch}: lowest mean training loss after the warm-up; no label chose it |
{s2_only}
Encoders alone lie beside each as safetensors. Reading any of them runs no code from the file.

## Configuration

```yaml
{config}```
"""


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
        write_checkpoint(temporary, {"state_dict": state, KEY: about})


def write_card(names: Names, about: dict[str, Any], history: History, best: int) -> None:
    """Write the card of a run that has ended, as Markdown.

    Args:
        names: where it belongs, and the files it speaks of.
        about: description of the encoders (:func:`mmaq.learn.checkpoint.describe`).
        history: figures of the run.
        best: the epoch of the best checkpoint.
    """
    frame = history.frame()
    mean = frame.groupby("epoch")["loss"].mean()
    figures = [name for name in frame if name.startswith(("rank_", "spread_", "correlation_"))]
    ends = frame.groupby("epoch").last()
    shown = sorted({int(mean.index[0]), best, int(mean.index[-1])})
    rows = [
        [str(epoch), f"{mean[epoch]:.4g}", *(f"{ends[name][epoch]:.3g}" for name in figures)]
        for epoch in shown
    ]
    modalities = [name.removeprefix("rank_") for name in figures if name.startswith("rank_")]
    alone = f"| `{names.s2_only.name}` | the Sentinel-2 encoder of epoch {best} |\n"
    config, sites = about["config"], about["site_ids"]
    text = TEXT.format(
        method=config["method"],
        version=about["mmaq"],
        torch=torch.__version__,
        modalities=", ".join(modalities),
        sites=len(sites),
        first=sites[0],
        last=sites[-1],
        transductive="stations among them" if config["transductive"] else "no station among them",
        bands=", ".join(about["bands"]),
        heads=" | ".join(name.replace("_", " ") for name in figures),
        rules="---|" * len(figures),
        rows="\n".join(f"| {' | '.join(row)} |" for row in rows),
        losses=names.losses.name,
        final=names.final.name,
        best=names.best.name,
        last_epoch=shown[-1],
        best_epoch=best,
        s2_only=alone if "s2" in modalities and len(modalities) > 1 else "",
        config=yaml.safe_dump(config, sort_keys=False),
    )
    with replacing(names.card) as temporary:
        temporary.write_text(text, encoding="utf-8")
