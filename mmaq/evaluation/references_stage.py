"""Stage: references, which need no network. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.evaluation.measure import measure_all
from mmaq.evaluation.references import reference_entries, ridge_on_few_labels
from mmaq.evaluation.task import read_task


def evaluate_references(
    sites: Path,
    store: Path,
    archive: Path | None,
    config: Evaluate,
    dataset: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of the configured references.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        archive: contract 1 where it holds the truth; without it the oracle rows are skipped.
        config: pollutants, splits, folds, seeds, references, shares of labels.
        dataset: name of the data set in the rows.
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        ArchiveError: the truth cannot be read.
    """
    work = []
    for pollutant in config.pollutants:
        task = read_task(sites, store, dataset, pollutant)
        known = reference_entries(task, archive)
        entries = [known[name] for name in config.references]
        if "ridge" in config.references:
            entries += [ridge_on_few_labels(task, share) for share in config.label_fractions]
        work += [(task, entry) for entry in entries]
    measure_all(work, config.splits, config, False, out, predictions)
