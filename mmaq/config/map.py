"""Maps: which areas, how fine, and what a cell stands for."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from mmaq.config.base import Positive, Section
from mmaq.vocabulary import StationType


class Area(Section):
    """An area that is mapped."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        description="Name of its files."
    )
    bbox: tuple[float, float, float, float] | None = Field(
        default=None,
        description="West, south, east, north in degrees; none: the area of a simulated country "
        "that is seen whole.",
    )
    resolution_m: Positive = Field(default=200.0, description="Side of a cell in m.")
    land: str | None = Field(
        default=None,
        description="Raster (GeoTIFF) without data where nothing is to be mapped, such as a height "
        "that ends at the sea; none: every cell is mapped.",
    )

    @model_validator(mode="after")
    def _box(self) -> Area:
        if self.bbox is not None:
            west, south, east, north = self.bbox
            if not (-180 <= west < east <= 180 and -80 <= south < north <= 84):
                raise ValueError(
                    "bbox must be west, south, east, north in degrees, west < east, within 80 S "
                    "and 84 N"
                )
        return self


def _named_once(areas: tuple[Area, ...]) -> tuple[Area, ...]:
    if len({area.name for area in areas}) < len(areas):
        raise ValueError("two areas have one name")
    return areas


class Map(Section):
    """Maps of areas by the estimator of `predict`."""

    areas: Annotated[tuple[Area, ...], AfterValidator(_named_once)] = Field(
        default=(Area(name="city"),),
        description="Areas, each with a name, a bbox and resolution_m.",
    )
    siting: StationType = Field(
        default="background", description="Type of the station that a cell stands for."
    )
    thresholds: Annotated[tuple[Positive, ...], Field(max_length=10)] = Field(
        default=(10.0, 20.0, 40.0),
        description="Concentrations in ug/m3 whose exceedance is mapped.",
    )
    districts: str | None = Field(
        default=None,
        description="File of polygons (communes, NUTS) whose people's exposure is told; none: nine "
        "parts of each area.",
    )
    district_name: str = Field(
        default="name", description="Column of `districts` that names each polygon."
    )
