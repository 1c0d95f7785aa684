"""Each name of the field, once: the schema, the contracts and the table take theirs from here.

A ``Literal`` is what the configuration accepts; a tuple in capitals is the same names in the order
of the benchmark table.
"""

from __future__ import annotations

from typing import Literal, get_args

# What is learned from, and what is predicted.

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
"""Sentinel-2 bands in the order of the patch store: B01 to B12 without B10."""

IMAGES = ("s2", "s5p")
MODALITIES = (*IMAGES, "table")
"""Sentinel-2, the Sentinel-5P column, and the land-use table."""

S5P_PRODUCT = "L2__NO2___"
"""The level-2 product of NO2 by its type in a product name."""

S5P_COLUMN = "nitrogendioxide_tropospheric_column"
"""The tropospheric NO2 column by its name in a level-2 product, mol/m2."""

AREAS = ("rural", "suburban", "urban")
StationType = Literal["traffic", "industrial", "background"]
TYPES: tuple[StationType, ...] = get_args(StationType)
"""What surrounds a station, and what it stands for, in the EEA's words."""

Pollutant = Literal["no2", "o3", "pm10", "co", "so2"]
POLLUTANTS: tuple[Pollutant, ...] = get_args(Pollutant)

TransferTask = Literal["fuel", "plume"]
TRANSFER_TASKS: tuple[TransferTask, ...] = get_args(TransferTask)

FUEL_CLASSES = ("lignite", "hard coal", "gas", "peat or oil")
"""What a power plant burns, in four classes."""

TASKS = (*POLLUTANTS, *TRANSFER_TASKS)

# Who predicts it.

MethodName = Literal[
    "mmaq", "decur", "barlow_twins", "barlow_twins_multimodal", "simclr", "vicreg", "byol",
    "moco_v2", "simsiam", "dino", "mmcl",
]  # fmt: skip
"""Self-supervised methods."""
SELF_SUPERVISED: tuple[MethodName, ...] = get_args(MethodName)

TRAINED: dict[str, tuple[str, ...]] = {
    "mmaq": MODALITIES,
    "decur": IMAGES,
    "barlow_twins": ("s2",),
    "barlow_twins_multimodal": MODALITIES,
    "simclr": ("s2",),
    "vicreg": ("s2",),
    "byol": ("s2",),
    "moco_v2": ("s2",),
    "simsiam": ("s2",),
    "dino": ("s2",),
    "mmcl": ("s2", "table"),
}
"""The modalities for which each of them has an encoder and trains it."""

Pretrained = Literal[MethodName, "mmaq_s2"]
"""Pretrained encoders; ``mmaq_s2`` is the Sentinel-2 encoder of MMAQ alone (the paper's MMAQ-)."""

Learned = Literal[MethodName, "mmaq_s2", "random_init"]
"""Encoders under the probes; ``random_init`` was never trained."""

SupervisedName = Literal["aqnet", "two_stream"]
"""Networks of supervised papers, trained from random weights."""
SUPERVISED: tuple[SupervisedName, ...] = get_args(SupervisedName)

Reference = Literal[
    "mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging", "gbm_pixels", "mosaiks", "ridge_context",
    "ridge_context_map", "gbm_context", "gbm_context_map", "gbm_context_kriging",
    "gbm_context_kriging_map", "stack_without_mmaq", "stack_without_mmaq_map", "oracle",
    "oracle_inputs",
]  # fmt: skip
"""References, which need no network."""

Mix = Literal["gbm_embedding", "stack"]
"""What reads the embedding of a pretrained encoder beside other inputs."""
MIXES: tuple[Mix, ...] = get_args(Mix)
BESIDE_MIXES: tuple[Reference, ...] = ("gbm_context_kriging", "stack_without_mmaq")
"""References that share with the stack among them what takes longest: its trees, its kriging."""

TRANSFER_REFERENCES: dict[str, tuple[str, ...]] = {
    "fuel": ("majority", "gbm_colours"), "plume": ("brightness",)
}  # fmt: skip
"""References of the transfer tasks."""

METHODS = (
    "mmaq", "mmaq_s2", "aqnet", "decur", "barlow_twins", "barlow_twins_multimodal", "simclr",
    "vicreg", "byol", "moco_v2", "simsiam", "dino", "mmcl", "two_stream", "random_init",
)  # fmt: skip
REFERENCES = (
    "mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging", "gbm_pixels", "gbm_embedding",
    "mosaiks", "ridge_context", "ridge_context_map", "gbm_context", "gbm_context_map",
    "gbm_context_kriging", "gbm_context_kriging_map", "stack", "stack_without_mmaq",
    "stack_without_mmaq_map", "oracle", "oracle_inputs", "majority", "gbm_colours", "brightness",
)  # fmt: skip

Mappable = Literal[
    Learned, SupervisedName, "mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging", "gbm_pixels",
    "gbm_embedding", "mosaiks", "ridge_context", "ridge_context_map", "gbm_context",
    "gbm_context_map", "gbm_context_kriging", "gbm_context_kriging_map", "stack",
    "stack_without_mmaq", "stack_without_mmaq_map",
]  # fmt: skip
"""Rows of the benchmark that can be fitted to predict elsewhere: all but those of the truth."""

# How it is measured.

Head = Literal["linear", "fused", "fused_all", "sgd_probe", "knn"]
"""Probes on frozen encoders."""

Scratch = Literal["scratch", "scratch_all"]
Tuned = Literal["finetune", "finetune_all", "finetune_all_map"]
"""Networks that labels train. Under ``..._all`` the head reads all that is known of a station,
under ``..._all_map`` what is known of any place."""

Protocol = Literal[Head, Tuned, Scratch, "supervised", "reference"]
"""How a row that can be fitted is fitted."""

PROTOCOLS = (
    "linear", "sgd_probe", "knn", "fused", "fused_all", "finetune", "finetune_all",
    "finetune_all_map", "scratch", "scratch_all", "frozen", "supervised", "reference",
)  # fmt: skip

Split = Literal["official", "random", "blocks", "knndm", "country"]
SPLITS: tuple[Split, ...] = get_args(Split)

LEADING: dict[str, str] = {"fuel": "accuracy", "plume": "foreground_iou"}
"""The metric of each transfer task by which methods are compared."""

METRICS = (
    "r2", "mse", "rmse", "mae", "bias", "coverage90", "width90", "interval_score90",
    "mqi", "accuracy", "macro_f1", "miou", "foreground_iou",
)  # fmt: skip
