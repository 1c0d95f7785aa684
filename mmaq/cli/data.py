"""Verbs from the raw archive to the patches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmaq import archive
from mmaq.cli.run import CORES, ConfigFile, Workers, begin
from mmaq.errors import ConfigError

app = typer.Typer()


@app.command()
def simulate(config: ConfigFile = None, workers: Workers = CORES) -> None:
    """Make the raw archive of a simulated country."""
    from mmaq.simulate import simulate as run_stage

    run = begin(config)
    run_stage(run.config.simulate, run.config.period, run.paths.archive, workers=workers)


@app.command()
def plants(config: ConfigFile = None) -> None:
    """Read scenes of power plants into their store; a simulated country's are made first."""
    from mmaq.transfer import prepare_plants

    run = begin(config)
    if not run.transfer_parts:
        fault = "there are no scenes of power plants"
        raise ConfigError("transfer", fault, "Set transfer.images, and transfer.tasks")
    if run.config.transfer.images is None:
        from mmaq.simulate.plants import simulate_plants

        settings = run.config.simulate, run.config.period, run.config.transfer
        simulate_plants(*settings, run.paths.plant_scenes)
    prepare_plants(run.plant_scenes, run.paths.plants)


@app.command()
def grid(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Level-2 granules; none: those of the archive.")
    ] = None,
    config: ConfigFile = None,
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="West, south, east, north in degrees.", metavar="W S E N"),
    ] = None,
    resolution: Annotated[float | None, typer.Option(help="Cell size in degrees.")] = None,
    variable: Annotated[str | None, typer.Option(help="Column to grid, by its name.")] = None,
    qa: Annotated[float | None, typer.Option(help="Use pixels with qa_value above this.")] = None,
    strict: Annotated[bool | None, typer.Option(help="Stop at a broken granule.")] = None,
    out: Annotated[Path | None, typer.Option(help="Level-3 file; none: the workflow's.")] = None,
    workers: Annotated[int, typer.Option(help="Threads that read ahead.", min=1)] = CORES,
) -> None:
    """Grid Sentinel-5P level 2 to a level-3 mean.

    Options go before the grid section of the configuration, which has more of them.
    """
    from mmaq.config.load import change
    from mmaq.sentinel5p import grid_files, grid_part, merge_parts

    run = begin(config)
    given = {
        "bbox": bbox, "resolution": resolution, "variable": variable, "qa": qa, "strict": strict
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    settings = change(run.config, "grid", changes, "the command line").grid
    out = out or run.paths.grid
    if files:
        grid_files(files, settings, out, workers)
        return
    parts = run.config.period.parts(settings.part)
    for name, (start, end) in parts.items():
        part = run.paths.grid_part(name)
        if run.config.drops_granules:
            from mmaq.acquire.fetch import grid_and_drop

            manifest = run.paths.manifest(archive.SENTINEL5P)
            grid_and_drop(
                manifest, run.config.acquire, settings, start, end, part, run.paths.passing, workers
            )
        else:
            grid_part(run.paths.archive, settings, start, end, part, workers)
    merge_parts([run.paths.grid_part(name) for name in parts], settings, out)


@app.command()
def landuse(config: ConfigFile = None) -> None:
    """Make the site table: land-use features and targets."""
    from mmaq.landuse import build_published_sites, build_sites

    run = begin(config)
    settings = run.config.landuse
    if run.config.source == "published":
        build_published_sites(run.config.published, settings, run.paths.sites)
    else:
        build_sites(run.paths.archive, settings, run.config.period, run.paths.sites)


@app.command()
def patches(config: ConfigFile = None, workers: Workers = CORES) -> None:
    """Cut the pixels around each site into the patch store."""
    from mmaq.patches.build import build_patches
    from mmaq.patches.published import build_published_patches

    run = begin(config)
    settings, paths = run.config.patches, run.paths
    if run.config.source == "published":
        build_published_patches(run.config.published, settings, paths.sites, paths.patches)
    else:
        l3 = paths.grid if run.has_columns else None
        build_patches(paths.archive, paths.sites, l3, settings, paths.patches, workers=workers)
