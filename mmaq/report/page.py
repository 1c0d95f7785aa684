"""Write the report: read, draw, fill the template."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2

import mmaq
from mmaq.benchmark import read_benchmark
from mmaq.files import replacing
from mmaq.patches.store import open_store
from mmaq.report import names
from mmaq.report.gallery import Gallery
from mmaq.report.inputs import read_comparisons, read_losses, read_predictions, read_timings
from mmaq.report.material import Material, Section
from mmaq.report.numbers import number
from mmaq.report.palette import DARK, LIGHT, css_variables
from mmaq.report.sections import (
    agreement,
    benchmark,
    comparisons,
    costs,
    definitions,
    examples,
    groups,
    intervals,
    labels,
    losses,
    maps,
    neighbours,
    paper,
    ranking,
    result,
    skipped,
    transfer,
)  # fmt: skip
from mmaq.report.svg import drawing
from mmaq.sites import read_sites, stations

SECTIONS: tuple[Callable[[Material, Gallery], Section | None], ...] = (
    result.section, ranking.section, comparisons.section, neighbours.section, benchmark.section,
    paper.section, transfer.section, groups.section, intervals.section, agreement.section,
    maps.section, examples.section, labels.section, losses.section, costs.section,
    skipped.section, definitions.section,
)  # fmt: skip
"""In the order of the page."""

FIGURES = "figures"
"""Folder of the plots, beside the page (``Layout.figures``)."""

log = logging.getLogger(__name__)


def write_report(
    benchmark: Path,
    predictions: Sequence[Path],
    comparisons: Path | None,
    sites: Path,
    store: Path | None,
    losses: Path | None,
    timings: Sequence[Path],
    dataset: str,
    simulated: bool,
    out: Path,
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
        timings: Snakemake's benchmark files.
        dataset: name of the data set.
        simulated: whether the raw archive was made by the simulator.
        out: path of the page; the folder ``figures`` beside it is replaced by the plots' SVG and
            CSV files.

    Raises:
        TableError: an input is missing, lacks a column or holds an impossible value.
        StoreError: the patch store is damaged.
    """
    material = Material(
        read_benchmark(benchmark), read_predictions(predictions), read_sites(sites),
        read_comparisons(comparisons), read_losses(losses), read_timings(timings),
        None if store is None else open_store(store), dataset, simulated,
    )  # fmt: skip
    with replacing(out.parent / FIGURES) as folder, drawing():
        gallery = Gallery(folder)
        sections = [made for make in SECTIONS if (made := make(material, gallery)) is not None]
    page = _render(material, sections)
    with replacing(out) as temporary:
        temporary.write_text(page)
    log.info("%s: %d rows of the benchmark, %.1f MB", out, len(material.table), len(page) / 1e6)


def _render(material: Material, sections: Sequence[Section]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mmaq.report"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    labelled = len(stations(material.sites))
    return environment.get_template("report.html.j2").render(
        dataset=material.dataset,
        simulated=material.simulated,
        n_stations=labelled,
        n_unlabelled=len(material.sites) - labelled,
        sections=sections,
        names=names,
        number=number,
        light=css_variables(LIGHT),
        dark=css_variables(DARK),
        version=mmaq.__version__,
    )
