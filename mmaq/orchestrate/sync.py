"""Tell Snakemake what DVC knows, after files came from a remote or from another version."""

from __future__ import annotations

import json
import os
import re
import subprocess
from itertools import takewhile
from pathlib import Path

from mmaq.base.errors import ConfigError
from mmaq.config.yaml_file import read_yaml


def sync() -> list[str]:
    """Record the stages that DVC calls clean as up to date in Snakemake; gives their names.

    Git and DVC give files the time of their arrival, in any order, by which Snakemake would run
    unchanged stages again. A stale stage ends it: what follows rests on it.

    Raises:
        ConfigError: there is no ``dvc.yaml`` here, a program is missing or fails, or a stage is
            stale (those before it are recorded).
    """
    path = Path("dvc.yaml")
    if not path.exists():
        raise ConfigError(path, "the file does not exist", "Run this in the project's folder")
    stages = read_yaml(path)["stages"]
    stale = _stale()
    done = list(takewhile(lambda name: name not in stale, stages))
    if done:
        _touch([stages[name]["cmd"] for name in done])
    if len(done) < len(stages):
        first = list(stages)[len(done)]
        fault = f"stage {first} is not what dvc.lock says; in order: {', '.join(done) or 'none'}"
        raise ConfigError(path, fault, "Run `dvc checkout`, or `dvc repro` to make it")
    return done


def _stale() -> set[str]:
    """Stages whose files or settings differ from ``dvc.lock``."""
    found = _run(["dvc", "status", "--json"])
    # A warning may come before the JSON.
    return set(json.loads(found[found.index("{") :]))


def _touch(commands: list[str]) -> None:
    """Let Snakemake record the outputs of stages, made by its present rules and parameters.

    Once for all of them, since it takes seconds to start: their commands differ in rules and
    targets alone. A stage of the user's own is none of Snakemake's.
    """
    ours = [command for command in commands if command.startswith("mmaq run ")]
    if not ours:
        return
    parts = [re.split(" --allowed-rules | -- ", command) for command in ours]
    starts, rules, targets = zip(*parts, strict=True)
    start = starts[0].replace("mmaq run", "snakemake --touch --forceall --cores 1", 1)
    recording = " ".join([start, "--allowed-rules", *rules, "--", *targets])
    # dvc.yaml escapes what the shell expands; no profile: nothing is run.
    shell = recording.replace(r"\${", "${")
    _run(["sh", "-c", shell], {**os.environ, "SNAKEMAKE_PROFILE": "none"})


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", check=True,
            env=environment,
        )  # fmt: skip
    except FileNotFoundError:
        fault = "the program is not installed"
        raise ConfigError(command[0], fault, "Activate the environment of `make setup`") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines() or ["no message"]
        raise ConfigError(command[-1], lines[-1], "Run it by hand to see why") from None
    return done.stdout
