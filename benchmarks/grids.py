"""Which settings of pretraining, and how steady AQNet is: grids on countries that no table shows.

    python -m benchmarks.grids [--work FOLDER] [--workers 2]
        [--grids views rates two_rates epochs aqnet]

Linear probes (AQNet: its hold-outs) on the simulated countries of seeds 2, 3 and 4, three runs a
setting (one in the grid of three rates). Prints for each setting the mean R2 over countries and
runs, and the standard deviation between runs of one country. What was found stands in
docs/evaluation.md, "What was tuned".
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trials import (
    AQNET,
    SEEDS,
    Trial,
    make_countries,
    pretrainings,
    probe,
    run_jobs,
    tune,
)
from mmaq.config.evaluation import Evaluate

RUNS = {"views": 3, "rates": 1, "two_rates": 3, "epochs": 3}
SETTINGS: dict[str, Mapping[str, Any]] = {
    "default": {},
    "crops": {"views": {"crop_min": 0.4}},
    "all_steps": {"views": {"crop_min": 0.4, "jitter": 0.8, "blur": 0.3, "drop_bands": 0.3}},
    "rate_0.5": {"learning_rate": 0.5},
    "rate_8": {"learning_rate": 8.0},
    "epochs_3": {"epochs": 3},
    "epochs_8": {"epochs": 8},
}
"""Changes of the section ``pretrain``, by name."""
GRIDS = {
    "views": [
        ("mmaq", "default"), ("mmaq", "crops"), ("mmaq", "all_steps"), ("decur", "default"),
        ("decur", "all_steps"), ("barlow_twins", "default"), ("barlow_twins", "all_steps"),
    ],
    "rates": [
        (method, cell)
        for method in ("mmaq", "decur", "barlow_twins")
        for cell in ("rate_0.5", "default", "rate_8")
    ],
    "two_rates": [("mmaq", "default"), ("mmaq", "rate_8")],
    "epochs": [("mmaq", cell) for cell in ("epochs_3", "default", "epochs_8")],
}  # fmt: skip
PROBES = Evaluate(heads=("linear",), label_fractions=())
AQNET_SEEDS, AQNET_RUNS = (2, 3), 5


def r2(tested: pd.DataFrame) -> pd.Series:
    """R2 by what is predicted from (modalities), split and run."""
    keys = ["modalities", "split", "run"]
    error = tested.assign(square=(tested["prediction"] - tested["measured"]) ** 2)
    grouped = error.groupby(keys)
    return 1.0 - grouped["square"].mean() / grouped["measured"].var(ddof=0)


def summary(parts: Mapping[int, Path]) -> pd.DataFrame:
    """Mean R2 over countries and runs, and the spread of runs within a country, by split."""
    values = pd.concat({seed: r2(pd.read_parquet(path)) for seed, path in parts.items()})
    names = ["seed", "modalities", "split", "run"]
    table = values.rename_axis(names).rename("r2").reset_index()
    within = table.groupby(["modalities", "split", "seed"])["r2"]
    spread = within.var().groupby(level=[0, 1]).mean().pow(0.5)
    return pd.DataFrame({"mean": within.mean().groupby(level=[0, 1]).mean(), "sd": spread})


def run_grid(name: str, work: Path, workers: int) -> None:
    """Run one grid and print its table."""
    trials = [
        Trial(seed, cell, method, SETTINGS[cell], RUNS[name])
        for method, cell in GRIDS[name]
        for seed in SEEDS
    ]
    run_jobs(pretrainings(trials, work), workers, f"{name}: pretraining")
    jobs = [(trial.tested(work, "probes"), probe, (trial, work, PROBES)) for trial in trials]
    run_jobs(jobs, workers, f"{name}: probes")
    for method, cell in GRIDS[name]:
        parts = {
            t.seed: t.tested(work, "probes") for t in trials if (t.method, t.cell) == (method, cell)
        }
        show(f"{method}, {cell}", summary(parts))


def run_aqnet(work: Path, workers: int) -> None:
    """AQNet's hold-outs, five runs on two splits of two countries, each by itself."""
    trials = [Trial(seed, "default", AQNET, {}, AQNET_RUNS) for seed in AQNET_SEEDS]
    jobs = [
        (trial.tested(work, f"tuned_{split}"), tune, (trial, split, work, Evaluate()))
        for trial in trials
        for split in ("random", "blocks")
    ]
    run_jobs(jobs, workers, "aqnet")
    for trial in trials:
        for split in ("random", "blocks"):
            values = r2(pd.read_parquet(trial.tested(work, f"tuned_{split}")))
            figures = ", ".join(f"{value:.2f}" for value in values)
            print(f"AQNet, country {trial.seed}, {split}: {figures}; lowest {np.min(values):.2f}")


def show(title: str, table: pd.DataFrame) -> None:
    """Print a line a modality: R2 with the runs' standard deviation, random folds and blocks."""
    for modalities, part in table.groupby(level=0):
        known = part.droplevel(0)
        figures = [
            f"{split} {known.loc[split, 'mean']:.3f} ({known.loc[split, 'sd']:.3f})"
            for split in ("random", "blocks")
        ]
        print(f"{title}, {modalities}: {', '.join(figures)}", flush=True)


def main() -> None:
    """Run the asked grids; stopped and started again it goes on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("work/trials"))
    parser.add_argument("--grids", nargs="+", choices=[*GRIDS, AQNET], default=[*GRIDS, AQNET])
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    make_countries(SEEDS)
    for name in given.grids:
        if name == AQNET:
            run_aqnet(given.work, given.workers)
        else:
            run_grid(name, given.work, given.workers)


if __name__ == "__main__":
    main()
