"""``mmaq``: a verb for each stage, so that any step can be run and debugged without Snakemake.

Each verb reads and writes the same paths as the workflow does for the same configuration.
"""

from __future__ import annotations

from typing import Annotated

import typer

from mmaq import __version__
from mmaq.base.logs import one_line_errors, start_logging
from mmaq.cli import acquire, config, orchestrate, validate, verbs

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)

app.add_typer(verbs.app)
app.add_typer(validate.app)
app.add_typer(acquire.app, name="acquire")
app.add_typer(config.app, name="config")
app.add_typer(orchestrate.app)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(help=__doc__)
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="The version.")
    ] = False,
) -> None:
    """What goes before a verb."""


def main() -> None:
    """Entry point: a known fault is one line and exit status 1."""
    start_logging()
    with one_line_errors():
        app()
