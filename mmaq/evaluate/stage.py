"""The stages of the evaluation: predictions of every method, and the table made of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmaq.base.files import replacing
from mmaq.config.evaluation import Evaluate
from mmaq.config.learning import Encoders
from mmaq.contracts.predictions import read_predictions
from mmaq.contracts.sites import read_sites
from mmaq.estimators.embedding_trees import embedding_entry
from mmaq.estimators.networks import Protocol, finetune_entry, supervised_entry
from mmaq.estimators.probes import probe_entries
from mmaq.estimators.references import reference_entries, ridge_on_few_labels
from mmaq.evaluate.checks import check_measured
from mmaq.evaluate.measure import measure_all
from mmaq.evaluate.table import join_parts, write_metrics
from mmaq.evaluate.task import read_task
from mmaq.learn.devices import limited_threads
from mmaq.statistics.paired import ENTRY, FIGURES, OTHER, compare_pairs
from mmaq.vocabulary import SPLITS, TASKS

log = logging.getLogger(__name__)


COMPARISONS = ("dataset", "task", "split", "metric", *ENTRY, *OTHER, *FIGURES)


def comparisons(
    *, predictions: Sequence[Path], sites: Path, draws: int, dataset: str, out: Path
) -> None:
    """Write the difference in R2 of each pair of methods on each task and split (CSV).

    The columns are COMPARISONS; ``compare_pairs`` says what they hold. Methods that were fitted
    on a share of the labels take no part.

    Args:
        predictions: test predictions of all parts of the evaluation.
        sites: contract 2.
        draws: number of resamples.
        dataset: name of the data set in the rows.
        out: the table of comparisons.

    Raises:
        TableError: a file is absent or broken.
        LeakError: a prediction stands beside another measurement than the site table's.
    """
    table = pd.concat([read_predictions(path) for path in predictions], ignore_index=True)
    known = read_sites(sites)
    check_measured(table, known)
    blocks = known.set_index("site_id")["block"]
    groups = dict(list(table[table["label_fraction"] == 1.0].groupby(["task", "split"])))
    rows = [pd.DataFrame(columns=list(COMPARISONS))]
    for task, split in sorted(groups, key=lambda key: (TASKS.index(key[0]), SPLITS.index(key[1]))):
        pairs = compare_pairs(groups[task, split], blocks, draws)
        rows.append(pairs.assign(dataset=dataset, task=task, split=split, metric="r2"))
    joined = pd.concat([part for part in rows if len(part)] or rows)[list(COMPARISONS)]
    with replacing(out) as temporary:
        joined.to_csv(temporary, index=False, float_format="%.6g")
    log.info("%s: %d pairs of methods", out, len(joined))


def evaluate_finetune(
    *,
    sites: Path,
    store: Path,
    checkpoint: Path | None,
    config: Evaluate,
    dataset: str,
    method: str,
    split: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of one fine-tuned method on one split.

    For each seed the encoders are tuned on the training stations of that seed's fold 0 and tested
    on its test stations.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, of the run that ``checkpoint_of(method)`` names; without it the
            rows are skipped.
        config: folds, seeds, fine-tuning.
        dataset: name of the data set in the rows.
        method: a ``Pretrained`` of the configuration.
        split: "random", "blocks" or "country".
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    calibrated = method in config.calibrated
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [
            (task, finetune_entry(task, checkpoint, method, config.finetune, calibrated))
            for task in tasks
        ]
        measure_all(work, [split], config, True, out, predictions)


def evaluate_gbm_embedding(
    *,
    sites: Path,
    store: Path,
    checkpoint: Path | None,
    config: Evaluate,
    dataset: str,
    method: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of ``gbm_embedding``.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, of the run that ``checkpoint_of(method)`` names; without it the
            rows are skipped.
        config: splits, folds, seeds.
        dataset: name of the data set in the rows.
        method: a ``Pretrained`` of the configuration, whose embedding it is.
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [(task, embedding_entry(task, checkpoint, method, config.seeds)) for task in tasks]
        measure_all(work, config.splits, config, False, out, predictions)


def evaluate_probes(
    *,
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


def evaluate_references(
    *,
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


def evaluate_supervised(
    *,
    sites: Path,
    store: Path,
    encoders: Encoders,
    config: Evaluate,
    dataset: str,
    protocol: Protocol,
    method: str,
    split: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of one supervised method on one split.

    For each seed a network is trained on the training stations of that seed's fold 0 and tested
    on its test stations, those that fine-tuning is tested on.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        encoders: the encoders' sizes.
        config: folds, seeds, supervised training.
        dataset: name of the data set in the rows.
        protocol: "scratch", the encoders of a pretraining method; "supervised", another network.
        method: a ``Pretrained`` of the configuration with "scratch", else a ``SupervisedName``.
        split: "random", "blocks" or "country".
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
    """
    joint = config.pollutants if config.supervised.joint and protocol == "supervised" else ()
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [
            (task, supervised_entry(task, encoders, protocol, method, config.supervised, joint))
            for task in tasks
        ]
        measure_all(work, [split], config, True, out, predictions)


def benchmark_table(*, parts: Sequence[Path], out: Path, metrics: Path) -> None:
    """Join the parts of the evaluation into the benchmark table (CSV) and its main figures (JSON).

    Raises:
        TableError: a part is missing or broken, or two rows have one key.
    """
    join_parts(parts, out)
    write_metrics(out, metrics)
