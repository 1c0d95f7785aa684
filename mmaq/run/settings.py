"""From the command line to a checked configuration and the paths of the run."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmaq.base.errors import ConfigError
from mmaq.base.layout import DEFAULT_NAME, Layout
from mmaq.config.load import check_config, load_config
from mmaq.config.schema import Config
from mmaq.run.arguments import TRANSFER
from mmaq.vocabulary import SUPERVISED

LOG = logging.getLogger(__name__)

SECTIONS = ("landuse", "patches", "pretrain", "evaluate", "transfer")
"""Those of the configuration that say how; where the data lie is the command line's to say."""

LEARNING = {
    "max_epochs": "epochs", "learning_rate": "learning_rate", "batch_size": "batch_size",
    "weight_decay": "weight_decay",
}  # fmt: skip

ENCODERS = {
    "network": ("pretrain.encoders.s2",),
    "s5pnet": ("pretrain.encoders.s5p",),
    "img_size": ("pretrain.encoders.s2_input", "pretrain.encoders.s5p_input"),
}


@dataclass(frozen=True)
class Run:
    """A task on a published-layout folder: ``config.published`` names its files."""

    task: str
    model: str
    config: Config
    paths: Layout
    checkpoints: Path
    encoders: Path | None
    """The checkpoint asked for by name."""
    freeze: bool
    """Whether a transfer task leaves the encoder as it is."""


def make_run(found: argparse.Namespace, paper: Path) -> Run:
    """The run that checked arguments ask for; ``paper`` is the configuration of the defaults.

    Raises:
        ConfigError: the configuration or an argument is out of range, or the name is taken.
    """
    if found.name == DEFAULT_NAME:
        fault = f"{DEFAULT_NAME} is the simulated country's"
        raise ConfigError("--name", fault, "Choose another name")
    whole = load_config(found.config or paper).model_dump(mode="json")
    values: dict[str, Any] = {name: whole[name] for name in SECTIONS}
    values |= {"name": found.name, "published": _published(found)}
    values["transfer"]["images"] = None if found.tf_datapath is None else str(found.tf_datapath)
    keys = option_keys(found.task, found.model)
    for option in ("seed", "freeze", "offline", "wandb_project", *LEARNING, *ENCODERS):
        value = getattr(found, option)
        if value is None:
            continue
        if option not in keys:
            LOG.warning("--%s has no effect on --task %s of %s", option, found.task, found.model)
        for key in keys.get(option, ()):
            _put(values, key, [value] if key.endswith(".seeds") else value)
    if found.task == "pretrain":
        _put(values, "pretrain.method", found.model)
        _put(values, "pretrain.rates", {})  # the command line names one rate
        _put(values, "pretrain.loggers.wandb", _wandb(found))
    _put(values, "pretrain.runs", 1)  # and one seed
    config = check_config(values, "the command line")
    paths = Layout(config.name)
    checkpoints = found.checkpoints_dir or paths.checkpoints
    freeze = bool(found.freeze)
    return Run(found.task, found.model, config, paths, checkpoints, found.ckpt_path, freeze)


def option_keys(task: str, model: str) -> dict[str, tuple[str, ...]]:
    """Which keys of the configuration each option sets; one that is not named has no effect."""
    if task == "pretrain":
        logger = {"wandb_project": ("pretrain.loggers.wandb_project",), "offline": ()}
        return {"seed": ("pretrain.seed",), **logger, **_learning("pretrain"), **ENCODERS}
    if task in TRANSFER:
        others: dict[str, tuple[str, ...]] = {"freeze": (), "img_size": ("transfer.size",)}
        return {"seed": ("transfer.seed",), **others, **_learning("transfer")}
    seed: dict[str, tuple[str, ...]] = {"seed": ("evaluate.seeds",)}
    if task == "linear_eval":  # a closed-form probe has no epochs, rate or batch
        return {**seed, "freeze": ()}
    if model in SUPERVISED:
        return {**seed, **_learning("evaluate.supervised"), **ENCODERS}
    return {**seed, **_learning("evaluate.finetune")}


def _learning(section: str) -> dict[str, tuple[str, ...]]:
    return {option: (f"{section}.{key}",) for option, key in LEARNING.items()}


def _published(found: argparse.Namespace) -> dict[str, str | None]:
    if found.samples_file is None:
        return {}
    return {
        "samples": str(found.samples_file),
        "images": str(found.dataroot or found.samples_file.parent),
        "eea_metadata": None if found.eea_metadata is None else str(found.eea_metadata),
    }


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for name in sections:
        values = values[name]
    values[last] = value


def _wandb(found: argparse.Namespace) -> str:
    """Whether figures go to Weights & Biases: a missing package does not stop the released command.

    The CSV of losses is written in any case.
    """
    if found.wandb_project is None:
        return "off"
    if find_spec("wandb") is None:
        LOG.warning("--wandb_project is left out: wandb is not installed (`pip install wandb`)")
        return "off"
    return "offline" if found.offline else "online"
