"""The stages of the evaluation: test predictions of every method, and the table made of them.

Torch takes seconds to import, and scikit-learn and LightGBM one: a stage imports what it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from mmaq.base.files import replacing
from mmaq.config.evaluation import Evaluate
from mmaq.config.learning import Encoders
from mmaq.contracts.predictions import PREDICTIONS, read_outcomes
from mmaq.contracts.sites import COLUMNS, read_sites, spatial_block
from mmaq.evaluate import scenes
from mmaq.evaluate.checks import check_measured
from mmaq.evaluate.rows import make_rows
from mmaq.evaluate.table import write_metrics, write_rows
from mmaq.statistics.paired import ENTRY, FIGURES, OTHER, compare_pairs
from mmaq.vocabulary import MIXES, SPLITS, TASKS, Reference, Scratch, Tuned

if TYPE_CHECKING:
    from mmaq.estimators.encoders import Pretrained
    from mmaq.evaluate.predictions import Runs

COMPARISONS = ("dataset", "task", "split", "metric", *ENTRY, *OTHER, *FIGURES)
"""Columns of the paired comparisons."""

log = logging.getLogger(__name__)


def evaluate_references(
    *,
    sites: Path,
    store: Path,
    archive: Path | None,
    config: Evaluate,
    references: Sequence[Reference],
    out: Path,
    fits: Path,
) -> None:
    """Test references, and ``ridge`` on shares of the labels where it is one of them.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        archive: contract 1 where it holds the truth; without it the ceilings are skipped.
        config: pollutants, splits, folds, seeds, shares of labels.
        references: of the configuration, those that no other job tests.
        out: test predictions of every run (Parquet).
        fits: a line a method and split (CSV).

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        ArchiveError: the truth cannot be read.
    """
    from mmaq.estimators.catalogue import reference

    estimators = [reference(name, archive) for name in references]
    if "ridge" in references:
        shares = config.label_fractions
        estimators += [reference("ridge", share=share) for share in shares]
    _evaluate(sites, store, [[each] for each in estimators], config.splits, config, out, fits)


def evaluate_probes(
    *,
    sites: Path,
    store: Path,
    checkpoints: Sequence[Path],
    config: Evaluate,
    method: str,
    calibrated: bool,
    out: Path,
    fits: Path,
) -> None:
    """Test the configured heads on the frozen encoders of each run of one method.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoints: contract 4, of each run of the method that ``checkpoint_of(method)`` names;
            without any the method is skipped.
        config: splits, folds, seeds, heads, shares of labels.
        method: a ``Learned`` of the configuration.
        calibrated: whether its heads have 90 % intervals.
        out: test predictions of every run (Parquet).
        fits: a line a head and split (CSV).

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    from mmaq.estimators.catalogue import probes

    runs = [
        probes(encoder, config.heads, config.label_fractions, calibrated)
        for encoder in _runs(method, checkpoints)
    ]
    _evaluate(sites, store, list(zip(*runs, strict=True)), config.splits, config, out, fits)


def evaluate_mixes(
    *,
    sites: Path,
    store: Path,
    checkpoints: Sequence[Path],
    config: Evaluate,
    method: str,
    references: Sequence[Reference],
    out: Path,
    fits: Path,
) -> None:
    """Test what reads the embedding of one method beside other inputs: the best may be a mix.

    Arguments and errors as of :func:`evaluate_probes`; they are always calibrated. ``references``
    are tested here too: what they have in common with a mix is made once (``Training.once``).
    """
    from mmaq.estimators.catalogue import mixed, reference

    alone = [[reference(name)] for name in references]
    runs = [[mixed(name, encoder) for encoder in _runs(method, checkpoints)] for name in MIXES]
    _evaluate(sites, store, [*alone, *runs], config.splits, config, out, fits)


def evaluate_finetune(
    *,
    sites: Path,
    store: Path,
    checkpoints: Sequence[Path],
    config: Evaluate,
    protocol: Tuned,
    method: str,
    calibrated: bool,
    out: Path,
    fits: Path,
) -> None:
    """Test the fine-tuned encoders of one method on each split: run i on hold-out i.

    Arguments and errors as of :func:`evaluate_probes`; under ``protocol`` "finetune_all" the head
    reads all that is known of a station, under "finetune_all_map" what is known of any place.
    With ``calibrated`` the encoders are tuned once more, for their 90 % intervals.
    """
    from mmaq.estimators.catalogue import fine_tuned

    runs = [
        fine_tuned(encoder, protocol, config.finetune, calibrated)
        for encoder in _runs(method, checkpoints)
    ]
    _evaluate(sites, store, [runs], config.splits, config, out, fits)


