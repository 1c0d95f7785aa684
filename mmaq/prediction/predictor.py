"""A predictor: encoders and one head for every choice of inputs, in one safetensors file."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmaq.config.evaluation import Evaluate
from mmaq.errors import CheckpointError, TableError
from mmaq.evaluation.encoders import device, limited_threads
from mmaq.evaluation.splits import Fold, make_folds
from mmaq.evaluation.task import Task, read_task
from mmaq.evaluation.unavailable import Unavailable
from mmaq.models import Encoders
from mmaq.prediction.head import Head, Linear, fit_head
from mmaq.prediction.inputs import known, site_inputs, subsets
from mmaq.training.checkpoint import build_encoders, read_tensors, write_tensors
from mmaq.training.statistics import Statistics

POLLUTANT = "no2"
PREFIX = "head."
MIN_STATIONS = 30
"""Fewest stations that a head is fitted to."""
REMEDY = "Make it with `mmaq predictor`; `mmaq pretrain` makes encoders alone"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predictor:
    """Encoders, their normalisation, and heads; those that read more come later, and of those that
    read as many inputs the one with the narrowest interval last."""

    encoders: Encoders
    statistics: Statistics
    heads: tuple[Head, ...]


def fit_predictor(
    sites: Path, store: Path, checkpoint: Path, config: Evaluate, dataset: str, out: Path
) -> None:
    """Fit a head for every choice of inputs to all stations of a data set.

    Its interval is calibrated on stations in blocks that a fold leaves out, or on random folds
    where the stations lie in too few blocks.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, a method's encoders.
        config: folds, buffer, seeds, threads.
        dataset: name of the data set.
        out: the predictor (safetensors).

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read.
    """
    about, tensors = read_tensors(checkpoint)
    encoders, statistics = build_encoders(about, tensors, checkpoint)
    task = read_task(sites, store, dataset, POLLUTANT)
    with limited_threads(config.threads):
        inputs = site_inputs(encoders.to(device()), statistics, task.store, task.table)
        folds = _folds(task, config)
        heads = [
            fit_head(inputs, chosen, task.target, folds)
            for chosen in subsets(tuple(inputs))
            if known(inputs, chosen).all()
        ]
    if not heads or task.size < MIN_STATIONS:
        fault = f"{task.size} stations are too few for a predictor"
        raise TableError(sites, fault, f"Give at least {MIN_STATIONS} stations")
    about["predictor"] = {"pollutant": POLLUTANT, "heads": [_describe(head) for head in heads]}
    for head in heads:
        tensors |= _tensors(head)
    write_tensors(out, tensors, about)
    for head in heads:
        line = "%s from %s: R2 %.2f where it was left out, 90 %% within %.1f ug/m3"
        log.info(line, POLLUTANT, "+".join(head.inputs), head.r2, head.radius)


def read_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Read a predictor; encoders are on the GPU where there is one.

    Raises:
        CheckpointError: the file is absent, damaged, or holds encoders without heads.
    """
    about, tensors = read_tensors(path)
    if "predictor" not in about:
        raise CheckpointError(path, "it holds encoders and no heads to predict with", REMEDY)
    plain = {name: value for name, value in tensors.items() if not name.startswith(PREFIX)}
    encoders, statistics = build_encoders(about, plain, path)
    try:
        heads = [_head(each, tensors) for each in about["predictor"]["heads"]]
    except (KeyError, TypeError, ValueError) as fault:
        line = f"its heads are damaged ({fault})"
        raise CheckpointError(path, line, REMEDY) from None
    heads.sort(key=lambda head: (len(head.inputs), -head.radius))
    return Predictor(encoders.to(device()), statistics, tuple(heads))


def _folds(task: Task, config: Evaluate) -> list[Fold]:
    table: pd.DataFrame = task.table
    try:
        return make_folds(table, "blocks", config.folds, config.buffer_km, config.seeds[0])
    except Unavailable:
        return make_folds(table, "random", config.folds, config.buffer_km, config.seeds[0])


def _describe(head: Head) -> dict[str, object]:
    return {
        "inputs": list(head.inputs), "intercept": head.linear.intercept, "radius": head.radius,
        "r2": head.r2, "stations": head.stations,
    }  # fmt: skip


def _name(inputs: list[str] | tuple[str, ...], what: str) -> str:
    return f"{PREFIX}{'+'.join(inputs)}.{what}"


def _tensors(head: Head) -> dict[str, Tensor]:
    values = {"mean": head.linear.mean, "slope": head.linear.slope}
    return {
        _name(head.inputs, what): torch.from_numpy(np.asarray(value, np.float64))
        for what, value in values.items()
    }


def _head(about: dict[str, object], tensors: dict[str, Tensor]) -> Head:
    inputs = [str(name) for name in about["inputs"]]  # type: ignore[attr-defined]
    mean, slope = (tensors[_name(inputs, what)].numpy() for what in ("mean", "slope"))
    linear = Linear(mean, slope, float(str(about["intercept"])))
    radius, r2 = float(str(about["radius"])), float(str(about["r2"]))
    return Head(tuple(inputs), linear, radius, r2, int(str(about["stations"])))
