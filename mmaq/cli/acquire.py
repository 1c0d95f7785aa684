"""The verb ``acquire``: the raw archive, from files or from the services, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmaq.cli.run import CORES, ConfigFile, Run, Workers, begin

app = typer.Typer(invoke_without_command=True)


@app.callback()
def acquire(context: typer.Context, config: ConfigFile = None, workers: Workers = CORES) -> None:
    """Make the raw archive from files that you have, or from the services.

    With ``source: acquire`` the services are searched first, unless a former search is there.
    """
    if context.invoked_subcommand is not None:
        if config is not None:
            raise typer.BadParameter("give --config after the name of the verb", context)
        return
    run = begin(config)
    if run.config.source != "acquire":
        from mmaq.acquire.files import catalogue

        catalogue(run.config.files, run.paths.archive)
        return
    _search(run)
    _fetch(run, workers)


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
    from mmaq.acquire.search import search

    run = begin(config)
    if estimate:
        typer.echo(page(*estimated(run.config)))
        return
    given = run.config
    search(given.acquire, given.period, given.landuse, given.patches, run.paths.manifests)
    typer.echo(page(planned(run.config, run.paths.manifests)))


@app.command()
def zenodo(
    record: Annotated[str, typer.Argument(help="Number of the record, for example 5764262.")],
    out: Annotated[Path, typer.Option(help="Folder to put its files in.")],
) -> None:
    """Download a published data set from Zenodo, verify and unpack it."""
    from mmaq.acquire.ground.zenodo import fetch_zenodo

    typer.echo(fetch_zenodo(record, out))


def _search(run: Run) -> None:
    """Search, unless every manifest is there: the archive follows the search it began with."""
    from mmaq.acquire.manifest import REMEDY, SITES, manifest_names
    from mmaq.acquire.search import ASKED, search, settings_of
    from mmaq.errors import ArchiveError
    from mmaq.files import read_json

    folder = run.paths.manifests
    wanted = [f"{name}.json" for name in manifest_names(run.config.acquire)]
    given = run.config
    settings = (given.acquire, given.period, given.landuse, given.patches)
    if not all((folder / name).exists() for name in [*wanted, SITES]):
        search(*settings, folder)
    elif read_json(folder / ASKED, ArchiveError, REMEDY) != settings_of(*settings):
        fault = "these manifests were searched for with other settings than the configuration's"
        raise ArchiveError(folder, fault, REMEDY)


def _fetch(run: Run, workers: int) -> None:
    from mmaq.acquire.fetch import fetch_granules, fetch_sentinel2
    from mmaq.acquire.ground import fetch_maps, fetch_stations
    from mmaq.acquire.manifest import SITES, manifest_names
    from mmaq.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS

    paths, asked = run.paths, run.config.acquire
    sites, names = paths.manifests / SITES, manifest_names(asked)
    fetch_stations(paths.manifest(STATIONS), sites, asked, paths.archive, workers)
    fetch_maps(paths.manifest(ANCILLARY), sites, asked, paths.archive, workers)
    if SENTINEL2 in names:
        patches = run.config.patches
        manifest = paths.manifest(SENTINEL2)
        fetch_sentinel2(manifest, sites, asked, patches, paths.archive, workers)
    if SENTINEL5P in names and asked.sentinel5p.keep:
        fetch_granules(paths.manifest(SENTINEL5P), asked, paths.archive, workers)
