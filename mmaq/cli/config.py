"""Verbs about the configuration itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmaq.cli.run import begin

app = typer.Typer(no_args_is_help=True, help="The configuration and its files.")


@app.command()
def write(folder: Annotated[Path, typer.Argument()] = Path("config")) -> None:
    """Write config.yaml, schema.json and README.md from the schema."""
    from mmaq.config.generate import write_config

    write_config(folder)


@app.command()
def check(config: Annotated[Path, typer.Argument(help="YAML file to check.")]) -> None:
    """Check a configuration file."""
    run = begin(config)
    typer.echo(f"{config}: valid, data set {run.config.name!r}")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="YAML file to write; it names the data set.")],
    source: Annotated[str, typer.Option(help="simulate, acquire, files or published.")],
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="West, south, east, north in degrees.", metavar="W S E N"),
    ] = None,
) -> None:
    """Write a short file of your own: what its source asks for, each key under its description."""
    from mmaq.config.generate import write_first

    write_first(path, source, bbox)
    typer.echo(f"{path}: written. Look at it, then: mmaq config check {path}")
