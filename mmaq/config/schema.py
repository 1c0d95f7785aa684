"""The whole configuration. These classes are the only home of defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mmaq.base.layout import RESERVED
from mmaq.config.acquire import Acquire
from mmaq.config.base import Section
from mmaq.config.data import Files, Grid, Landuse, Patches, Period, Published, Simulate
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.learning import Pretrain
from mmaq.config.map import Area, Map
from mmaq.config.transfer import Transfer
from mmaq.vocabulary import MIXES


def _free(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name} is a folder of the default data set: choose another name")
    return name


class Config(Section):
    """One data set, from its source to its report."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$"), AfterValidator(_free)] = Field(
        default="default", description="Name of the data set; its outputs have their own folder."
    )
    source: Literal["simulate", "acquire", "files", "published"] = Field(
        default="simulate",
        description="simulate: a made-up country; acquire: real services; files: products the user "
        "has; "
        "published: a sample table in the published layout.",
    )
    period: Period = Period()
    simulate: Simulate = Simulate()
    acquire: Acquire = Acquire()
    files: Files = Files()
    published: Published = Published()
    grid: Grid = Grid()
    landuse: Landuse = Landuse()
    patches: Patches = Patches()
    pretrain: Pretrain = Pretrain()
    evaluate: Evaluate = Evaluate()
    predict: Predict = Predict()
    map: Map = Map()
    transfer: Transfer = Transfer()

    @property
    def drops_granules(self) -> bool:
        """Whether Sentinel-5P granules are gridded as they come and not kept."""
        asked = self.acquire.sentinel5p
        return self.source == "acquire" and asked.provider != "none" and not asked.keep

    @property
    def pretrains(self) -> bool:
        """Whether there are sites to pretrain on: unlabelled ones, or stations that are let in."""
        acquired = self.acquire.unlabelled > 0 or self.acquire.unlabelled_table is not None
        unlabelled = {
            "simulate": self.simulate.unlabelled > 0, "acquire": acquired,
            "files": self.files.unlabelled is not None, "published": False,
        }  # fmt: skip
        return self.pretrain.transductive or unlabelled[self.source]

    @property
    def mapped(self) -> dict[str, Area]:
        """Areas that can be mapped, by name: one without a bbox is of a simulated country."""
        simulated = self.source == "simulate" and self.simulate.area_km > 0
        return {area.name: area for area in self.map.areas if area.bbox or simulated}

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """West, south, east, north in degrees of the areas that have them."""
        return [area.bbox for area in self.mapped.values() if area.bbox]

    @property
    def scenes(self) -> Transfer | None:
        """The section transfer, where there are scenes of power plants: given or simulated."""
        return self.transfer if self.source == "simulate" or self.transfer.images else None

    @property
    def fitted_encoders(self) -> str | None:
        """The method whose pretrained encoders the estimator of ``predict`` reads, if any."""
        if not self.predict.reads_encoders:
            return None
        mixed = self.predict.method in MIXES
        return self.evaluate.mixes[0] if mixed else self.predict.method

    @model_validator(mode="after")
    def _sources(self) -> Config:
        if self.source == "published" and not (
            self.published.samples and self.published.eea_metadata
        ):
            raise ValueError("source published needs published.samples and published.eea_metadata")
        if self.source == "files" and not (self.files.stations and self.files.ancillary):
            raise ValueError("source files needs files.stations and files.ancillary")
        if self.source == "acquire" and not self.grid.holds(self.acquire.bbox):
            raise ValueError("grid.bbox must hold acquire.bbox")
        if self.predict.method in MIXES and not self.evaluate.mixes:
            raise ValueError(f"predict.method {self.predict.method} needs evaluate.mixes")
        return self
