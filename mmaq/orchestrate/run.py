"""Snakemake in a folder that nobody else works in, and that goes on after a kill."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import yaml

from mmaq.base.errors import ConfigError, Stopped
from mmaq.config.load import load_config
from mmaq.config.yaml_file import read_yaml
from mmaq.orchestrate.holder import HeldFolder
from mmaq.orchestrate.interpreter import prepare_jobs

LOG = logging.getLogger(__name__)

ANSWERS = 2.0
"""Seconds that Snakemake is given to end in by itself."""


def run_snakemake(arguments: Sequence[str]) -> int:
    """Run Snakemake with these arguments; gives its exit status.

    A lock of a run whose holder is dead is removed first, and so are the jobs that it left. A stop
    of this process stops Snakemake and its jobs.

    Raises:
        ConfigError: a run is going on here, the path of Python cannot be used, a configuration
            file is no YAML, or there is no Snakemake.
        Stopped: a signal asked for it.
    """
    if find_spec("snakemake") is None:
        remedy = "Install it: pip install 'mmaq[workflow]'"
        raise ConfigError("snakemake", "it is not installed", remedy)
    prepare_jobs()
    given = _parse(arguments)
    for path in given.configfile:
        _check_file(path)
    held = HeldFolder(given.directory)
    _find_cache(held.folder)
    with held.turn():
        held.refuse_second()
        if held.is_locked:
            ended = held.end_jobs()
            LOG.info("%s: its last run was killed; jobs ended: %d", held.folder, ended)
            if _start(["--unlock", *arguments]).wait():
                raise ConfigError(held.folder, "it cannot be unlocked", "See the lines above")
        snakemake = _start(arguments)
        try:
            held.take(snakemake.pid)
        except BaseException:  # a full disk, or a signal: it would go on, held by nobody
            _stop(snakemake, held)
            raise
    try:
        status = _wait(snakemake, held)
    finally:
        held.leave()
    if status < 0:
        held.end_jobs()
        name = signal.Signals(-status).name
        fault, remedy = f"Snakemake was ended by {name}", "Give the same command again"
        raise ConfigError(held.folder, fault, remedy)
    return status


def _check_file(path: Path) -> None:
    """Refuse a configuration file at which Snakemake's own reader would lose a key, or break."""
    read_yaml(path)
    try:
        yaml.safe_load(path.read_bytes())
    except ValueError as fault:  # a date that is none
        load_config(path)
        raise ConfigError(path, f"it holds no date where one stands ({fault})", "Mend it") from None


def _find_cache(folder: Path) -> None:
    """Let caches lie in the working folder where the home of this user cannot be written to."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    there = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(there, os.W_OK):
        os.environ["XDG_CACHE_HOME"] = str(folder / ".snakemake" / "cache")


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "snakemake", "--rerun-incomplete", *arguments]
    return subprocess.Popen(command, preexec_fn=_hear_interrupts)


def _hear_interrupts() -> None:
    """A script's background ignores SIGINT, by which Snakemake is stopped."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait(snakemake: subprocess.Popen[bytes], held: HeldFolder) -> int:
    try:
        return snakemake.wait()
    except Stopped as stopped:
        # A terminal has sent Ctrl-C to Snakemake, too; at SIGTERM it would wait for its jobs.
        if stopped.signal == signal.SIGINT and _ends(snakemake):
            held.end_jobs()
        else:
            _stop(snakemake, held)
        raise


def _stop(snakemake: subprocess.Popen[bytes], held: HeldFolder) -> None:
    """Stop Snakemake, and its jobs, for which it would wait."""
    snakemake.send_signal(signal.SIGINT)
    while not _ends(snakemake):
        held.end_jobs()
    held.end_jobs()


def _ends(snakemake: subprocess.Popen[bytes]) -> bool:
    """Whether it ends while it is waited for a little."""
    try:
        snakemake.wait(ANSWERS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Of Snakemake's arguments those that say where it works, and by which files."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-d", "--directory", type=Path, default=Path())
    parser.add_argument("--configfile", "--configfiles", type=Path, nargs="+", default=[])
    return parser.parse_known_args(list(arguments))[0]
