"""Verbs from pretraining to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmaq import archive
from mmaq.cli.run import ConfigFile, begin

app = typer.Typer()


@app.command()
def pretrain(
    config: ConfigFile = None,
    method: Annotated[str | None, typer.Option(help="Method; none: the configured one.")] = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes, on each node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
) -> None:
    """Pretrain a method; goes on from its last checkpoint."""
    from mmaq.config.load import change
    from mmaq.training.pretrain import pretrain as run_stage

    run = begin(config)
    name = method or run.config.pretrain.method
    checked = change(run.config, "pretrain", {"method": name}, "the command line").pretrain
    paths, settings = run.paths, checked.of(checked.method)
    run_stage(paths.patches, paths.sites, settings, paths.checkpoints, devices, nodes)


@app.command()
def evaluate(config: ConfigFile = None) -> None:
    """Evaluate references, probes and trained networks into the benchmark table."""
    from mmaq import evaluation

    run = begin(config)
    settings, name = run.config.evaluate, run.config.name
    data = (run.paths.sites, run.paths.patches)
    truth = run.paths.archive if run.collection(archive.TRUTH) else None
    for part in run.parts:
        out = run.of(part, "csv"), run.of(part, "parquet")
        method, split = part.method, part.split
        match part.protocol:
            case "references":
                evaluation.evaluate_references(*data, truth, settings, name, *out)
            case "probes":
                checkpoint = run.encoders(method)
                evaluation.evaluate_probes(*data, checkpoint, settings, name, method, *out)
            case "finetune":
                checkpoint = run.encoders(method)
                evaluation.evaluate_finetune(*data, checkpoint, settings, name, method, split, *out)
            case "scratch" | "supervised" as protocol:
                evaluation.evaluate_supervised(
                    *data, run.config.pretrain.encoders, settings, name, protocol, method, split,
                    *out,
                )  # fmt: skip
    evaluation.join_parts([run.of(part, "csv") for part in run.parts], run.paths.benchmark)


@app.command()
def report(config: ConfigFile = None) -> None:
    """Write the report page from the benchmark table."""
    from mmaq.report import write_report

    run = begin(config)
    losses = run.paths.checkpoints / f"{run.config.pretrain.method}_losses.csv"
    write_report(
        run.paths.benchmark,
        [run.of(part, "parquet") for part in run.parts],
        run.paths.comparisons if run.paths.comparisons.exists() else None,
        run.paths.sites,
        run.paths.patches if run.paths.patches.exists() else None,
        losses if losses.exists() else None,
        sorted(Path("logs", run.config.name, "timings").glob("*.tsv")),
        dataset=run.config.name,
        simulated=run.config.source == "simulate",
        out=run.paths.report,
    )
