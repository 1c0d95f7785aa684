"""A predictor: encoders and one head for every choice of inputs, in one safetensors file.

Stage: predict NO2 at sites, each with what is known of it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmaq.base.errors import CheckpointError, TableError, Unavailable
from mmaq.base.files import replacing
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.checkpoint import read_tensors, write_tensors
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.evaluate.task import Task, read_task
from mmaq.learn.checkpoint import build_encoders
from mmaq.learn.data import Statistics
from mmaq.learn.devices import device, limited_threads
from mmaq.learn.models.encoders import Encoders
from mmaq.prediction.head import Head, Linear, fit_head
from mmaq.prediction.inputs import known, site_inputs, subsets
from mmaq.statistics.splits import Fold, make_folds

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


def predictor(
    *, sites: Path, store: Path, checkpoint: Path, config: Evaluate, dataset: str, out: Path
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


COLUMNS = ("site_id", "lon", "lat", "no2", "low", "high", "modalities")
"""``no2`` and the bounds of its 90 % interval are in ug/m3; they are empty, as ``modalities`` is,
where nothing is known of a site that a head could read."""


def predict(
    *, sites: Path, store: Path, predictor: Path, chosen: Path | None, threads: int, out: Path
) -> None:
    """Predict NO2 at sites that have patches or land use (CSV, a row a site).

    Each site gets the head that reads all it has; where the predictor lacks that one, the head that
    reads most of it.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        predictor: encoders and heads, of ``fit_predictor``.
        chosen: a CSV with a column ``site_id``; None for all sites.
        threads: of torch and of linear algebra.
        out: the table.

    Raises:
        TableError: the site table is broken, or the list names a site that it lacks.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the predictor cannot be read.
    """
    model = read_predictor(predictor)
    table = read_sites(sites)
    if chosen is not None:
        table = choose(table, chosen, sites)
    with limited_threads(threads):
        inputs = site_inputs(model.encoders, model.statistics, open_store(store), table)
        predicted = predict_heads(model, inputs, len(table))
    result = pd.concat([table[["site_id", "lon", "lat"]], predicted], axis=1)
    with replacing(out) as temporary:
        result[list(COLUMNS)].to_csv(temporary, index=False, float_format="%.6g")
    without = int(result["no2"].isna().sum())
    log.info("%s: %d sites, %d of them without any input", out, len(result), without)


def predict_heads(model: Predictor, inputs: dict[str, np.ndarray], count: int) -> pd.DataFrame:
    """Columns no2, low, high (ug/m3) and modalities of ``count`` sites.

    A concentration is not negative, so predictions and bounds end at 0.
    """
    value, radius = np.full(count, np.nan), np.full(count, np.nan)
    names = np.full(count, "", dtype=object)
    for head in model.heads:  # who reads more comes later
        rows = known(inputs, head.inputs)
        if rows.any():
            value[rows] = head.linear.predict([inputs[name][rows] for name in head.inputs])
            radius[rows], names[rows] = head.radius, "+".join(head.inputs)
    bounds = {"no2": value, "low": value - radius, "high": value + radius}
    floored = {name: np.maximum(bound, 0.0) for name, bound in bounds.items()}
    return pd.DataFrame({**floored, "modalities": names})


def choose(table: pd.DataFrame, chosen: Path, sites: Path) -> pd.DataFrame:
    """Rows of the site table in the order of a list of sites.

    Raises:
        TableError: the list cannot be read, has no ``site_id``, or names an unknown site.
    """
    try:
        wanted = pd.read_csv(chosen, dtype={"site_id": str})
    except (OSError, ValueError) as fault:
        line = f"not a readable table ({fault})"
        raise TableError(chosen, line, "Give a CSV with a column site_id") from None
    if "site_id" not in wanted:
        raise TableError(chosen, "column 'site_id' is missing", "Give a CSV with that column")
    absent = wanted.loc[~wanted["site_id"].isin(table["site_id"]), "site_id"]
    if len(absent):
        fault_line = f"site {absent.iloc[0]!r} is not in {sites}"
        remedy = "Name it in files.unlabelled or acquire.unlabelled_table, then `mmaq patches`"
        raise TableError(chosen, fault_line, remedy)
    return table.set_index("site_id", drop=False).loc[wanted["site_id"]].reset_index(drop=True)