def evaluate_supervised(
    *,
    sites: Path,
    store: Path,
    encoders: Encoders,
    config: Evaluate,
    protocol: Literal[Scratch, "supervised"],
    method: str,
    runs: int,
    out: Path,
    fits: Path,
) -> None:
    """Test a network from random weights on each split: run i on hold-out i, as fine-tuning is.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        encoders: the encoders' sizes.
        config: splits, folds, seeds, supervised training.
        protocol: "scratch", the encoders of a pretraining method, "scratch_all", these with all
            inputs in the head; "supervised", another network.
        method: a ``SupervisedName`` with "supervised", else a ``Pretrained``.
        runs: how many times, each from other weights.
        out: test predictions of every run (Parquet).
        fits: a line (CSV).

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
    """
    from mmaq.estimators.catalogue import supervised

    joint = config.pollutants if config.supervised.joint and protocol == "supervised" else ()
    estimator = supervised(method, protocol, encoders, config.supervised)
    _evaluate(sites, store, [[estimator] * runs], config.splits, config, out, fits, joint)


def _runs(method: str, checkpoints: Sequence[Path]) -> list[Pretrained]:
    """The encoders of each run; where none was pretrained, encoders that say so when read."""
    from mmaq.estimators.encoders import Pretrained

    return [Pretrained(method, path) for path in checkpoints] or [Pretrained(method)]


def _evaluate(
    sites: Path,
    store: Path,
    methods: Sequence[Runs],
    splits: Sequence[str],
    config: Evaluate,
    out: Path,
    fits: Path,
    also: tuple[str, ...] = (),
) -> None:
    from mmaq.base.threads import limited_threads
    from mmaq.evaluate.predictions import predict_all
    from mmaq.evaluate.task import read_task

    with limited_threads(config.threads):
        tasks = [read_task(sites, store, pollutant) for pollutant in config.pollutants]
        predict_all([(task, methods) for task in tasks], splits, config, out, fits, also)


def benchmark_table(
    *,
    predictions: Sequence[Path],
    fits: Sequence[Path],
    sites: Path | None,
    block_degrees: float,
    draws: int,
    dataset: str,
    out: Path,
    metrics: Path,
    comparisons: Path,
) -> None:
    """Make every figure of the test predictions: rows, groups, intervals and comparisons.

    Writes the benchmark table (CSV), its main figures (JSON, for `dvc metrics`), and the
    difference of each pair of methods on each task and split (CSV, columns ``COMPARISONS``): in R2
    (``compare_pairs`` says what they hold), or in a transfer task's leading metric
    (``compare_counts``). Methods that were fitted on a share of the labels are not compared.

    Args:
        predictions: test predictions of all parts of the evaluation.
        fits: the lines about each part, in the same order.
        sites: contract 2; None where no part predicts at stations.
        block_degrees: side of the blocks that are resampled whole.
        draws: bootstrap resamples.
        dataset: name of the data set in the rows.
        out: the benchmark table.
        metrics: its main figures.
        comparisons: the paired comparisons.

    Raises:
        TableError: a file is absent or broken, or two rows have one key.
        LeakError: a prediction stands beside another measurement than the site table's.
    """
    known = pd.DataFrame(columns=list(COLUMNS)) if sites is None else read_sites(sites)
    known["block"] = spatial_block(known["lon"], known["lat"], block_degrees)
    tables = [read_outcomes(path) for path in predictions]
    parts = [table for table in tables if set(PREDICTIONS) <= set(table)]
    tested = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*PREDICTIONS])
    check_measured(tested, known)
    pairs = [compare_all(tested, known, draws), *scenes.compare(tables, draws)]
    filled = [part for part in pairs if len(part)] or pairs[:1]
    compared = pd.concat(filled, ignore_index=True).assign(dataset=dataset)
    write_rows(make_rows(tables, fits, known, draws, dataset), out)
    write_metrics(out, len(compared), metrics)
    with replacing(comparisons) as temporary:
        compared[list(COMPARISONS)].to_csv(temporary, index=False, float_format="%.6g")
    log.info("%s: %d pairs of methods", comparisons, len(compared))


def compare_all(tested: pd.DataFrame, sites: pd.DataFrame, draws: int) -> pd.DataFrame:
    """Paired comparisons on each pollutant and split, in the order of the benchmark's names.

    Args:
        tested: test predictions.
        sites: contract 2, with the ``block`` of each site.
        draws: bootstrap resamples.
    """
    blocks = sites.set_index("site_id")["block"]
    groups = dict(list(tested[tested["label_fraction"] == 1.0].groupby(["task", "split"])))
    rows = [pd.DataFrame(columns=list(COMPARISONS))]
    for task, split in sorted(groups, key=lambda key: (TASKS.index(key[0]), SPLITS.index(key[1]))):
        pairs = compare_pairs(groups[task, split], blocks, draws)
        rows.append(pairs.assign(task=task, split=split, metric="r2"))
    return pd.concat([part for part in rows if len(part)] or rows, ignore_index=True)
