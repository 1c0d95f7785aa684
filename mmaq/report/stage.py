"""The stage of the report: tables and predictions in, one page and its plots out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmaq.base.files import replacing
from mmaq.base.layout import FIGURES
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import check_whole, read_benchmark
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.report.distances import training_distances
from mmaq.report.gallery import Gallery
from mmaq.report.inputs import read_comparisons, read_losses, read_predictions, read_timings
from mmaq.report.material import Material
from mmaq.report.page import SECTIONS, render
from mmaq.report.svg import drawing

log = logging.getLogger(__name__)


def report(
    *,
    benchmark: Path,
    predictions: Sequence[Path],
    comparisons: Path | None,
    sites: Path,
    store: Path | None,
    losses: Path | None,
    timings: Mapping[str, Sequence[Path]],
    dataset: str,
    simulated: bool,
    config: Evaluate,
    out: Path,
    metrics: Path | None = None,
) -> None:
    """Write one self-contained HTML page, and its plots beside it.

    A section whose data are absent is left out.

    Args:
        benchmark: contract 5.
        predictions: Parquet files of test predictions, columns ``mmaq.report.inputs.PREDICTIONS``;
            none for a page without scatter, residual map, examples or reliability.
        comparisons: paired comparisons (CSV), columns ``mmaq.report.inputs.COMPARISONS``.
        sites: contract 2.
        store: contract 3, for the pictures of examples.
        losses: loss terms of the pretraining run (CSV with ``epoch`` or ``step``), if there was
            one.
        timings: Snakemake's benchmark files, by rule.
        dataset: name of the data set.
        simulated: whether the raw archive was made by the simulator.
        config: by which stations are split: pollutants, folds, seeds, block_degrees, buffer_km.
        out: path of the page; the folder ``figures`` beside it is replaced by the plots' SVG and
            CSV files.
        metrics: the figures (JSON) that were made with the table and its comparisons; they say how
            many rows these have.

    Raises:
        TableError: an input is missing, lacks a column or holds an impossible value.
        StoreError: the patch store is damaged.
    """
    table, compared = read_benchmark(benchmark), read_comparisons(comparisons)
    if metrics is not None:
        rows = {"benchmark": (benchmark, len(table))}
        rows |= {} if comparisons is None else {"comparisons": (comparisons, len(compared))}
        check_whole(rows, metrics)
    known = read_sites(sites)
    material = Material(
        table, read_predictions(predictions), known, compared, read_losses(losses),
        read_timings(timings), training_distances(known, config),
        None if store is None else open_store(store), dataset, simulated,
    )  # fmt: skip
    with replacing(out.parent / FIGURES) as folder, drawing():
        gallery = Gallery(folder)
        sections = [made for make in SECTIONS if (made := make(material, gallery)) is not None]
    page = render(material, sections)
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    log.info("%s: %d rows of the benchmark, %.1f MB", out, len(material.table), len(page) / 1e6)
