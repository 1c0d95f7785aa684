"""Stage: probes on the frozen encoders of one method."""

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
    method: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of one method's probes.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, of the run that ``checkpoint_of(method)`` names; without it the
            rows are skipped.
        config: splits, folds, seeds, heads, shares of labels.
        dataset: name of the data set in the rows.
        method: a ``Learned`` of the configuration.
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [
            (task, entry)
            for task in tasks
            for entry in probe_entries(task, checkpoint, method, config)
        ]
        measure_all(work, config.splits, config, False, out, predictions)
