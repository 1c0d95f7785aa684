"""Verbs about Snakemake, and DVC beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mmaq.cli.run import ConfigFile

app = typer.Typer()

dvc = typer.Typer(no_args_is_help=True, help="The pipeline as DVC sees it.")

app.add_typer(dvc, name="dvc")


class _PassedOn(TyperCommand):
    """A command whose arguments are another program's, all but ``--help`` alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = list(args)
        super().parse_args(ctx, given if given == ["--help"] else [])
        ctx.args = given
        return given


@app.command(cls=_PassedOn)
def run(context: typer.Context) -> None:
    """Run Snakemake with the arguments that follow; after a kill the same command goes on.

    A folder whose run was killed is unlocked, and a second run beside a live one is refused.
    """
    from mmaq.orchestrate.run import run_snakemake

    sys.exit(run_snakemake(context.args))


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


@app.command()
def status(config: ConfigFile = None) -> None:
    """Say which outputs are up to date, stale or missing, and where the logs are.

    Nothing is started.
    """
    from mmaq.orchestrate.status import outputs, page

    typer.echo(page(config, outputs(config)))
