"""Which way of learning is better: ten runs of each on three countries that no table shows.

    python -m benchmarks.ranking [--work FOLDER] [--runs 10] [--workers 2]

MMAQ, DeCUR, Barlow Twins and untrained encoders (fine-tuned: MMAQ's network from scratch), each in
ten runs on the simulated countries of seeds 2, 3 and 4, under the linear and the fused probe and
fine-tuned, with every setting as in the default configuration. Some two hours on two cores;
stopped and started again it goes on. Prints two tables, which stand in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.trials import (
    SCRATCH,
    SEEDS,
    Trial,
    make_countries,
    pretrainings,
    probe,
    run_jobs,
    tune,
)
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.sites import read_sites, spatial_block
from mmaq.statistics.paired import compare_pairs

METHODS = ("mmaq", "decur", "barlow_twins")
SETTINGS = Evaluate(heads=("linear", "fused"), label_fractions=())
SPLITS = ("random", "blocks")
TUNED = "finetune"


def trials_of(runs: int) -> list[Trial]:
    """A trial a method and country."""
    names = (*METHODS, "random_init", SCRATCH)
    return [Trial(seed, "default", name, {}, runs) for name in names for seed in SEEDS]


def predictions(trials: list[Trial], seed: int, work: Path) -> pd.DataFrame:
    """Test predictions of all methods on one country, of the images that each is evaluated with."""
    parts = []
    for trial in trials:
        if trial.seed != seed:
            continue
        if trial.method != SCRATCH:
            parts.append(pd.read_parquet(trial.tested(work, "probes")))
        if trial.method != "random_init":
            parts += [pd.read_parquet(trial.tested(work, f"tuned_{split}")) for split in SPLITS]
    tested = pd.concat(parts, ignore_index=True)
    alone = (tested["protocol"] == "linear") & tested["method"].ne("barlow_twins")
    tested = tested[~(alone & ~tested["modalities"].str.contains("+", regex=False))]
    # Training from scratch is what fine-tuning makes of encoders that nobody trained.
    scratch = tested["protocol"] == "scratch"
    tested.loc[scratch, "method"] = "random_init"
    tested.loc[scratch, "protocol"] = TUNED
    return tested


def compare(trials: list[Trial], work: Path) -> pd.DataFrame:
    """The paired comparisons of methods under one protocol, by country and split."""
    rows = []
    for seed in SEEDS:
        sites = read_sites(Trial(seed, "default", "mmaq", {}, 0).country.sites)
        names = spatial_block(sites["lon"], sites["lat"], SETTINGS.block_degrees)
        blocks = pd.Series(names, index=sites["site_id"])
        for (split, protocol), part in predictions(trials, seed, work).groupby(
            ["split", "protocol"]
        ):
            pairs = compare_pairs(part, blocks, SETTINGS.bootstrap)
            rows.append(pairs.assign(seed=seed, split=split, protocol=protocol))
    return pd.concat(rows, ignore_index=True)


def join(pairs: pd.DataFrame) -> pd.DataFrame:
    """The mean difference over countries, its intervals (half widths added as squares), verdicts.

    Runs and stations of one country are independent of another's.
    """

    def over_countries(part: pd.DataFrame) -> pd.Series:
        mean, count = part["difference"].mean(), len(part)
        half = [
            np.sqrt((((part[high] - part[low]) / 2) ** 2).sum()) / count
            for low, high in (("low", "high"), ("block_low", "block_high"))
        ]
        clear = abs(mean) > max(half)
        verdict = ("better" if mean > 0 else "worse") if clear else "open"
        each = ", ".join(f"{value:+.3f}" for value in part.sort_values("seed")["difference"])
        return pd.Series({"difference": mean, "stations": half[0], "blocks": half[1],
                          "each": each, "verdict": verdict})  # fmt: skip

    keys = ["protocol", "split", "method", "other_method"]
    return pairs.groupby(keys, sort=False).apply(over_countries, include_groups=False)


def values(trials: list[Trial], work: Path) -> pd.DataFrame:
    """R2 by protocol, method and split: the mean over countries and runs, the spread of runs."""
    tables = {seed: predictions(trials, seed, work) for seed in SEEDS}
    keys = ["protocol", "method", "split", "run"]
    tested = pd.concat(tables, names=["country"]).reset_index("country")
    tested["square"] = (tested["prediction"] - tested["measured"]) ** 2
    runs = tested.groupby(["country", *keys])
    r2 = 1.0 - runs["square"].mean() / runs["measured"].var(ddof=0)
    within = r2.groupby(level=["country", "protocol", "method", "split"])
    by = ["protocol", "method", "split"]
    spread = within.var().groupby(level=by).mean().pow(0.5)
    return pd.DataFrame({"r2": within.mean().groupby(level=by).mean(), "sd": spread})


def main() -> None:
    """Make what is missing, then print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("work/trials"))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    make_countries(SEEDS)
    trials = trials_of(given.runs)
    run_jobs(pretrainings(trials, given.work), given.workers, "pretraining")
    jobs = [
        (trial.tested(given.work, "probes"), probe, (trial, given.work, SETTINGS))
        for trial in trials
        if trial.method != SCRATCH
    ] + [
        (trial.tested(given.work, f"tuned_{split}"), tune, (trial, split, given.work, SETTINGS))
        for trial in trials
        for split in SPLITS
        if trial.method != "random_init"
    ]
    run_jobs(jobs, given.workers, "tests")
    print("| protocol | method | split | R2 | sd of runs |\n|---|---|---|---|---|")
    for (protocol, method, split), row in values(trials, given.work).iterrows():
        print(f"| {protocol} | {method} | {split} | {row['r2']:.3f} | {row['sd']:.3f} |")
    print("\n| protocol | split | pair | difference | over stations | over blocks | by country | |")
    print("|---|---|---|---|---|---|---|---|")
    for (protocol, split, method, other), row in join(compare(trials, given.work)).iterrows():
        print(
            f"| {protocol} | {split} | {method}, {other} | {row['difference']:+.3f} "
            f"| ±{row['stations']:.3f} | ±{row['blocks']:.3f} | {row['each']} | {row['verdict']} |"
        )


if __name__ == "__main__":
    main()
