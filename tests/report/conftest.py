"""Plausible inputs of the report, made up: no figure here is a result of anything."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import main_rows, read_benchmark, write_benchmark
from mmaq.contracts.sites import read_sites, write_sites
from mmaq.report.distances import training_distances
from mmaq.report.inputs import read_comparisons, read_losses, read_predictions, read_timings
from mmaq.report.material import Material
from mmaq.report.stage import report as write_report
from tests.once import made_once
from tests.report.made_up import (
    make_comparisons,
    make_losses,
    make_predictions,
    make_rows,
    make_sites,
    make_store,
    make_timings,
)

EVALUATE = Evaluate()


@dataclass(frozen=True)
class Inputs:
    """Arguments of ``write_report`` but for ``out``."""

    benchmark: Path
    predictions: list[Path]
    comparisons: Path | None
    sites: Path
    store: Path | None
    losses: Path | None
    timings: dict[str, list[Path]]
    dataset: str = "default"
    simulated: bool = True
    config: Evaluate = EVALUATE
    metrics: Path | None = None

    def write(self, out: Path) -> str:
        write_report(**{field.name: getattr(self, field.name) for field in fields(self)}, out=out)
        return out.read_text()

    def but(self, **changes: object) -> Inputs:
        return replace(self, **changes)


def _written_once(factory: pytest.TempPathFactory, name: str, inputs: Inputs) -> Path:
    """The folder with the page and its plots, for all workers."""

    def write(folder: Path) -> Path:
        inputs.write(folder / "report.html")
        return folder

    return made_once(factory, name, write)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A whole set of inputs on disk, which no test changes."""
    folder = tmp_path_factory.mktemp("inputs")
    sites = make_sites()
    predictions = make_predictions(sites)
    write_sites(sites, folder / "sites.parquet")
    half = len(predictions) // 2
    parts = [folder / "references.parquet", folder / "probes.parquet"]
    predictions[:half].to_parquet(parts[0])
    predictions[half:].to_parquet(parts[1])
    rows = make_rows(predictions, sites)
    write_benchmark(rows, folder / "benchmark.csv")
    make_comparisons(rows).to_csv(folder / "comparisons.csv", index=False)
    make_losses().to_csv(folder / "mmaq_losses.csv", index=False)
    make_store(sites, folder / "patches")
    return Inputs(
        folder / "benchmark.csv", parts, folder / "comparisons.csv", folder / "sites.parquet",
        folder / "patches", folder / "mmaq_losses.csv", make_timings(folder),
    )  # fmt: skip


@pytest.fixture(scope="session")
def bare(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The least that makes a page: rows over all stations, and the sites."""
    path = tmp_path_factory.mktemp("bare") / "benchmark.csv"
    table = main_rows(read_benchmark(inputs.benchmark))
    write_benchmark(table[table["task"] == "no2"], path)
    return inputs.but(
        benchmark=path, predictions=[], comparisons=None, store=None, losses=None, timings={}
    )


@pytest.fixture(scope="session")
def bare_output(bare: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the page made from ``bare``."""
    return _written_once(tmp_path_factory, "bare_output", bare)


@pytest.fixture(scope="session")
def bare_page(bare_output: Path) -> str:
    """The page made from ``bare``."""
    return (bare_output / "report.html").read_text()


@pytest.fixture(scope="session")
def odd_page(bare: Inputs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of real stations, all with labels; no interval and no time is known."""
    return made_once(tmp_path_factory, "odd_page", lambda folder: _write_odd(bare, folder))


def _write_odd(bare: Inputs, folder: Path) -> str:
    table = read_benchmark(bare.benchmark)
    table[["low", "high", "seconds"]] = np.nan
    write_benchmark(table, folder / "benchmark.csv")
    sites = read_sites(bare.sites)
    write_sites(sites[sites["no2"].notna()], folder / "sites.parquet")
    odd = bare.but(
        benchmark=folder / "benchmark.csv", sites=folder / "sites.parquet", simulated=False,
        dataset='<b>&"',
    )  # fmt: skip
    return odd.write(folder / "report.html")


@pytest.fixture(scope="session")
def material(inputs: Inputs) -> Material:
    """The inputs, read, without the patches."""
    return Material(
        read_benchmark(inputs.benchmark), read_predictions(inputs.predictions),
        read_sites(inputs.sites), read_comparisons(inputs.comparisons),
        read_losses(inputs.losses), read_timings(inputs.timings),
        training_distances(read_sites(inputs.sites), inputs.config), None, "default", True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def nothing(material: Material) -> Material:
    """A run of which nothing is left but the sites."""
    empty = {name: getattr(material, name).iloc[:0] for name in
             ("table", "predictions", "comparisons", "timings", "distances")}  # fmt: skip
    return replace(material, **empty, losses=pd.DataFrame())


@pytest.fixture(scope="session")
def output(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the page and its plots, made from ``inputs``."""
    return _written_once(tmp_path_factory, "output", inputs)


@pytest.fixture(scope="session")
def page(output: Path) -> str:
    """The page made from ``inputs``."""
    return (output / "report.html").read_text()
