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
    """Evaluate all methods and tasks into the benchmark table; compare each with each."""
    from mmaq import evaluation
    from mmaq.transfer import evaluate_transfer

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
            case "gbm_embedding":
                checkpoint = run.encoders(method)
                evaluation.evaluate_gbm_embedding(*data, checkpoint, settings, name, method, *out)
            case "finetune":
                checkpoint = run.encoders(method)
                evaluation.evaluate_finetune(*data, checkpoint, settings, name, method, split, *out)
            case "scratch" | "supervised" as protocol:
                evaluation.evaluate_supervised(
                    *data, run.config.pretrain.encoders, settings, name, protocol, method, split,
                    *out,
                )  # fmt: skip
    for transfer in run.transfer_parts:
        evaluate_transfer(
            run.paths.plants, run.encoders(transfer.method), run.config.pretrain.encoders,
            run.config.transfer, settings.bootstrap, name, transfer, run.of(transfer, "csv"),
            run.of(transfer, "parquet"),
        )  # fmt: skip
    rows = [run.of(part, "csv") for part in run.parts]
    rows += [run.of(part, "csv") for part in run.transfer_parts]
    evaluation.join_parts(rows, run.paths.benchmark)
    evaluation.write_metrics(run.paths.benchmark, run.paths.metrics)
    predictions = [run.of(part, "parquet") for part in run.parts]
    evaluation.compare_methods(
        predictions, run.paths.sites, settings.bootstrap, name, run.paths.comparisons
    )


@app.command()
def predictor(config: ConfigFile = None) -> None:
    """Fit heads that predict NO2 from what a site has, on all stations."""
    from mmaq.prediction import fit_predictor

    run = begin(config)
    method = run.config.pretrain.method
    fit_predictor(
        run.paths.sites, run.paths.patches, run.paths.checkpoints / f"{method}.safetensors",
        run.config.evaluate, run.config.name, run.paths.predictor(method),
    )  # fmt: skip


@app.command()
def predict(
    config: ConfigFile = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A predictor, perhaps another's; none: this data set's own.")
    ] = None,
    sites: Annotated[
        Path | None, typer.Option(help="CSV with a column site_id; none: every site.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The table (CSV) to write.")] = None,
) -> None:
    """Predict NO2 with its 90 % interval at sites, and say what each prediction rests on."""
    from mmaq.prediction import predict_sites

    run = begin(config)
    own = run.paths.predictor(run.config.pretrain.method)
    predict_sites(
        run.paths.sites, run.paths.patches, checkpoint or own, sites,
        run.config.evaluate.threads, out or run.paths.predictions,
    )  # fmt: skip


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
