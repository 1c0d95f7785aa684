"""What Snakemake would run for a configuration: rules, their files, and the jobs between them."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmaq.base.errors import ConfigError

SNAKEFILE = Path("Snakefile")


@dataclass(frozen=True)
class Job:
    """A job with all paths as Snakemake names them, relative to the working folder."""

    rule: str
    file: str
    """The file in ``rules/`` that holds the rule."""
    script: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: dict[str, Any]
    """Its parameters; with a digest of the code that it runs under ``code``, if that counts."""


@dataclass(frozen=True)
class Workflow:
    """The rules of a configuration by name, each with its file, and the jobs of its target."""

    rules: dict[str, str]
    jobs: list[Job]


def read_workflow(config: Path) -> Workflow:
    """The rules, and the jobs of a run from nothing to the default target.

    Nothing is run; the working folder is that of the Snakefile.

    Raises:
        ConfigError: there is no Snakefile here, or the configuration is not valid.
    """
    # Snakemake takes a second to import, which other verbs need not wait for.
    from snakemake.api import SnakemakeApi
    from snakemake.settings import types as settings

    if not SNAKEFILE.exists():
        raise ConfigError(SNAKEFILE, "the file does not exist", "Run this in the project's folder")
    logging.getLogger("snakemake.logging").propagate = False  # what it prepares is of no interest
    with SnakemakeApi(settings.OutputSettings(quiet={settings.Quietness.ALL})) as api:
        opened = api.workflow(
            resource_settings=settings.ResourceSettings(cores=1),
            config_settings=settings.ConfigSettings(configfiles=[config.resolve()]),
            snakefile=SNAKEFILE,
        )
        everything = settings.DAGSettings(targets={"all"}, forceall=True)
        opened.dag(everything)
        # The public interface gives text only.
        workflow = opened._workflow
        workflow.dag_settings = everything
        workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        files = {rule.name: _here(str(rule.snakefile)) for rule in workflow.rules}
        jobs = [
            Job(
                rule=job.rule.name,
                file=files[job.rule.name],
                script=_script(files[job.rule.name], str(job.rule.script)),
                inputs=tuple(map(str, job.input)),
                outputs=tuple(map(str, job.output)),
                params=dict(job.params.items()),
            )
            for job in workflow.dag.jobs
            if job.rule.script
        ]
    return Workflow(files, sorted(jobs, key=lambda job: job.outputs))


def _script(file: str, script: str) -> str:
    return os.path.normpath(Path(file).parent / script)


def _here(path: str) -> str:
    return os.path.relpath(path)
