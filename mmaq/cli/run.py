"""What the verbs share: a checked configuration, its paths, and options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmaq import archive
from mmaq.layout import Layout

if TYPE_CHECKING:
    from mmaq.config import Config
    from mmaq.config.parts import Part, TransferPart

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file of changes to the defaults.")
]
Workers = Annotated[int, typer.Option(help="Processes side by side.")]
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Run:
    """A checked configuration and its paths."""

    config: Config
    paths: Layout

    def collection(self, name: str) -> bool:
        """Whether the archive of this data set holds a collection."""
        return archive.has_collection(self.paths.archive, name)

    @property
    def has_columns(self) -> bool:
        """Whether this data set has Sentinel-5P, in its archive or gridded without it."""
        return self.config.drops_granules or self.collection(archive.SENTINEL5P)

    def encoders(self, method: str) -> Path | None:
        """The exported encoders that a method is evaluated by, where pretraining has made them."""
        from mmaq.config.parts import checkpoint_of

        path = self.paths.checkpoints / f"{checkpoint_of(method)}.safetensors"
        return path if path.exists() else None

    @property
    def parts(self) -> list[Part]:
        """All parts of the evaluation."""
        from mmaq.config.parts import evaluation_parts

        return evaluation_parts(self.config.evaluate)

    @property
    def transfer_parts(self) -> list[TransferPart]:
        """All parts of the transfer tasks."""
        from mmaq.config.parts import transfer_parts

        return transfer_parts(self.config.scenes)

    @property
    def plant_scenes(self) -> Path:
        """Scenes of power plants in the published layout: those given, else the simulated."""
        given = self.config.transfer.images
        return Path(given) if given else self.paths.plant_scenes

    def of(self, part: Part | TransferPart, suffix: str) -> Path:
        """A file of one part of the evaluation."""
        return self.paths.data / "evaluation" / f"{part.name}.{suffix}"


def begin(path: Path | None) -> Run:
    """Check a configuration file; none gives the defaults."""
    from mmaq.config import load_config

    config = load_config(path)
    return Run(config, Layout(config.name))
