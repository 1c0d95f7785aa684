"""Rows of the benchmark from test predictions: figures, their intervals, groups of stations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mmaq.contracts.benchmark import Row
from mmaq.contracts.predictions import ENTRY, check_fits, read_fits
from mmaq.evaluate import scenes
from mmaq.statistics.bootstrap import Estimate, Outcomes, estimate_metrics
from mmaq.statistics.groups import MIN_STATIONS, station_groups
from mmaq.statistics.metrics import METRICS
from mmaq.vocabulary import TRANSFER_TASKS

RESAMPLED = {
    "official": "site_id", "random": "site_id", "blocks": "block", "knndm": "block",
    "country": "country",
}  # fmt: skip
"""Column of the site table whose values the bootstrap draws: what the split leaves out, or blocks
where it leaves out clusters of any size."""


def make_rows(
    parts: Sequence[pd.DataFrame],
    fits: Sequence[Path],
    sites: pd.DataFrame,
    draws: int,
    dataset: str,
) -> list[Row]:
    """Rows of all parts of the evaluation.

    Args:
        parts: test predictions of each part.
        fits: the lines about each part, in the same order.
        sites: contract 2, with the ``block`` of each site.
        draws: bootstrap resamples.
        dataset: name of the data set in the rows.

    Raises:
        TableError: a file of lines is absent or broken.
    """
    rows: list[Row] = []
    alike: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for part, path in zip(parts, fits, strict=True):
        found = part.groupby(list(ENTRY)).indices if set(ENTRY) <= set(part) else {}
        about = read_fits(path)
        check_fits(about, path, part)
        for fit in about.to_dict("records"):
            entry = {"dataset": dataset, **{name: fit[name] for name in ENTRY}}
            mine = part.iloc[found.get(tuple(fit[name] for name in ENTRY), np.empty(0, int))]
            if fit["status"] == "skipped":
                rows += _skipped_rows(entry, fit)
            elif fit["task"] in TRANSFER_TASKS:
                rows += _scene_rows(entry, fit, mine, draws)
            else:
                key, line = _line(entry, fit, mine, sites)
                alike[key].append(line)
    for lines in alike.values():
        rows += _station_rows(lines, sites, draws)
    return rows


def _skipped_rows(entry: dict[str, Any], fit: dict[str, Any]) -> Iterator[Row]:
    """A row a metric that says why there is no figure."""
    names = scenes.METRICS[fit["task"]][0] if fit["task"] in scenes.METRICS else METRICS
    for name in names:
        yield Row(**entry, metric=name, status="skipped", reason=fit["reason"])


class Line(NamedTuple):
    """What was predicted by a method on a split, at the stations of :func:`_measuring`."""

    entry: dict[str, Any]
    fit: dict[str, Any]
    outcomes: Outcomes
    folds: np.ndarray
    """The fold that tested each station in each run, (runs, stations); -1 where none did."""


def _line(
    entry: dict[str, Any], fit: dict[str, Any], tested: pd.DataFrame, sites: pd.DataFrame
) -> tuple[tuple[Any, ...], Line]:
    """A line, and what lines share that are resampled together.

    They were tested alike and have intervals alike, and their rows are of the same groups. What a
    method could not predict stays its own fault: it shares nothing.
    """
    stations = _measuring(fit["task"], sites).index
    outcomes = Outcomes.of(tested, stations)
    folds = Outcomes.of(tested.assign(prediction=tested["fold"]), stations).prediction[0]
    folds = np.where(outcomes.tested, folds, -1).astype(int)
    whole = np.isfinite(outcomes.prediction[0, outcomes.tested]).all()
    calibrated = np.isfinite(outcomes.high).tobytes()
    own = None if whole else tuple(entry.values())
    key = fit["task"], fit["split"], fit["label_fraction"] == 1.0, folds.tobytes(), calibrated, own
    return key, Line(entry, fit, outcomes, folds)


def _measuring(task: str, sites: pd.DataFrame) -> pd.DataFrame:
    """The stations that measure a pollutant, by ``site_id``."""
    return sites[sites[task].notna()].set_index("site_id", drop=False)


def _station_rows(lines: Sequence[Line], sites: pd.DataFrame, draws: int) -> Iterator[Row]:
    """A row a metric for all stations, and for each group of which enough were tested.

    All lines are of one task and split and were tested alike, so that they share the resamples.
    """
    fit, folds = lines[0].fit, lines[0].folds
    known = _measuring(fit["task"], sites)
    outcomes = Outcomes.join([line.outcomes for line in lines])
    members = {"all": np.full(len(known), True)}
    if fit["label_fraction"] == 1.0:
        members |= station_groups(known)
    tested = (folds >= 0).any(axis=0)
    for group, member in members.items():
        here = member & tested
        if group != "all" and here.sum() < MIN_STATIONS:
            continue
        units = known[RESAMPLED[fit["split"]]].to_numpy(str)[here]
        if len(np.unique(units)) == 1:  # a country by itself
            units = known["site_id"].to_numpy(str)[here]
        of_runs = [run[run >= 0] for run in folds[:, here]]
        parts = sum(len(np.unique(run)) for run in of_runs)
        about = {
            "group": group, "runs": sum(len(run) > 0 for run in of_runs),
            "n_test": round(sum(map(len, of_runs)) / parts),
        }  # fmt: skip
        estimates = estimate_metrics(outcomes.take(here), units, draws, fit["task"])
        for line, found in zip(lines, estimates, strict=True):
            of_fit = {name: line.fit[name] for name in ("n_train", "seconds")}
            yield from _figures({**line.entry, **about, **of_fit}, found)


def _scene_rows(
    entry: dict[str, Any], fit: dict[str, Any], tested: pd.DataFrame, draws: int
) -> Iterator[Row]:
    """A row a metric, resampled over places, since the scenes of a plant are alike."""
    about = {name: fit[name] for name in ("n_train", "n_test", "seconds")}
    found = scenes.estimate(fit["task"], tested, draws)
    yield from _figures({**entry, **about, "runs": tested["run"].nunique()}, found)


def _figures(about: dict[str, Any], found: Estimate) -> Iterator[Row]:
    for name, value, low, high in zip(*found, strict=True):
        yield Row(**about, metric=name, value=float(value), low=float(low), high=float(high))
