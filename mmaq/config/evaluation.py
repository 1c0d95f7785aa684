"""Evaluation: splits, references, probes, fine-tuning, supervised training and intervals."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self, TypeVar, get_args

from pydantic import AfterValidator, Field, model_validator

from mmaq.config.base import Count, CountryCode, Positive, Precision, Section, Seed
from mmaq.vocabulary import (
    BESIDE_MIXES,
    MIXES,
    Head,
    Learned,
    Mappable,
    Pollutant,
    Pretrained,
    Protocol,
    Reference,
    Scratch,
    Split,
    SupervisedName,
    Tuned,
)

T = TypeVar("T")


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names something twice")
    return values


Once = AfterValidator(_once)

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Finetune(Section):
    """Fine-tuning of the encoders on one hold-out a run, from the probe's solution."""

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset({"methods", "all_inputs", "mappable"})

    methods: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq", "mmaq_s2", "decur", "barlow_twins"),
        description="Methods that are fine-tuned.",
    )
    all_inputs: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq", "decur", "barlow_twins"),
        description="Methods whose head also reads the table, maps and pixel statistics "
        "(finetune_all).",
    )
    mappable: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=(),
        description="The same without what is known of stations alone, as a map needs it "
        "(finetune_all_map).",
    )
    epochs: Count = Field(default=6, description="Passes over the training stations.")
    batch_size: Count = Field(default=64, description="Stations in a batch.")
    learning_rate: Positive = Field(default=1e-3, description="AdamW rate of the head.")
    encoder_rate: Positive = Field(
        default=0.3, description="Rate of the encoders' last layers as a share of the head's."
    )
    first_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Rate of their first layers as a share of the last's."
    )
    weight_decay: float = Field(default=1e-4, ge=0, description="AdamW weight decay.")
    precision: Precision = "auto"


class Supervised(Section):
    """Training from random weights on the training stations alone, one hold-out a run."""

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset({"methods", "scratch", "all_inputs"})

    methods: Annotated[tuple[SupervisedName, ...], Once] = Field(
        default=("aqnet",), description="Networks of supervised papers."
    )
    scratch: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq",), description="Methods whose encoders are trained without pretraining."
    )
    all_inputs: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq",), description="The same with all inputs in the head (scratch_all)."
    )
    joint: bool = Field(
        default=False,
        description="Networks of `methods` learn all pollutants at once, not each by itself.",
    )
    epochs: Count = Field(default=8, description="Passes over the training stations.")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        default=64, description="Stations in a batch, at least: a remainder joins the others."
    )
    learning_rate: Positive = Field(default=3e-3, description="AdamW rate, falls along a cosine.")
    weight_decay: float = Field(default=1e-3, ge=0, description="AdamW weight decay.")
    precision: Precision = "auto"


