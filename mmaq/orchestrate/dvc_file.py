"""``dvc.yaml``, written from the workflow, so that the pipeline stands in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmaq.base.digest import code_files
from mmaq.base.errors import ConfigError
from mmaq.base.files import replacing
from mmaq.base.layout import Layout
from mmaq.config.load import load_config
from mmaq.config.schema import Config
from mmaq.config.yaml_file import read_yaml
from mmaq.orchestrate.stages import COMMON, STAGES, Stage, keys_of
from mmaq.orchestrate.workflow import SNAKEFILE, Job, read_workflow

DEFAULT = Path("config/config.yaml")

HEADER = "# Written by `mmaq dvc write` from the workflow; do not edit.\n"

PROGRAM = r"mmaq run --profile \${SNAKEMAKE_PROFILE:-profiles/local}"
"""What a stage runs: cores and executor are the profile's, so that neither makes it stale; and
Snakemake goes on after `dvc repro` was killed, whose lock nobody holds any more."""

FOLLOWED = ("collection.json", "labels.csv")
"""Files by which Snakemake follows a folder: a collection's, and that of scenes of plants."""


def write_dvc_yaml(config: Path) -> None:
    """Write ``dvc.yaml`` for a configuration into the working folder.

    Raises:
        ConfigError: the configuration is not valid or leaves keys out.
    """
    text = dvc_yaml(config)
    with replacing("dvc.yaml") as temporary:
        temporary.write_text(text, encoding="utf-8")


def dvc_yaml(config: Path) -> str:
    """``dvc.yaml`` of the data set that a configuration describes.

    A stage's command is one Snakemake target. It depends on what its jobs read and no job of its
    own makes, files and folders of the user among them, on its rules and adapters, on the files of
    the code that these run, and on its sections of the configuration; what its jobs make are its
    outputs.

    Raises:
        ConfigError: the configuration is not valid or leaves keys out: DVC sees no defaults.
    """
    checked = load_config(config)
    _refuse_gaps(config, checked)
    jobs = read_workflow(config).jobs
    known = {file for stage in STAGES for file in stage.files}
    for job in jobs:
        if job.file not in known:
            remedy = "Name it in mmaq/orchestrate/stages.py"
            raise ConfigError(job.file, f"its rule {job.rule} belongs to no stage", remedy)
    stages = {}
    for stage in STAGES:
        mine = [job for job in jobs if job.file in stage.files]
        if mine:
            stages[stage.name] = _stage(stage, mine, config, checked)
    document: dict[str, Any] = {
        "stages": stages, "metrics": [str(Layout(checked.name).metrics)]
    }  # fmt: skip
    curves = [path for job in jobs for path in job.outputs if path.endswith("_losses.csv")]
    if curves:
        document["plots"] = [{"loss": {"x": "step", "y": dict.fromkeys(sorted(curves), "loss")}}]
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=1000)


def _stage(stage: Stage, jobs: Sequence[Job], path: Path, config: Config) -> dict[str, Any]:
    made = {name for job in jobs for name in job.outputs}
    read = {name for job in jobs for name in job.inputs}
    paths = Layout(config.name)
    deps = {SNAKEFILE.name, COMMON, *stage.files, *(job.script for job in jobs)}
    deps |= {_products(name) for name in read - made}
    deps |= {path for job in jobs for path in job.params.get("own", ())}
    deps |= {file for script in {job.script for job in jobs if "code" in job.params}
             for file in _code(Path(script))}  # fmt: skip
    outs: list[Any] = sorted({_whole(name, paths) for name in made})
    fetches = {"archive"} | ({"grid"} if config.drops_granules else set())
    if config.source == "acquire" and stage.name in fetches:
        # DVC empties a stage's outputs before it runs; a download goes on from what is there, and
        # sums hold granules that are nowhere else any more.
        outs = [{name: {"persist": True}} for name in outs]
    last = sorted(job.outputs[0] for job in jobs if not read & set(job.outputs))
    given = [] if path == DEFAULT else ["--configfile", str(path)]
    rules = sorted({job.rule for job in jobs})
    command = [PROGRAM, *given, "--allowed-rules", *rules, "--", *last]
    return {
        "cmd": " ".join(command),
        "deps": sorted(deps),
        "params": [{str(path): keys_of(stage, config)}],
        "outs": outs,
    }


def _code(adapter: Path) -> Iterator[str]:
    """Files of the code that an adapter's stage reaches, relative to the working folder.

    DVC compares whole files, where a rule's digest leaves out what decides nothing: DVC may run a
    stage in which Snakemake then finds nothing to do, but misses no change.
    """
    here = Path.cwd()
    for node in ast.walk(ast.parse(adapter.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).endswith(".stage"):
            for path in code_files(*(f"{node.module}.{alias.name}" for alias in node.names)):
                yield str(path.relative_to(here) if path.is_relative_to(here) else path)


def _products(path: str) -> str:
    """``path``, or the folder of the products that Snakemake follows by this one file."""
    return str(Path(path).parent) if Path(path).name in FOLLOWED else path


def _whole(path: str, paths: Layout) -> str:
    """``path``, or the folder of many products and manifests that it belongs to."""
    folders = map(str, (paths.archive, paths.manifests, paths.plant_scenes))
    return next((folder for folder in folders if path.startswith(folder + "/")), path)


def _refuse_gaps(path: Path, config: Config) -> None:
    gap = _gap(config.model_dump(mode="json"), read_yaml(path) or {})
    if gap:
        fault = f"leaves out {gap}, and DVC would not see its default change"
        raise ConfigError(path, fault, "Start from a whole copy of config/config.yaml")


def _gap(whole: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    for key, value in whole.items():
        if key not in given:
            return key
        if isinstance(value, dict) and isinstance(given[key], dict):
            inner = _gap(value, given[key])
            if inner:
                return f"{key}.{inner}"
    return None
