"""The verb that looks at this installation and this machine. It asks no service."""

from __future__ import annotations

import ast
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import typer
from packaging.requirements import Requirement

from mmaq import __version__
from mmaq.base.digest import PACKAGE, code_files
from mmaq.base.errors import ConfigError, MmaqError
from mmaq.base.extras import extra_of
from mmaq.base.machine import memory_mb
from mmaq.cli.run import CORES, ConfigFile, begin
from mmaq.orchestrate.interpreter import check_interpreter

ROOMS = {
    "simulate": "simulate", "acquire": "acquire", "sentinel5p": "grid", "landuse": "landuse",
    "patches": "patches", "learn": "pretrain", "evaluate": "evaluate: every row of stations",
    "transfer": "plants; evaluate: every row of fuel and plume", "predict": "fit, predict",
    "report": "report", "map": "map, exposure",
}  # fmt: skip
"""What is lost where a room's stages lack a package."""

EXTRAS = {
    "data": "from raw files to the patch store",
    "train": "from the patch store to estimators and test predictions",
    "report": "mmaq report",
    "workflow": "snakemake, mmaq run",
    "all": "the four above",
    "dev": "make test, make check",
    "orchestration": "dvc repro, mmaq sync; profiles/slurm",
    "tracking": "pretrain.loggers: TensorBoard, Weights & Biases",
    "docs": "make docs",
}
"""What each extra of pyproject.toml enables."""
ENABLING = ("data", "train", "report", "workflow")
"""Extras without which rows of the benchmark are lost."""

app = typer.Typer()


class Package(NamedTuple):
    """A requirement of MMAQ, and the version that is installed ("" for none)."""

    name: str
    wanted: str
    version: str
    fits: bool


@app.command()
def doctor(config: ConfigFile = None) -> None:
    """Say what is installed and enabled, which credentials are there, and what the machine has.

    Nothing is asked of any service, and no credential is shown. Ends with status 1 where a
    required package is missing, too old or broken, or Snakemake could not start its jobs.
    """
    endpoints = begin(config).config.acquire.endpoints
    typer.echo(f"MMAQ {__version__} in {PACKAGE}")
    typer.echo(f"Python {platform.python_version()} ({sys.executable}), {platform.platform()}")
    faults = [*_tell_packages(), *_loading_faults(), *_interpreter_faults()]
    _tell_credentials(endpoints)
    _tell_machine()
    for fault in faults:
        typer.echo(f"FAULT: {fault}")
    if faults:
        raise typer.Exit(1)


def requirements(extra: str = "") -> list[Package]:
    """What MMAQ requires, by itself or for an extra, beside what is installed.

    Raises:
        ConfigError: MMAQ itself is not installed, so that nobody knows.
    """
    try:
        wanted = map(Requirement, metadata.requires("mmaq") or [])
    except metadata.PackageNotFoundError:
        fault = "it is not installed, only its sources are here"
        raise ConfigError("mmaq", fault, "Install it: pip install -e .") from None
    return [_installed(each) for each in wanted if _is_for(extra, each)]


def _is_for(extra: str, wanted: Requirement) -> bool:
    if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
        return not extra
    return wanted.marker.evaluate({"extra": extra})


def _installed(wanted: Requirement) -> Package:
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Package(wanted.name, str(wanted.specifier), "", False)
    fits = wanted.specifier.contains(version, prereleases=True)
    return Package(wanted.name, str(wanted.specifier), version, fits)


def lacking(room: str) -> set[str]:
    """Modules that the code of a room's stages imports, and that are not installed."""
    stage = PACKAGE / room / "stage.py"
    functions = [
        f"mmaq.{room}.stage.{each.name}" for each in ast.parse(stage.read_bytes()).body
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")
    ]  # fmt: skip
    files = [path for path in code_files(*functions) if path.suffix == ".py"]
    named = {name.partition(".")[0] for path in files for name in _imports(path)}
    return {name for name in named if find_spec(name) is None}


