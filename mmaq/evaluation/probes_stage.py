"""Stage: linear and fused probes on frozen encoders."""

from __future__ import annotations

from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.evaluation.encoders import limited_threads
from mmaq.evaluation.measure import measure_all
from mmaq.evaluation.probes import probe_entries
from mmaq.evaluation.task import read_task


def evaluate_probes(
    sites: Path,
    store: Path,
    checkpoint: Path | None,
    config: Evaluate,
    dataset: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of the configured probes.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, the export; without it the rows are skipped.
        config: splits, folds, seeds, probes.
        dataset: name of the data set in the rows.
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read.
    """
    task = read_task(sites, store, dataset)
    with limited_threads(config.threads):
        entries = probe_entries(task, checkpoint, config.probes, config.seeds)
        measure_all(task, entries, config.splits, config, False, out, predictions)
