"""Arguments of ``run.py``: those of the released code that mean something here, by its names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from mmaq.base.errors import ConfigError
from mmaq.vocabulary import BANDS, SELF_SUPERVISED, SUPERVISED, Learned, Pretrained, TransferTask

ABOUT = (
    "Pretrain and evaluate on a folder in the published layout: a sample table (CSV), and the "
    "folders sentinel-2 and sentinel-5p that its paths lie in; or scenes of power plants."
)

TASKS = ("pretrain", "linear_eval", "fine_tune")

TRANSFER: dict[str, TransferTask] = {
    "transfer_learning": "fuel",
    "transfer_segmentation": "plume",
}
"""Transfer tasks by their names in the released code."""

SPELLINGS = {
    "barlowtwins": "barlow_twins", "mm_barlow_twins": "barlow_twins_multimodal",
    "mm_bar": "barlow_twins_multimodal", "mocov2": "moco_v2",
}  # fmt: skip
"""Names of methods in the released code that differ from those here."""

MODELS = {
    "pretrain": SELF_SUPERVISED,
    "linear_eval": get_args(Learned),
    "fine_tune": (*get_args(Pretrained), *SUPERVISED),
    **dict.fromkeys(TRANSFER, get_args(Pretrained)),
}
"""Models that each task takes."""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Check the command line. What argparse refuses ends the process with status 2.

    Options that were not given are None: their defaults are those of the configuration.

    Raises:
        ConfigError: the task does not go with the model or the data.
    """
    found = _parser().parse_args(arguments)
    _check(found)
    return found


def _check(found: argparse.Namespace) -> None:
    data = "tf_datapath" if found.task in TRANSFER else "samples_file"
    if getattr(found, data) is None:
        raise ConfigError(f"--task {found.task}", "its data are missing", f"Give --{data}")
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
    data("--samples_file", type=Path, help="sample table (CSV)")
    data("--tf_datapath", type=Path, help="scenes of power plants: images/, labels.csv, ...")
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
    learning(
        "--freeze",
        action="store_true",
        default=None,
        help="as linear_eval always does; transfer without fine-tuning",
    )
    return parser


def _model(name: str) -> str:
    return SPELLINGS.get(name, name)