def _imports(path: Path) -> Iterator[str]:
    for each in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.ImportFrom) and each.module:
            yield each.module


def _tell_packages() -> Iterator[str]:
    """Print packages, extras and what they enable; gives the faults."""
    required = requirements()
    told = ", ".join(f"{each.name} {each.version}" for each in required if each.version)
    typer.echo("\npackages")
    typer.echo(fill(told, 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))
    unfit = [each for each in required if not each.fits]
    for each in unfit:
        state = f"{each.version} is installed" if each.version else "it is not installed"
        wanted = f"{each.name}{each.wanted}"
        yield f"{each.name}: {state}, {each.wanted} is required. Give: pip install '{wanted}'"
    optional: set[str] = set()
    enabled = not unfit
    typer.echo("\nextras")
    for extra, use in EXTRAS.items():
        packages = requirements(extra)
        missing = [each.name for each in packages if not each.fits]
        if extra in ENABLING:
            enabled &= not missing
        else:
            optional |= {each.name for each in packages}
        state = f"lacks {', '.join(missing)}" if missing else "installed"
        typer.echo(f"  {extra} ({use}): {state}")
    typer.echo("\nrows of the benchmark")
    # Reading the sources takes seconds, and tells nothing where all is there.
    lost = {} if enabled else {room: lacking(room) - optional for room in ROOMS}
    for room, names in lost.items():
        if names:
            extras = sorted({each for each in map(extra_of, names) if each in ENABLING})
            remedy = f". Give: pip install 'mmaq[{','.join(extras)}]'" if extras else ""
            typer.echo(f"  {ROOMS[room]}: lacks {', '.join(sorted(names))}{remedy}")
    if not any(lost.values()):
        typer.echo("  all are enabled")


def _loading_faults() -> Iterator[str]:
    """The package that needs a library of the system, which pip cannot install."""
    try:
        import_module("mmaq.estimators.boosting")
    except ImportError:  # told among the packages
        return
    except OSError as fault:
        yield f"lightgbm: it cannot be loaded ({fault}). Install the system's libgomp1"


def _interpreter_faults() -> Iterator[str]:
    try:
        check_interpreter(sys.executable)
    except ConfigError as fault:
        yield str(fault)


def _tell_credentials(endpoints: dict[str, str]) -> None:
    typer.echo("\ncredentials (from the environment, .netrc or a service's own file; never shown)")
    try:
        from mmaq.acquire.services.auth import credentials, described
        from mmaq.acquire.services.endpoints import SERVICES, service
    except ImportError as fault:
        typer.echo(f"  cannot be looked for: {fault}")
        return
    for name in (name for name, each in SERVICES.items() if each.credentials != "none"):
        asked = service(name, endpoints)
        try:
            credentials(asked.credentials, asked.host)
            state = "there"
        except MmaqError as fault:
            absent = "none is found" in fault.fault
            state = "none" if absent else f"not readable: {fault.where} is {fault.fault}"
        except OSError as fault:
            state = f"not readable: {fault.filename}: {fault.strerror}"
        typer.echo(f"  {described(asked.credentials)}: {state}")


def _tell_machine() -> None:
    memory = memory_mb() / 1000
    typer.echo("\nmachine")
    typer.echo(f"  {CORES} cores, {memory:.1f} GB of memory for jobs, of about 2 GB each")
    for path in (Path.cwd(), Path(tempfile.gettempdir())):
        typer.echo(f"  {shutil.disk_usage(path).free / 1e9:.1f} GB free on the disk of {path}")
    typer.echo(f"  GPU: {_gpu()}")


def _gpu() -> str:
    driver = shutil.which("nvidia-smi") is not None
    try:
        import torch
    except ImportError:
        return "cannot be told without torch"
    if not torch.cuda.is_available():
        build = f"torch {torch.__version__} sees none"
        return f"nvidia-smi is there, but {build}" if driver else f"none ({build})"
    cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return ", ".join(f"{card.name} ({card.total_memory / 1e9:.0f} GB)" for card in cards)
