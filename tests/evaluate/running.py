"""A part of the evaluation, and the table made of it."""

from __future__ import annotations

from mmaq.contracts.benchmark import read_benchmark
from mmaq.contracts.predictions import read_predictions
from mmaq.evaluate.stage import benchmark_table


def evaluate(stage, data, folder, config, **given):
    """Rows of the benchmark table, and the test predictions that they are made of.

    ``data`` are the paths of ``make_data``; what ``stage`` further takes is given by name.
    """
    part = {"out": folder / "part.parquet", "fits": folder / "part.csv"}
    stage(sites=data[0], store=data[1], config=config, **part, **given)
    return tabulate([folder / "part"], data[0], folder, config.bootstrap), read_predictions(
        part["out"]
    )


def tabulate(parts, sites, folder, draws=50):
    """Rows of the benchmark table of some parts, named without their suffix."""
    benchmark_table(
        predictions=[part.with_suffix(".parquet") for part in parts],
        fits=[part.with_suffix(".csv") for part in parts],
        sites=sites, block_degrees=2.0, draws=draws, dataset="made_up",
        out=folder / "benchmark.csv", metrics=folder / "metrics.json",
        comparisons=folder / "comparisons.csv",
    )  # fmt: skip
    return read_benchmark(folder / "benchmark.csv")
