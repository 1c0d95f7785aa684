"""What the verbs share: a checked configuration, its paths, and options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mmaq.base.errors import ConfigError
from mmaq.base.layout import Layout
from mmaq.config.load import load_config
from mmaq.stages import Run

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file of changes to the defaults.")
]

Workers = Annotated[int, typer.Option(help="Processes side by side.", min=1)]

CORES = os.cpu_count() or 1


def no_folder(path: Path | None) -> Path | None:
    """A file that a verb is to write, refused before any work where a folder stands in its place.

    Raises:
        ConfigError: it is a folder.
    """
    if path is not None and path.is_dir():
        raise ConfigError(path, "it is a folder", "Name a file")
    return path


def begin(path: Path | None, workers: int = 1) -> Run:
    """Check a configuration file; none gives the defaults."""
    config = load_config(path)
    return Run(config, Layout(config.name), workers)
