"""The verbs of the table of stages: those that take a configuration alone, and six with more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from mmaq.base.errors import ConfigError
from mmaq.cli.run import CORES, ConfigFile, Workers, begin, no_folder
from mmaq.config.load import change
from mmaq.stages import VERBS, Run, run_stages

app = typer.Typer()

Estimator = Annotated[
    Path | None, typer.Option(help="Perhaps another's; none: this data set's own.")
]
OneArea = Annotated[
    str | None, typer.Option(help="An area of the configuration; none: all of them.")
]


def _plain(verb: str) -> Callable[..., None]:
    """A command that runs a verb's stages for a configuration."""

    def alone(config: ConfigFile = None) -> None:
        run_stages(begin(config), VERBS[verb].stages)

    def side_by_side(config: ConfigFile = None, workers: Workers = CORES) -> None:
        run_stages(begin(config, workers), VERBS[verb].stages)

    return side_by_side if VERBS[verb].parallel else alone


@app.command(
    help=f"{VERBS['grid'].about}\n\nOptions go before the grid section of the configuration."
)
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
    out: Annotated[
        Path | None,
        typer.Option(help="Level-3 file; none: the workflow's.", callback=no_folder),
    ] = None,
    workers: Annotated[int, typer.Option(help="Threads that read ahead.", min=1)] = CORES,
) -> None:
    """Grid Sentinel-5P level 2 to a level-3 mean."""
    run = begin(config, workers)
    given = {
        "bbox": bbox, "resolution": resolution, "variable": variable, "qa": qa, "strict": strict
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    run = replace(run, config=change(run.config, "grid", changes, "the command line"))
    out = out or run.paths.grid
    if files:
        from mmaq.sentinel5p.by_hand import grid_files

        grid_files(files, run.config.grid, out, workers)
        return
    *parts, mean = VERBS["grid"].stages
    run_stages(run, parts)
    run_stages(run, [mean], out=out)


@app.command(help=VERBS["pretrain"].about)
def pretrain(
    config: ConfigFile = None,
    method: Annotated[str | None, typer.Option(help="Method; none: the configured one.")] = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes, on each node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
) -> None:
    """Pretrain a method."""
    run = replace(begin(config), devices=devices, nodes=nodes)
    if method is not None:
        changed = change(run.config, "pretrain", {"method": method}, "the command line")
        run = replace(run, config=changed)
    run_stages(run, VERBS["pretrain"].stages)


@app.command(help=VERBS["fit"].about)
def fit(
    config: ConfigFile = None,
    method: Annotated[str | None, typer.Option(help="Method of the benchmark table.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol of the benchmark table.")] = None,
    split: Annotated[
        str | None, typer.Option(help="How stations are split for choices and interval.")
    ] = None,
    stations: Annotated[
        Path | None, typer.Option(help="CSV with a column site_id; none: every station.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The estimator (safetensors) to write.", callback=no_folder),
    ] = None,
) -> None:
    """Fit an estimator."""
    run = begin(config)
    given = {"method": method, "protocol": protocol, "split": split}
    if method is not None and protocol is None:
        given["protocol"] = ""
    changes = {key: value or None for key, value in given.items() if value is not None}
    run = replace(run, config=change(run.config, "predict", changes, "the command line"))
    path = out or run.paths.estimator(*run.config.predict.estimator)
    run_stages(run, VERBS["fit"].stages, chosen=stations, out=path)


@app.command(help=VERBS["predict"].about)
def predict(
    config: ConfigFile = None,
    estimator: Estimator = None,
    sites: Annotated[
        Path | None, typer.Option(help="CSV with a column site_id; none: every site.")
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(help="A place instead, in degrees; may be repeated.", metavar="LON,LAT"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The table (CSV) to write.", callback=no_folder)
    ] = None,
) -> None:
    """Predict at sites."""
    run = begin(config)
    given: dict[str, Any] = {
        "estimator": estimator or run.paths.estimator(*run.config.predict.estimator),
        "chosen": sites, "out": out or run.paths.predictions,
    }  # fmt: skip
    if not at:
        run_stages(run, VERBS["predict"].stages, **given)
        return
    if sites is not None:
        fault = "it names places, and --sites a list of others"
        raise ConfigError("--at", fault, "Give one of the two")
    from mmaq.predict.at import cut_places, places_at

    with TemporaryDirectory() as folder:
        table, store = cut_places(
            archive=run.paths.archive, l3=run.paths.grid if run.has_columns else None,
            places=places_at(at), landuse=run.config.landuse,
            config=run.config.patches, folder=Path(folder),
        )  # fmt: skip
        path = out or Path(folder) / "predictions.csv"
        given |= {"sites": table, "store": store, "chosen": None, "out": path}
        run_stages(run, VERBS["predict"].stages, **given)
        if out is None:
            typer.echo(path.read_text(encoding="utf-8").rstrip())


@app.command("map", help=VERBS["map"].about)
def map_areas(
    config: ConfigFile = None,
    area: OneArea = None,
    estimator: Estimator = None,
    workers: Workers = CORES,
) -> None:
    """Map areas."""
    _of_areas(("map_area", "exposure"), begin(config, workers), area, estimator)


@app.command(help=VERBS["exposure"].about)
def exposure(config: ConfigFile = None, area: OneArea = None, estimator: Estimator = None) -> None:
    """Tell what people breathe."""
    _of_areas(("exposure",), begin(config), area, estimator)


def _of_areas(stages: tuple[str, ...], run: Run, area: str | None, estimator: Path | None) -> None:
    """Run stages and the map's page, which shows all of them, for one area or for all."""
    if area is not None:
        chosen = [each.model_dump() for each in run.config.map.areas if each.name == area]
        if not chosen:
            raise ConfigError("--area", f"no area is named {area!r}", "Add it to map.areas")
        run = replace(run, config=change(run.config, "map", {"areas": chosen}, "--area"))
    if not run.config.mapped:
        fault = "there is no area to map"
        raise ConfigError("map.areas", fault, "Give one with its bbox, and an archive with maps")
    # The table of this data set says nothing of another's estimator.
    given, table = ({}, {}) if estimator is None else ({"estimator": estimator}, {"table": None})
    run_stages(run, stages, **given)
    run_stages(run, ["map_page"], **given, **table)


for _name, _verb in VERBS.items():
    if _name not in ("grid", "pretrain", "fit", "predict", "map", "exposure"):
        app.command(_name, help=_verb.about)(_plain(_name))
