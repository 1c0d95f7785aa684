"""Snakemake in a folder that nobody else works in, and that goes on after a kill."""

from __future__ import annotations

import argparse
import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mmaq.base.errors import ConfigError, Stopped
from mmaq.config.yaml_file import read_yaml
from mmaq.orchestrate.holder import HeldFolder
from mmaq.orchestrate.interpreter import prepare_jobs

LOG = logging.getLogger(__name__)

ANSWERS = 2.0
"""Seconds for Snakemake to react to Ctrl-C, which a terminal sends to it too."""


def run_snakemake(arguments: Sequence[str]) -> int:
    """Run Snakemake with these arguments; gives its exit status.

    A lock of a run whose holder is dead is removed first, and so are the jobs that it left. A stop
    of this process stops Snakemake and its jobs.

    Raises:
        ConfigError: a run is going on here, the path of Python cannot be used, or a configuration
            file is no YAML.
        Stopped: a signal asked for it.
    """
    prepare_jobs()
    given = _parse(arguments)
    for path in given.configfile:
        read_yaml(path)
    held = HeldFolder(given.directory)
    with held.turn():
        held.refuse_second()
        if held.is_locked:
            ended = held.end_jobs()
            LOG.info("%s: its last run was killed; jobs ended: %d", held.folder, ended)
            if _start([*arguments, "--unlock"]).wait():
                raise ConfigError(held.folder, "it cannot be unlocked", "See the lines above")
        snakemake = _start(arguments)
        held.take(snakemake.pid)
    try:
        status = _wait(snakemake)
    except Stopped:
        held.end_jobs()
        raise
    finally:
        held.leave()
    if status < 0:
        name = signal.Signals(-status).name
        fault, remedy = f"Snakemake was ended by {name}", "Give the same command again"
        raise ConfigError(held.folder, fault, remedy)
    return status


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "snakemake", *arguments])


def _wait(snakemake: subprocess.Popen[bytes]) -> int:
    try:
        return snakemake.wait()
    except Stopped as stopped:
        if stopped.signal == signal.SIGINT:
            try:
                snakemake.wait(ANSWERS)
            except subprocess.TimeoutExpired:
                snakemake.send_signal(signal.SIGINT)
        else:  # at SIGTERM it would wait for its jobs, perhaps for hours
            snakemake.send_signal(signal.SIGINT)
        snakemake.wait()
        raise


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Of Snakemake's arguments those that say where it works, and by which files."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-d", "--directory", type=Path, default=Path())
    parser.add_argument("--configfile", "--configfiles", type=Path, nargs="+", default=[])
    return parser.parse_known_args(list(arguments))[0]
