"""``mmaq``: a verb for each stage, so that any step can be run and debugged without Snakemake.

Each verb reads and writes the same paths as the workflow does for the same configuration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmaq import archive, layout
from mmaq.logs import one_line_errors, start_logging

if TYPE_CHECKING:
    from mmaq.config import Config

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
config_app = typer.Typer(no_args_is_help=True, help="The configuration and its files.")
app.add_typer(config_app, name="config")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file of changes to the defaults.")
]
Workers = Annotated[int, typer.Option(help="Processes side by side.")]
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Run:
    """A checked configuration and its paths."""

    config: Config
    paths: layout.Layout

    def collection(self, name: str) -> bool:
        """Whether the archive of this data set holds a collection."""
        return archive.has_collection(self.paths.archive, name)

    @property
    def encoders(self) -> Path | None:
        """The exported encoders, where pretraining has made them."""
        path = self.paths.checkpoints / "mmaq.safetensors"
        return path if path.exists() else None

    def part(self, name: str, suffix: str) -> Path:
        """One part of the evaluation."""
        return self.paths.data / "evaluation" / f"{name}.{suffix}"

    @property
    def finetuned(self) -> list[tuple[str, str]]:
        """Method and split of each fine-tuning part."""
        evaluate = self.config.evaluate
        return [(m, split) for m in evaluate.finetune.methods for split in evaluate.splits]

    @property
    def parts(self) -> list[str]:
        """Names of all evaluation parts."""
        return ["references", "probes", *(f"finetune_{m}_{split}" for m, split in self.finetuned)]


def _start(path: Path | None) -> Run:
    from mmaq.config import load_config

    config = load_config(path)
    return Run(config, layout.Layout(config.name))


@app.command()
def simulate(config: ConfigFile = None, workers: Workers = CORES) -> None:
    """Make the raw archive of a simulated country."""
    from mmaq.simulate import simulate as run_stage

    run = _start(config)
    run_stage(run.config.simulate, run.config.period, run.paths.archive, workers=workers)


@app.command()
def acquire(config: ConfigFile = None) -> None:
    """Make the raw archive from files that you already have."""
    from mmaq.acquire import catalogue

    run = _start(config)
    catalogue(run.config.files, run.paths.archive)


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

    run = _start(config)
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
        grid_part(run.paths.archive, settings, start, end, run.paths.grid_part(name), workers)
    merge_parts([run.paths.grid_part(name) for name in parts], settings, out)


@app.command()
def landuse(config: ConfigFile = None) -> None:
    """Make the site table: land-use features and targets."""
    from mmaq.landuse import build_published_sites, build_sites

    run = _start(config)
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

    run = _start(config)
    settings, paths = run.config.patches, run.paths
    if run.config.source == "published":
        build_published_patches(run.config.published, settings, paths.sites, paths.patches)
    else:
        l3 = paths.grid if run.collection(archive.SENTINEL5P) else None
        build_patches(paths.archive, paths.sites, l3, settings, paths.patches, workers=workers)


@app.command()
def pretrain(
    config: ConfigFile = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes, on each node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
) -> None:
    """Pretrain the configured method; goes on from its last checkpoint."""
    from mmaq.training import pretrain as run_stage

    run = _start(config)
    paths = run.paths
    run_stage(paths.patches, paths.sites, run.config.pretrain, paths.checkpoints, devices, nodes)


@app.command()
def evaluate(config: ConfigFile = None) -> None:
    """Evaluate references, probes and fine-tuning into the benchmark table."""
    from mmaq.evaluation import (
        evaluate_finetune,
        evaluate_probes,
        evaluate_references,
        join_parts,
    )

    run = _start(config)
    settings, name = run.config.evaluate, run.config.name
    data = (run.paths.sites, run.paths.patches)
    truth = run.paths.archive if run.collection(archive.TRUTH) else None

    def outputs(part: str) -> tuple[Path, Path]:
        return run.part(part, "csv"), run.part(part, "parquet")

    evaluate_references(*data, truth, settings, name, *outputs("references"))
    evaluate_probes(*data, run.encoders, settings, name, *outputs("probes"))
    for method, split in run.finetuned:
        out = outputs(f"finetune_{method}_{split}")
        evaluate_finetune(*data, run.encoders, settings, name, method, split, *out)
    join_parts([run.part(part, "csv") for part in run.parts], run.paths.benchmark)


@app.command()
def report(config: ConfigFile = None) -> None:
    """Write the report page from the benchmark table."""
    from mmaq.report import write_report

    run = _start(config)
    losses = run.paths.checkpoints / "mmaq_losses.csv"
    write_report(
        run.paths.benchmark,
        [run.part(part, "parquet") for part in run.parts],
        run.paths.sites,
        losses if losses.exists() else None,
        sorted(Path("logs", run.config.name, "timings").glob("*.tsv")),
        dataset=run.config.name,
        simulated=run.config.source == "simulate",
        out=run.paths.report,
    )


@config_app.command()
def write(folder: Annotated[Path, typer.Argument()] = Path("config")) -> None:
    """Write config.yaml and schema.json from the schema."""
    from mmaq.config.generate import write_config

    write_config(folder)


@config_app.command()
def check(config: Annotated[Path, typer.Argument(help="YAML file to check.")]) -> None:
    """Check a configuration file."""
    run = _start(config)
    typer.echo(f"{config}: valid, data set {run.config.name!r}")


def main() -> None:
    """Entry point: a known fault is one line and exit status 1."""
    start_logging()
    with one_line_errors():
        app()