class Evaluate(Section):
    """What stands in the benchmark table."""

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset({"threads"})

    pollutants: Annotated[tuple[Pollutant, ...], Once] = Field(
        default=("no2",), min_length=1, description="What is predicted, each by itself."
    )
    splits: Annotated[tuple[Split, ...], Once] = Field(
        default=("random", "blocks"),
        description="How stations are split into folds; knndm: test stations are as far from "
        "training stations as the cells of their countries are from a station.",
    )
    folds: Annotated[int, Field(ge=2)] = Field(default=5, description="Folds of each split.")
    seeds: Annotated[tuple[Seed, ...], Once] = Field(
        default=(0, 1, 2),
        min_length=1,
        description="Seeds of the folds; runs take them in turn.",
    )
    block_degrees: Positive = Field(
        default=1.0,
        description="Side of the spatial blocks, origin at 0 degrees, 0 degrees; 2 suits Europe.",
    )
    buffer_km: float = Field(
        default=10.0,
        ge=0,
        description="Training stations nearer than this to a test station are left out (blocks).",
    )
    together: tuple[tuple[CountryCode, ...], ...] = Field(
        default=(), description="Countries that the split `country` leaves out as one: [[GB, IE]]."
    )
    references: Annotated[tuple[Reference, ...], Once] = Field(
        default=(
            "mean",
            "ridge",
            "gbm",
            "gbm_geo",
            "gbm_geo_kriging",
            "gbm_pixels",
            "mosaiks",
            "ridge_context",
            "ridge_context_map",
            "gbm_context",
            "gbm_context_map",
            "gbm_context_kriging",
            "stack_without_mmaq",
            "oracle",
            "oracle_inputs",
        ),
        description="Reference methods, which need no network.",
    )
    probes: Annotated[tuple[Learned, ...], Once] = Field(
        default=("mmaq", "mmaq_s2", "decur", "barlow_twins", "random_init"),
        description="Encoders under the probes.",
    )
    heads: Annotated[tuple[Head, ...], Once] = Field(
        default=("linear", "fused", "fused_all", "sgd_probe", "knn"),
        description="Probes: ridge, with the table, with all inputs, the paper's SGD head, "
        "neighbours.",
    )
    label_fractions: Annotated[tuple[Fraction, ...], Once] = Field(
        default=(0.01, 0.05, 0.1, 0.25),
        description="Shares of the labels that linear probes and ridge are also fitted on.",
    )
    mixes: Annotated[tuple[Pretrained, ...], Field(max_length=1), Once] = Field(
        default=("mmaq",),
        description="The encoder whose embedding joins other inputs in gbm_embedding and stack; "
        "or none.",
    )
    calibrated: Annotated[tuple[Learned, ...], Once] = Field(
        default=("mmaq",),
        description="Methods whose probes and fine-tuned encoders have 90 % intervals, as all "
        "references have.",
    )
    finetune: Finetune = Finetune()
    supervised: Supervised = Supervised()
    bootstrap: Count = Field(default=1000, description="Resamples of the stations.")
    threads: Count = Field(default=1, description="Torch threads of each evaluation job.")

    @property
    def beside_mixes(self) -> tuple[Reference, ...]:
        """References that are tested in the job of the mixes, with which they share members."""
        return tuple(name for name in self.references if self.mixes and name in BESIDE_MIXES)

    @property
    def by_themselves(self) -> tuple[Reference, ...]:
        """References that are tested in a job of their own."""
        return tuple(name for name in self.references if name not in self.beside_mixes)


class Predict(Section):
    """What `mmaq fit` fits, and `mmaq predict` asks."""

    method: Mappable = Field(
        default="stack_without_mmaq", description="Method, as in the benchmark table."
    )
    protocol: Protocol | None = Field(
        default=None,
        description="Protocol, as in the table; none: fused of a pretrained method, else its own.",
    )
    pollutant: Pollutant = Field(default="no2", description="What is predicted.")
    split: Split = Field(
        default="blocks",
        description="How stations are split for what is chosen and for the interval: blocks for "
        "predictions far from any station, random for places among them, knndm for a map of "
        "the stations' countries.",
    )

    @model_validator(mode="after")
    def _is_a_row(self) -> Self:
        method, protocol = self.estimator
        methods = {
            **dict.fromkeys(get_args(Head), get_args(Learned)),
            **dict.fromkeys((*get_args(Tuned), *get_args(Scratch)), get_args(Pretrained)),
            "supervised": get_args(SupervisedName),
            "reference": (*get_args(Reference), *MIXES),
        }
        if method not in methods[protocol]:
            raise ValueError(
                f"there is no estimator {method} under {protocol}. Name a method and a protocol "
                "of the benchmark table"
            )
        return self

    @property
    def estimator(self) -> tuple[str, str]:
        """Method and protocol."""
        if self.protocol is not None:
            return self.method, self.protocol
        if self.method in get_args(Learned):
            return self.method, "fused"
        supervised = self.method in get_args(SupervisedName)
        return self.method, "supervised" if supervised else "reference"

    @property
    def reads_encoders(self) -> bool:
        """Whether it needs pretrained encoders."""
        protocol = self.estimator[1]
        return self.method in MIXES or protocol in (*get_args(Head), *get_args(Tuned))
