"""What columns of the user's own add, and one of them alone to trees on the table.

    python -m benchmarks.covariates data/covariates --column tropomi_2019_any_mol_m2

The folder is that of a data set whose configuration names ``landuse.covariates``. R2 of the pooled
predictions on random folds and on blocks, a line a row, split and seed, without intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmaq.config.evaluation import Evaluate
from mmaq.contracts.context import COVARIATE
from mmaq.contracts.sites import covariates_of
from mmaq.estimators.base import Estimator, Places
from mmaq.estimators.catalogue import reference
from mmaq.estimators.features import FEATURE_SETS, land_use
from mmaq.estimators.trees import Trees
from mmaq.evaluate.predictions import predict_folds
from mmaq.evaluate.task import read_task

SPLITS = ("random", "blocks")


def with_column(column: str) -> Trees:
    """Trees on the table and one column of the user's own."""

    def features(places: Places) -> np.ndarray:
        own = places.table[[COVARIATE + column]].to_numpy(float)
        return np.hstack([land_use(places), own])

    FEATURE_SETS["table_and_column"] = features
    return Trees(f"gbm + {column}", modalities="table", features="table_and_column")


def rows(places: Places, column: str) -> Iterator[tuple[str, Estimator, Places]]:
    """Name, estimator, and the places with or without the user's columns."""
    own = covariates_of(places.table)
    without = Places(places.table.drop(columns=own), places.store)
    yield "gbm", reference("gbm"), without
    yield f"gbm + {column}", with_column(column), places
    for name in ("gbm_geo_kriging", "gbm_context_kriging"):
        yield name, reference(name), without
    yield "gbm_context_kriging + covariates", reference("gbm_context_kriging"), places


def main() -> None:
    """Measure and print each row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the data set: data/NAME")
    parser.add_argument("--column", required=True, help="of the covariates, beside the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the folds")
    parser.add_argument("--block-degrees", type=float, default=2.0)
    parser.add_argument("--rows", nargs="*", help="of these alone")
    given = parser.parse_args()
    task = read_task(given.folder / "sites.parquet", given.folder / "patches", "no2")
    for seed in given.seeds:
        config = Evaluate(seeds=(seed,), block_degrees=given.block_degrees)
        for name, estimator, places in rows(task.places, given.column):
            if given.rows and name not in given.rows:
                continue
            for split in SPLITS:
                plain = replace(estimator, calibrated=False)
                tested = predict_folds(task, places, [plain], split, config)
                error = tested.table["prediction"] - tested.table["measured"]
                r2 = 1.0 - error.pow(2).mean() / tested.table["measured"].var(ddof=0)
                seconds = tested.fit["seconds"]
                print(f"{name}, {split}, seed {seed}: R2 {r2:.3f} ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
