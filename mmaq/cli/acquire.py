"""The verb ``acquire``: the raw archive, from files or from the services, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmaq.base.errors import ArchiveError
from mmaq.base.files import read_json
from mmaq.cli.run import CORES, ConfigFile, Workers, begin
from mmaq.stages import Run, run_stages

FETCHING = ("fetch_stations", "fetch_maps", "fetch_sentinel2", "fetch_sentinel5p")

app = typer.Typer(invoke_without_command=True)


@app.callback()
def acquire(context: typer.Context, config: ConfigFile = None, workers: Workers = CORES) -> None:
    """Make the raw archive from files that you have, or from the services.

    With ``source: acquire`` the services are searched first, unless a former search is there; with
    ``source: published`` the tables in data/raw that are not there are fetched.
    """
    if context.invoked_subcommand is not None:
        if config is not None:
            raise typer.BadParameter("give --config after the name of the verb", context)
        return
    run = begin(config, workers)
    if run.config.source != "acquire":
        run_stages(run, ["fetch_published" if run.config.source == "published" else "acquire"])
        return
    _search(run)
    run_stages(run, FETCHING)


@app.command()
def plan(
    config: ConfigFile = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Ask no service: reckon from area and period.")
    ] = False,
) -> None:
    """Search the services and print what the acquisition costs, before a byte is fetched."""
    from mmaq.acquire.estimate import estimated
    from mmaq.acquire.plan import page, planned
    from mmaq.map.size import sizes

    run = begin(config)
    if estimate:
        typer.echo(page(*estimated(run.config)))
    else:
        run_stages(run, ["acquire_plan"])
        typer.echo(page(planned(run.config, run.paths.manifests)))
    if maps := sizes(run.config):
        typer.echo("\n".join(["", "maps:", *maps]))


@app.command()
def zenodo(
    record: Annotated[str, typer.Argument(help="Number of the record, for example 5764262.")],
    out: Annotated[Path, typer.Option(help="Folder to put its files in.")],
) -> None:
    """Download a published data set from Zenodo, verify and unpack it."""
    from mmaq.acquire.ground.zenodo import fetch_zenodo

    typer.echo(fetch_zenodo(record, out))


def _search(run: Run) -> None:
    """Search, unless a whole search is there: the archive follows the one it began with."""
    from mmaq.acquire.manifest import REMEDY, SITES, manifest_names
    from mmaq.acquire.stage import ASKED, settings_of

    folder, given = run.paths.manifests, run.config
    wanted = [f"{name}.json" for name in manifest_names(given.acquire)]
    settings = settings_of(given.acquire, given.period, given.landuse, given.patches, given.boxes)
    if not all((folder / name).exists() for name in [*wanted, SITES, ASKED]):
        run_stages(run, ["acquire_plan"])
    elif read_json(folder / ASKED, ArchiveError, REMEDY) != settings:
        fault = "these manifests were searched for with other settings than the configuration's"
        raise ArchiveError(folder, fault, REMEDY)
