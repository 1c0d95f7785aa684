"""The smallest data set, made once for all files of this room."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.once import made_once
from tests.orchestration.project import CONFIG, TARGETS, Project


@dataclass(frozen=True)
class FirstVersion:
    """A project whose data set `dvc repro` made, in a version v1 of git."""

    project: Project
    table: Path
    """A copy of its benchmark table, which stays as it is."""
    said: str
    """By `dvc repro`."""


def _make(folder: Path) -> FirstVersion:
    project = Project.copied(folder / "first")
    project.mmaq("dvc", "write", "--config", CONFIG)
    project.git("init", "--quiet")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "The project")
    said = project.dvc("repro")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "The data set")
    project.git("tag", "v1")
    table = shutil.copy(project.folder / TARGETS[0], folder / "benchmark.csv")
    return FirstVersion(project, table, said)


@pytest.fixture(scope="session")
def first_version(tmp_path_factory):
    return made_once(tmp_path_factory, "first_version", _make)
