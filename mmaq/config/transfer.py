"""Transfer tasks: what a power plant burns, and where its plume is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from mmaq.config.base import Count, Positive, Precision, Section, Seed
from mmaq.config.evaluation import Once
from mmaq.vocabulary import Pretrained, TransferTask


class Transfer(Section):
    """Fuel classification and plume segmentation on scenes of power plants."""

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset({"threads"})

    tasks: Annotated[tuple[TransferTask, ...], Once] = Field(
        default=("fuel", "plume"), description="Tasks; empty for none."
    )
    images: str | None = Field(
        default=None,
        description="Folder in the published layout (images/, segmentation_labels/, labels.csv); "
        "without one a simulated country has simulated scenes.",
    )
    scenes: Count = Field(default=400, description="Simulated scenes.")
    plants: Annotated[int, Field(ge=4)] = Field(
        default=120, description="Simulated plants, each with several scenes."
    )
    size: Count = Field(default=64, description="Pixels a side that the encoder sees.")
    encoders: Annotated[tuple[Pretrained, ...], Once] = Field(
        default=("mmaq", "barlow_twins"),
        description="Pretrained encoders, frozen and fine-tuned, beside one from random weights.",
    )
    folds: Annotated[int, Field(ge=2)] = Field(
        default=4, description="Parts that the places are dealt out to."
    )
    holdouts: Count = Field(
        default=1,
        description="Parts that are tested, each by the next run; all of them test every place.",
    )
    seed: Seed = Field(default=0, description="Seed of the parts and of run 0; run i adds i.")
    epochs: Count = Field(default=6, description="Passes over the training scenes.")
    batch_size: Count = Field(default=16, description="Scenes in a batch.")
    learning_rate: Positive = Field(default=1e-3, description="AdamW rate of head and decoder.")
    encoder_rate: Positive = Field(
        default=0.3, description="Rate of a fine-tuned encoder as a share of the head's."
    )
    weight_decay: float = Field(default=1e-4, ge=0, description="AdamW weight decay.")
    precision: Precision = "auto"
    threads: Count = Field(default=1, description="Torch threads of each transfer job.")

    @model_validator(mode="after")
    def _parts(self) -> Self:
        if self.holdouts > self.folds:
            raise ValueError(f"{self.folds} folds cannot be held out {self.holdouts} times")
        return self
