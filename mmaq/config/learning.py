"""Pretraining: encoders, views, loss and optimiser."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from mmaq.config.base import Count, Positive, Precision, Section, Seed, Share
from mmaq.config.methods import BYOL, DINO, MMCL, MoCo, SimCLR, VICReg
from mmaq.vocabulary import MethodName

SETTINGS: dict[MethodName, tuple[str, ...]] = {
    "mmaq": ("projection", "loss_form", "common_share", "lambda_off"),
    "decur": ("projection", "common_share", "lambda_off"),
    "barlow_twins": ("projection", "lambda_off"),
    "barlow_twins_multimodal": ("projection", "lambda_off"),
    "simclr": ("simclr",),
    "vicreg": ("projection", "vicreg"),
    "byol": ("projection", "byol"),
    "moco_v2": ("moco",),
    "simsiam": ("projection",),
    "dino": ("projection", "dino"),
    "mmcl": ("mmcl",),
}
"""Keys of ``Pretrain`` that a method reads besides those that all read; it is given no others."""


class Encoders(Section):
    """Sizes of the three encoders."""

    s2: Literal["resnet18", "resnet50", "vit_small"] = Field(
        default="resnet18", description="Sentinel-2 encoder."
    )
    s2_input: Count = Field(default=32, description="Pixels a side that the S2 encoder sees.")
    vit_patch: Count = Field(
        default=16,
        description="Pixels a side of a patch of vit_small, a divisor of s2_input; 4 suits 32 px.",
    )
    s5p: Literal["small", "resnet18", "resnet50"] = Field(
        default="small", description="Sentinel-5P encoder; small is a three-layer CNN."
    )
    s5p_input: Count = Field(default=16, description="Cells a side that the S5P encoder sees.")
    table_width: Count = Field(default=256, description="Hidden width of the table encoder.")

    @model_validator(mode="after")
    def _patches(self) -> Encoders:
        if self.s2 == "vit_small" and self.s2_input % self.vit_patch:
            raise ValueError("vit_patch must divide s2_input")
        return self


class Views(Section):
    """Probability or size of each augmentation step.

    By default images are flipped and turned and nothing else: crops, jitter, blur and dropped
    bands change what an air-quality encoder should see (docs/evaluation.md, "What was tuned").
    """

    weak: Share = Field(
        default=0.4, description="Share of view 0 that gets the crop, flips and rotation alone."
    )
    crop_min: Share = Field(default=1.0, description="Smallest area share of a random crop.")
    flip: Share = Field(default=0.5, description="Probability of each mirror axis.")
    rotate: Share = Field(default=0.75, description="Probability of a rotation by 90 degrees.")
    jitter: Share = Field(default=0.0, description="Probability of a change of gain and offset.")
    jitter_size: float = Field(
        default=0.2, ge=0, description="Standard deviation of gain and offset, standardised units."
    )
    blur: Share = Field(default=0.0, description="Probability of a spatial Gaussian blur.")
    drop_bands: Share = Field(default=0.0, description="Probability of dropping some bands.")
    gray: Share = Field(default=0.0, description="Probability of replacing bands by their mean.")
    corrupt: Share = Field(
        default=0.4, description="Share of table features (one-hot groups as one) redrawn."
    )


class Collapse(Section):
    """When a run counts as collapsed and stops; looked at after each epoch past the warm-up."""

    rank: float = Field(
        default=1.2, ge=0, description="Smallest effective rank of a modality's embeddings."
    )
    spread: float = Field(
        default=0.01,
        ge=0,
        description="Smallest spread of embeddings: near 1 where directions vary, 0 where none do.",
    )
    correlation: Share = Field(
        default=0.99, description="Largest mean correlation between dimensions, without its sign."
    )


Switch = Annotated[
    Literal["off", "online", "offline"],
    BeforeValidator(lambda value: "off" if value is False else value),
]
"""YAML reads an unquoted off as false."""


class Loggers(Section):
    """Where figures go besides the CSV of losses, which is always written."""

    tensorboard: bool = Field(default=False, description="Write TensorBoard events.")
    wandb: Switch = Field(
        default="off", description="Weights & Biases; offline keeps its files in checkpoints."
    )
    wandb_project: str = Field(
        default="MMAQ_Pretraining", description="Project name at Weights & Biases."
    )


class Pretrain(Section):
    """The self-supervised run."""

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset(
        {"runs", "threads", "memory_share", "checkpoint_steps", "collapse", "loggers"}
    )

    method: MethodName = Field(default="mmaq", description="Method, by its name.")
    runs: Count = Field(
        default=3,
        description="Runs of each method, each from other weights and views; a row is their mean.",
    )
    seed: Seed = Field(
        default=10, description="Seed of weights, order and views of run 0; run i adds i."
    )
    transductive: bool = Field(
        default=False,
        description="Use the stations' images too: every pretrained row is then transductive.",
    )
    encoders: Encoders = Encoders()
    views: Views = Views()
    projection: Count = Field(
        default=512,
        description="Width of the projectors; methods with a width of their own end in that.",
    )
    loss_form: Literal["balanced", "intended", "released"] = Field(
        default="balanced",
        description="MMAQ's loss: balanced weighs its terms so that each counts by its relative "
        "change; intended is the paper's formula; released is what its authors' code computes.",
    )
    common_share: Share = Field(
        default=0.875, description="Share of dimensions common to S2 and S5P (448 of 512)."
    )
    lambda_off: Positive = Field(default=0.0051, description="Weight of off-diagonal terms.")
    vicreg: VICReg = VICReg()
    simclr: SimCLR = SimCLR()
    moco: MoCo = MoCo()
    mmcl: MMCL = MMCL()
    byol: BYOL = BYOL()
    dino: DINO = DINO()
    epochs: Count = Field(default=4, description="Passes over the unlabelled sites.")
    batch_size: Count = Field(default=128, description="Sites in a batch, over all devices.")
    learning_rate: Positive = Field(
        default=2.0,
        description="LARS rate for a batch of 256; the paper's 0.2 is meant for 500 epochs.",
    )
    bias_learning_rate: Positive = Field(
        default=0.0048, description="Rate of biases, norms and loss weights for a batch of 256."
    )
    weight_decay: float = Field(default=1.5e-6, ge=0, description="Weight decay of weights.")
    warmup_share: Share = Field(default=0.1, description="Share of the steps spent warming up.")
    rates: dict[MethodName, Positive] = Field(
        default={}, description="LARS rates of methods that learn best at another one."
    )
    threads: Count = Field(default=1, description="Torch threads on the CPU.")
    precision: Precision = "auto"
    channels_last: bool = Field(
        default=True, description="Channels-last memory of kernels and images, faster on CUDA."
    )
    compile: bool = Field(
        default=False, description="torch.compile: a slow start, then faster steps on CUDA."
    )
    memory_share: Share = Field(
        default=0.5,
        description="Share of free device memory that patches may take; above it they stream.",
    )
    checkpoint_steps: Count = Field(
        default=500, description="Steps between checkpoints within a long epoch."
    )
    collapse: Collapse = Collapse()
    loggers: Loggers = Loggers()

    def of(self, method: MethodName, run: int = 0) -> Pretrain:
        """A run of one method: what all share, its seed, its rate and its own settings alone."""
        rate = self.rates.get(method, self.learning_rate)
        others = {key for keys in SETTINGS.values() for key in keys} - set(SETTINGS[method])
        given = self.model_dump(exclude={"rates", *others})
        own = {"method": method, "seed": self.seed + run, "learning_rate": rate}
        return Pretrain.narrow({**given, **own})
