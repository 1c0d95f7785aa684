"""What a fine-tuned MMAQ gains from all inputs, and whether it then beats trees on pixels.

    python -m benchmarks.all_inputs [--work FOLDER] [--runs 3] [--workers 2]

On the simulated countries of seeds 2 and 3, which no table shows, with every setting as in the
default configuration: run i of MMAQ is fine-tuned and tested on hold-out i, once on images
("finetune") and once with all inputs in the head ("finetune_all"). Beside them the row
`gbm_pixels` as it was at 13d81cd, where scikit-learn grew the trees. The data and the
pretrainings are those of `benchmarks/ranking.py`; stopped and started again it goes on. Prints the
two tables that stand in docs/evaluation.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from benchmarks.grids import r2
from benchmarks.ranking import join
from benchmarks.trials import Job, Trial, make_countries, pretrainings, run_jobs, tune
from mmaq.base.errors import Unavailable
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.sites import read_sites, spatial_block
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.features import pixels
from mmaq.estimators.trees import ENSEMBLE
from mmaq.evaluate.predictions import predict_all
from mmaq.evaluate.task import read_task
from mmaq.statistics.paired import compare_pairs

COUNTRIES = (2, 3)
SETTINGS = Evaluate()
SPLITS = ("random", "blocks")
ROWS = ("finetune", "finetune_all", "reference")
"""The three rows by their protocol: images, all inputs, trees."""


@dataclass(frozen=True)
class EarlierTrees(Estimator):
    """`gbm_pixels` of 13d81cd: the same features and settings, grown by scikit-learn."""

    def fit(self, train: Training, *, seed: int) -> FittedEarlierTrees:
        """Grow the trees of each run of the ensemble."""
        states = np.random.SeedSequence(seed).generate_state(ENSEMBLE)
        trees = [
            HistGradientBoostingRegressor(
                learning_rate=0.05, max_iter=200, max_leaf_nodes=15, min_samples_leaf=10,
                max_features=0.5, early_stopping=False, random_state=int(state),
            )
            for state in states
        ]  # fmt: skip
        with threadpool_limits(1):
            return FittedEarlierTrees(
                [each.fit(pixels(train.places), train.target) for each in trees]
            )


@dataclass(frozen=True)
class FittedEarlierTrees(Fitted):
    """The runs of the ensemble."""

    grown: list[HistGradientBoostingRegressor]

    def mean(self, places: Places) -> np.ndarray:
        """The mean of their predictions, (n,) in ug/m3."""
        with threadpool_limits(1):
            return np.mean([each.predict(pixels(places)) for each in self.grown], axis=0)

    def state(self) -> State:
        """It is asked here and never kept."""
        raise Unavailable("it is not kept")

    @classmethod
    def from_state(cls, about: object, arrays: object) -> FittedEarlierTrees:
        """It is asked here and never kept."""
        raise Unavailable("it is not kept")


def test_trees(trial: Trial, out: Path) -> None:
    """Test the trees on the hold-outs of the networks: run i on hold-out i."""
    country = trial.country
    task = read_task(country.sites, country.patches, "no2")
    trees = EarlierTrees("gbm_pixels", modalities="s2+s5p+table", plan="hold-out", calibrated=False)
    predict_all([(task, [[trees] * trial.runs])], SPLITS, SETTINGS, out, out.with_suffix(".csv"))


def results(trial: Trial, work: Path) -> list[Path]:
    """The files of test predictions: trees, then images and all inputs of each split."""
    tuned = [f"tuned{inputs}_{split}" for inputs in ("", "_all") for split in SPLITS]
    return [trial.tested(work, "earlier_trees"), *(trial.tested(work, name) for name in tuned)]


def predictions(trial: Trial, work: Path) -> pd.DataFrame:
    """Test predictions of the three rows, each at the same runs and stations."""
    return pd.concat([pd.read_parquet(path) for path in results(trial, work)], ignore_index=True)


def compare(trial: Trial, tested: pd.DataFrame) -> pd.DataFrame:
    """The paired comparisons of the three rows on one country, by split."""
    sites = read_sites(trial.country.sites)
    names = spatial_block(sites["lon"], sites["lat"], SETTINGS.block_degrees)
    blocks = pd.Series(names, index=sites["site_id"])
    parts = [
        compare_pairs(part, blocks, SETTINGS.bootstrap).assign(split=split, seed=trial.seed)
        for split, part in tested.groupby("split")
    ]
    return pd.concat(parts)


def jobs_of(trials: list[Trial], work: Path) -> list[Job]:
    """What is to be made: trees, then networks on all inputs, then on images."""
    trees: list[Job] = [
        (result, test_trees, (trial, result))
        for trial in trials
        for result in [results(trial, work)[0]]
    ]
    return trees + [
        (trial.tested(work, f"tuned{inputs}_{split}"), tune, (trial, split, work, SETTINGS, inputs))
        for inputs in ("_all", "")
        for trial in trials
        for split in SPLITS
    ]


def show(trials: list[Trial], work: Path) -> None:
    """Print R2 by country and split, and the differences over both countries, in Markdown."""
    tables = {trial.seed: predictions(trial, work) for trial in trials}
    print("| country of seed | split | images | all inputs | `gbm_pixels` |\n|---|---|---|---|---|")
    for seed, tested in tables.items():
        for split, part in tested.groupby("split", sort=False):
            figures = [r2(part[part["protocol"] == name]).mean() for name in ROWS]
            print(f"| {seed} | {split} | {' | '.join(f'{value:.3f}' for value in figures)} |")
    pairs = pd.concat([compare(trial, tables[trial.seed]) for trial in trials])
    keys = ["protocol", "other_protocol", "split"]
    print("\n| first | less | split | difference | stations | blocks | by country | verdict |")
    print("|---|---|---|---|---|---|---|---|")
    for (first, second, split), part in pairs.groupby(keys, sort=False):
        for _, row in join(part).iterrows():
            print(
                f"| {first} | {second} | {split} | {row['difference']:+.3f} "
                f"| ±{row['stations']:.3f} | ±{row['blocks']:.3f} | {row['each']} "
                f"| {row['verdict']} |"
            )


def main() -> None:
    """Make what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("work/trials"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    make_countries(COUNTRIES)
    trials = [Trial(seed, "default", "mmaq", {}, given.runs) for seed in COUNTRIES]
    run_jobs(pretrainings(trials, given.work), given.workers, "pretraining")
    run_jobs(jobs_of(trials, given.work), given.workers, "tests")
    show(trials, given.work)


if __name__ == "__main__":
    main()
