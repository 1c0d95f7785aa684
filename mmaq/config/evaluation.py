"""Evaluation: splits, probes, references, fine-tuning and intervals."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mmaq.config.base import Count, Positive, Section

Split = Literal["random", "blocks", "country"]
Learned = Literal["mmaq", "mmaq_s2", "random_init"]
Reference = Literal[
    "mean", "ridge", "gbm", "gbm_geo", "gbm_pixels", "oracle", "oracle_inputs"
]  # fmt: skip


class Finetune(Section):
    """Fine-tuning of the encoders on one hold-out a seed, from the probe's solution."""

    methods: tuple[Literal["mmaq", "mmaq_s2"], ...] = Field(
        default=("mmaq", "mmaq_s2"), description="Methods that are fine-tuned."
    )
    epochs: Count = Field(default=8, description="Passes over the training stations.")
    batch_size: Count = Field(default=64, description="Stations in a batch.")
    learning_rate: Positive = Field(default=1e-4, description="AdamW rate of the head.")
    encoder_rate: Positive = Field(
        default=0.3, description="Rate of the encoders as a share of the head's."
    )
    weight_decay: float = Field(default=1e-4, ge=0, description="AdamW weight decay.")


class Evaluate(Section):
    """What stands in the benchmark table."""

    splits: tuple[Split, ...] = Field(
        default=("random", "blocks"), description="How stations are parted into folds."
    )
    folds: Annotated[int, Field(ge=2)] = Field(default=5, description="Folds of each split.")
    seeds: tuple[int, ...] = Field(
        default=(0, 1, 2), min_length=1, description="Seeds of the folds and of the runs."
    )
    buffer_km: float = Field(
        default=10.0,
        ge=0,
        description="Training stations nearer than this to a test station are left out (blocks).",
    )
    references: tuple[Reference, ...] = Field(
        default=("mean", "ridge", "gbm", "gbm_geo", "gbm_pixels", "oracle", "oracle_inputs"),
        description="Reference methods, which need no network.",
    )
    probes: tuple[Learned, ...] = Field(
        default=("mmaq", "mmaq_s2", "random_init"),
        description="Encoders under the linear and the fused probe.",
    )
    finetune: Finetune = Finetune()
    bootstrap: Count = Field(default=1000, description="Resamples of the stations.")
    threads: Count = Field(default=1, description="Torch threads of each evaluation job.")

    @field_validator("splits", "seeds", "references", "probes")
    @classmethod
    def _once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(values)) < len(values):
            raise ValueError("names something twice")
        return values
