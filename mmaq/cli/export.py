"""The verb that hands an encoder on to people who have no MMAQ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmaq.base.layout import run_name
from mmaq.cli.run import ConfigFile, begin, no_folder
from mmaq.config.schema import Config

SUFFIX = "_s2_only"
"""Of the Sentinel-2 encoder alone, which pretraining writes."""

app = typer.Typer()


@app.command()
def export(
    config: ConfigFile = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Encoders; none: MMAQ's of the first run.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Safetensors file; none: beside the checkpoint.", callback=no_folder),
    ] = None,
) -> None:
    """Write a Sentinel-2 encoder as a plain torchvision ResNet, with a card.

    The configuration is that of the data set it was trained on: the card says what that was.
    """
    from mmaq.learn.plain import export_plain

    run = begin(config)
    path = checkpoint or run.paths.checkpoints / f"{run_name('mmaq', 0)}{SUFFIX}.safetensors"
    target = out or path.with_name(f"{path.stem.removesuffix(SUFFIX)}_s2_torchvision.safetensors")
    export_plain(path, target, *_said_of(run.config))
    typer.echo(f"{target}, and its card {target.with_suffix('.md')}")


def _said_of(config: Config) -> tuple[str, str]:
    """What the encoder was trained on, and what the providers of the data ask to be said."""
    side = config.patches.s2_size
    patches = f"Patches of {side} x {side} pixels of 10 m, resampled to what the encoder sees."
    if config.source == "simulate":
        world = f"seed {config.simulate.seed}, world version {config.simulate.world_version}"
        return f"A simulated country ({world}): no image of the Earth. {patches}", ""
    if config.source == "published":
        told = "Contains Copernicus Sentinel data."
        return f"The images of a published sample table. {patches}", told
    start, end = config.period.start, config.period.end
    years = f"{start:%Y}" if start.year == end.year else f"{start:%Y}-{end:%Y}"
    told = f"Contains modified Copernicus Sentinel data {years}."
    return f"Sentinel-2 L2A of {start} to {end}, data set {config.name}. {patches}", told
