"""Evaluation: splits, references, probes, fine-tuning, supervised training and intervals."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, Field

from mmaq.config.base import Count, Positive, Section
from mmaq.config.learning import MethodName

Split = Literal["random", "blocks", "country"]
Pretrained = Literal[MethodName, "mmaq_s2"]
Learned = Literal[MethodName, "mmaq_s2", "random_init"]
SupervisedName = Literal["aqnet", "two_stream"]
Reference = Literal[
    "mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging", "gbm_pixels", "oracle", "oracle_inputs"
]  # fmt: skip
T = TypeVar("T")


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names something twice")
    return values


Once = AfterValidator(_once)


class Finetune(Section):
    """Fine-tuning of the encoders on one hold-out a seed, from the probe's solution."""

    methods: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq", "mmaq_s2", "decur", "barlow_twins"),
        description="Methods that are fine-tuned.",
    )
    epochs: Count = Field(default=6, description="Passes over the training stations.")
    batch_size: Count = Field(default=64, description="Stations in a batch.")
    learning_rate: Positive = Field(default=1e-3, description="AdamW rate of the head.")
    encoder_rate: Positive = Field(
        default=0.3, description="Rate of the encoders as a share of the head's."
    )
    weight_decay: float = Field(default=1e-4, ge=0, description="AdamW weight decay.")


class Supervised(Section):
    """Training from random weights on the training stations alone, one hold-out a seed."""

    methods: Annotated[tuple[SupervisedName, ...], Once] = Field(
        default=("aqnet",), description="Networks of supervised papers."
    )
    scratch: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq",), description="Methods whose encoders are trained without pretraining."
    )
    epochs: Count = Field(default=8, description="Passes over the training stations.")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        default=64, description="Stations in a batch, at least: a remainder joins the others."
    )
    learning_rate: Positive = Field(default=3e-3, description="AdamW rate, falls along a cosine.")
    weight_decay: float = Field(default=1e-3, ge=0, description="AdamW weight decay.")


class Evaluate(Section):
    """What stands in the benchmark table."""

    splits: Annotated[tuple[Split, ...], Once] = Field(
        default=("random", "blocks"), description="How stations are parted into folds."
    )
    folds: Annotated[int, Field(ge=2)] = Field(default=5, description="Folds of each split.")
    seeds: Annotated[tuple[int, ...], Once] = Field(
        default=(0, 1, 2), min_length=1, description="Seeds of the folds and of the runs."
    )
    buffer_km: float = Field(
        default=10.0,
        ge=0,
        description="Training stations nearer than this to a test station are left out (blocks).",
    )
    references: Annotated[tuple[Reference, ...], Once] = Field(
        default=("mean", "ridge", "gbm", "gbm_geo", "gbm_pixels", "oracle", "oracle_inputs"),
        description="Reference methods, which need no network.",
    )
    probes: Annotated[tuple[Learned, ...], Once] = Field(
        default=("mmaq", "mmaq_s2", "decur", "barlow_twins", "random_init"),
        description="Encoders under the linear and the fused probe.",
    )
    finetune: Finetune = Finetune()
    supervised: Supervised = Supervised()
    bootstrap: Count = Field(default=1000, description="Resamples of the stations.")
    threads: Count = Field(default=1, description="Torch threads of each evaluation job.")


def checkpoint_of(method: str) -> str:
    """The pretraining method whose checkpoint ``method`` (a ``Learned``) is evaluated with.

    ``mmaq_s2`` is the Sentinel-2 encoder of ``mmaq``, and ``random_init`` takes its architecture
    and normalisation; every other method has a checkpoint of its own.
    """
    return "mmaq" if method in ("mmaq_s2", "random_init") else method


def pretrained_runs(config: Evaluate) -> tuple[str, ...]:
    """Pretraining methods that the configured probes and fine-tuning need, each once, in order."""
    evaluated = (*config.probes, *config.finetune.methods)
    return tuple(dict.fromkeys(checkpoint_of(method) for method in evaluated))


class Part(NamedTuple):
    """A part of the evaluation that runs by itself. A part without a split runs on them all."""

    protocol: str
    method: str = ""
    split: str = ""

    @property
    def name(self) -> str:
        """Name of its files."""
        return "_".join(filter(None, self))


def evaluation_parts(config: Evaluate) -> list[Part]:
    """All parts: references, a part a probed method, and one a trained method and split."""
    trained = {
        "finetune": config.finetune.methods,
        "scratch": config.supervised.scratch,
        "supervised": config.supervised.methods,
    }
    return [
        Part("references"),
        *(Part("probes", method) for method in config.probes),
        *(
            Part(protocol, method, split)
            for protocol, methods in trained.items()
            for method in methods
            for split in config.splits
        ),
    ]
