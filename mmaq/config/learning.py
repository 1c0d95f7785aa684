"""Pretraining: encoders, views, loss and optimiser."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmaq.config.base import Count, Positive, Section, Share


class Encoders(Section):
    """Sizes of the three encoders."""

    s2: Literal["resnet18", "resnet50"] = Field(
        default="resnet18", description="Sentinel-2 encoder."
    )
    s2_input: Count = Field(default=32, description="Pixels a side that the S2 encoder sees.")
    s5p: Literal["small", "resnet18", "resnet50"] = Field(
        default="small", description="Sentinel-5P encoder; small is a three-layer CNN."
    )
    s5p_input: Count = Field(default=16, description="Cells a side that the S5P encoder sees.")
    table_width: Count = Field(default=256, description="Hidden width of the table encoder.")


class Views(Section):
    """Probability or size of each augmentation step."""

    weak: Share = Field(
        default=0.4, description="Share of view 0 that gets the crop, flips and rotation alone."
    )
    crop_min: Share = Field(default=0.4, description="Smallest area share of a random crop.")
    flip: Share = Field(default=0.5, description="Probability of each mirror axis.")
    rotate: Share = Field(default=0.75, description="Probability of a rotation by 90 degrees.")
    jitter: Share = Field(default=0.8, description="Probability of a change of gain and offset.")
    jitter_size: float = Field(
        default=0.2, ge=0, description="Standard deviation of gain and offset, standardised units."
    )
    blur: Share = Field(default=0.3, description="Probability of a spatial Gaussian blur.")
    drop_bands: Share = Field(default=0.3, description="Probability of dropping some bands.")
    gray: Share = Field(default=0.0, description="Probability of replacing bands by their mean.")
    corrupt: Share = Field(
        default=0.4, description="Share of table features (one-hot groups as one) redrawn."
    )


class Pretrain(Section):
    """MMAQ's self-supervised run."""

    method: Literal["mmaq"] = Field(default="mmaq", description="Method, by its name.")
    seed: int = Field(default=10, ge=0, description="Seed of weights, order and views.")
    transductive: bool = Field(
        default=False,
        description="Use the stations' images too: every pretrained row is then transductive.",
    )
    encoders: Encoders = Encoders()
    views: Views = Views()
    projection: Count = Field(default=512, description="Width of the projections.")
    common_share: Share = Field(
        default=0.875, description="Share of dimensions common to S2 and S5P (448 of 512)."
    )
    lambda_off: Positive = Field(default=0.0051, description="Weight of off-diagonal terms.")
    epochs: Count = Field(default=12, description="Passes over the unlabelled sites.")
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
    threads: Count = Field(default=2, description="Torch threads on the CPU.")
