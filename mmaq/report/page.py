"""Write the report: read, draw, fill the template."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd

import mmaq
from mmaq import reported
from mmaq.benchmark import COLUMNS, read_benchmark
from mmaq.files import replacing
from mmaq.report import names, tables, words
from mmaq.report.charts import Charts, draw_charts
from mmaq.report.inputs import read_losses, read_predictions, read_timings
from mmaq.report.numbers import MISSING, number
from mmaq.report.palette import DARK, LIGHT, css_variables
from mmaq.sites import read_sites, stations

log = logging.getLogger(__name__)


def write_report(
    benchmark: Path,
    predictions: Sequence[Path],
    sites: Path,
    losses: Path | None,
    timings: Sequence[Path],
    dataset: str,
    simulated: bool,
    out: Path,
) -> None:
    """Write one self-contained HTML page, and its main picture beside it.

    Args:
        benchmark: contract 5.
        predictions: Parquet files of test predictions (method, protocol, split, seed, fold,
            site_id, no2 and prediction in µg/m³); without them the page has no scatter, no map.
        sites: contract 2.
        losses: loss terms of the pretraining run (CSV with ``epoch`` or ``step``), if there was
            one.
        timings: Snakemake's benchmark files.
        dataset: name of the data set.
        simulated: whether the raw archive was made by the simulator.
        out: path of the page; ``r2_by_method.svg`` and ``.png`` are written into its folder.

    Raises:
        TableError: an input is missing, lacks a column or holds an impossible value.
    """
    table = read_benchmark(benchmark)
    site_table = read_sites(sites)
    guesses = read_predictions(predictions)
    charts = draw_charts(
        table, guesses, site_table, read_losses(losses), read_timings(timings), out.parent
    )
    page = _render(table, charts, len(stations(site_table)), len(site_table), dataset, simulated)
    with replacing(out) as temporary:
        temporary.write_text(page)
    log.info("%s: %d rows of the benchmark, %.1f MB", out, len(table), len(page) / 1e6)


def _render(
    table: pd.DataFrame, charts: Charts, n_stations: int, n_sites: int, dataset: str,
    simulated: bool,
) -> str:  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mmaq.report"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    shown = tables.benchmark_tables(table)
    splits = [split for split in names.SPLITS if split in set(table["split"])]
    paper_split = "random" if "random" in splits or not splits else splits[0]
    return environment.get_template("report.html.j2").render(
        dataset=dataset,
        simulated=simulated,
        n_stations=n_stations,
        n_unlabelled=n_sites - n_stations,
        standings=words.standings(table),
        learned_ran=bool(tables.measured(table, "r2")["method"].map(names.is_learned).any()),
        tables=shown,
        kinds={line.kind for each in shown for line in each.lines},
        paper=tables.beside_paper(table, paper_split),
        paper_split=names.SPLITS[paper_split],
        paper_rows=reported.PAPER,
        aqnet_mse=next(row.mse for row in reported.PAPER if row.method == "aqnet"),
        gain=reported.headline_gain(),
        real_table=reported.REAL_TABLE,
        skipped=tables.skipped(table),
        notes=_notes(table),
        columns=COLUMNS,
        rows=_long(table),
        charts=charts,
        names=names,
        number=number,
        light=css_variables(LIGHT),
        dark=css_variables(DARK),
        version=mmaq.__version__,
    )


def _notes(table: pd.DataFrame) -> list[str]:
    """Remarks that rows carry although they ran."""
    rows = table[(table["status"] == "ok") & (table["reason"] != "")]
    return [
        f"{names.label(row.method, row.protocol)}: {row.reason}"
        for row in rows.drop_duplicates(["method", "protocol", "reason"]).itertuples()
    ]


def _long(table: pd.DataFrame) -> list[list[str]]:
    """The whole benchmark table as text, a missing value as an en dash."""
    text = table.astype(object).where(table.notna(), MISSING)
    return [[_plain(value) for value in row] for row in text.itertuples(index=False, name=None)]


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
