"""Arguments of ``run.py``: those of the released code that mean something here, by its names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from mmaq.config.evaluation import Learned, Pretrained, SupervisedName
from mmaq.config.learning import MethodName
from mmaq.errors import ConfigError
from mmaq.patches.store import BANDS

ABOUT = (
    "Pretrain and evaluate on a folder in the published layout: a sample table (CSV), and the "
    "folders sentinel-2 and sentinel-5p that its paths lie in."
)
TASKS = ("pretrain", "linear_eval", "fine_tune")
TRANSFER = ("transfer_learning", "transfer_segmentation")
SPELLINGS = {
    "barlowtwins": "barlow_twins", "mm_barlow_twins": "barlow_twins_multimodal",
    "mm_bar": "barlow_twins_multimodal", "mocov2": "moco_v2",
}  # fmt: skip
"""Names of methods in the released code that differ from those here."""

SUPERVISED = get_args(SupervisedName)
MODELS = {
    "pretrain": get_args(MethodName),
    "linear_eval": get_args(Learned),
    "fine_tune": (*get_args(Pretrained), *SUPERVISED),
}
"""Models that each task takes."""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Check the command line. What argparse refuses ends the process with status 2.

    Options that were not given are None: their defaults are those of the configuration.

    Raises:
        ConfigError: the task is a transfer task, or does not go with the model or the data.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--task")
    task = first.parse_known_args(arguments)[0].task
    if task in TRANSFER:
        fault = "transfer to power plants and plumes is not part of this version"
        raise ConfigError(f"--task {task}", fault, f"Use one of: {', '.join(TASKS)}")
    found = _parser().parse_args(arguments)
    _check(found)
    return found


def _check(found: argparse.Namespace) -> None:
    if found.model not in MODELS[found.task]:
        models = ", ".join(MODELS[found.task])
        fault = f"{found.model} is no model of --task {found.task}"
        raise ConfigError("--model", fault, f"Use one of: {models}")
    if found.datatype != "multimodal":
        fault = f"{found.datatype!r} is not read; every model takes what it needs of the 12 bands"
        raise ConfigError("--datatype", fault, "Use multimodal")
    if found.channels != len(BANDS):
        fault = f"Sentinel-2 encoders read all {len(BANDS)} bands, not {found.channels}"
        raise ConfigError("--channels", fault, f"Use {len(BANDS)}, or leave it out")
    if found.task == "pretrain" and found.ckpt_path is not None:
        fault = "pretraining starts anew, or goes on from its own last checkpoint"
        raise ConfigError("--ckpt_path", fault, "Leave it out")
    if found.task == "fine_tune" and found.freeze:
        fault = "fine-tuning trains the encoders"
        raise ConfigError("--freeze", fault, "Use --task linear_eval for frozen encoders")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "run.py", description=ABOUT, allow_abbrev=False,
        epilog="Everything else is a key of the configuration: see --config.",
    )  # fmt: skip
    add = parser.add_argument
    add("--task", required=True, choices=[*TASKS, *TRANSFER])
    add("--model", default="mmaq", type=_model, help="method; mmaq_s2 is MMAQ-")
    data = parser.add_argument_group("data").add_argument
    data("--samples_file", required=True, type=Path, help="sample table (CSV)")
    data("--dataroot", type=Path, help="folder of sentinel-2/ and sentinel-5p/; none: the table's")
    data("--eea_metadata", type=Path, help="EEA station table: coordinates, for the blocks split")
    data("--datatype", default="multimodal", help="multimodal")
    data("--channels", type=int, default=len(BANDS), help="bands of Sentinel-2: 12")
    place = parser.add_argument_group("outputs").add_argument
    place("--name", default="run", help="name of folders below data, checkpoints and results")
    place("--checkpoints_dir", type=Path, help="folder of checkpoints; none: by the name")
    place("--ckpt_path", type=Path, help="encoders to evaluate; none: the named run's")
    place("--wandb_project", help="log to Weights & Biases under this project")
    place("--offline", action="store_true", default=None, help="keep what goes there in files")
    learning = parser.add_argument_group("learning").add_argument
    learning("--config", type=Path, help="YAML of settings; none: the paper's, config/paper.yaml")
    learning("--max_epochs", "--max_num_epochs", type=int, help="passes over the training sites")
    learning("--learning_rate", "--lr", type=float, help="of LARS, for a batch of 256; or the head")
    learning("--batch_size", type=int, help="sites in a batch")
    learning("--weight_decay", type=float)
    learning("--seed", type=int, help="of pretraining; or the evaluation's only one")
    learning("--network", help="Sentinel-2 encoder: resnet18, resnet50, vit_small")
    learning("--s5pnet", help="Sentinel-5P encoder: small, resnet18, resnet50")
    learning("--img_size", type=int, help="pixels a side that the image encoders see")
    learning("--freeze", action="store_true", default=None, help="as linear_eval always does")
    return parser


def _model(name: str) -> str:
    return SPELLINGS.get(name, name)
