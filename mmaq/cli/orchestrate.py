"""Verbs about DVC beside Snakemake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

dvc = typer.Typer(no_args_is_help=True, help="The pipeline as DVC sees it.")

app.add_typer(dvc, name="dvc")


@dvc.command()
def write(
    config: Annotated[Path, typer.Option(help="Whole configuration of the data set.")] = Path(
        "config/config.yaml"
    ),
) -> None:
    """Write dvc.yaml from the workflow."""
    from mmaq.orchestrate.dvc_file import write_dvc_yaml

    write_dvc_yaml(config)


@app.command()
def sync() -> None:
    """After `dvc pull` or `dvc checkout`: tell Snakemake what is up to date."""
    from mmaq.orchestrate.sync import sync as run_sync

    typer.echo(f"up to date: {', '.join(run_sync())}")
