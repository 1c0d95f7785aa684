"""What OpenAQ's answers hold, as far as MMAQ reads them: a location, an hour of a sensor.

Source: docs.openaq.org, API v3, the resources "locations" and "measurements".
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, ValidationError

from mmaq.base.errors import ServiceError

REMEDY = "Search again later; if it stays so, the service has changed"

Entry = TypeVar("Entry", bound=BaseModel)

Utc = Annotated[
    AwareDatetime,
    Field(
        ge=datetime(1900, 1, 1, tzinfo=timezone.utc), lt=datetime(2200, 1, 1, tzinfo=timezone.utc)
    ),
    AfterValidator(lambda moment: moment.astimezone(timezone.utc)),
]
"""A time that a table of nanoseconds can hold."""


class Moment(BaseModel):
    """A time as the service tells it, in UTC and in the local zone, of which MMAQ reads UTC."""

    utc: Utc

    @property
    def day(self) -> date:
        """In UTC."""
        return self.utc.date()


class Parameter(BaseModel):
    """What a sensor measures; one in no unit is left out as those in an unknown one are."""

    name: str
    units: str | None


class Sensor(BaseModel):
    """One of a location's sensors."""

    id: int
    parameter: Parameter


class Country(BaseModel):
    """By its ISO 3166 code; places at sea have none."""

    code: str | None


class Coordinates(BaseModel):
    """In degrees."""

    latitude: float
    longitude: float


class Location(BaseModel):
    """An entry of /locations, as far as MMAQ reads it."""

    id: int
    country: Country
    coordinates: Coordinates
    isMonitor: bool
    isMobile: bool
    datetimeFirst: Moment | None
    datetimeLast: Moment | None
    sensors: list[Sensor]


class Span(BaseModel):
    """From when to when a mean was measured."""

    datetimeFrom: Moment
    datetimeTo: Moment


class Flags(BaseModel):
    """Whether anything is wrong with a mean."""

    hasFlags: bool


class Hour(BaseModel):
    """An entry of /sensors/ID/hours."""

    period: Span
    value: float | None
    flagInfo: Flags


def read_entry(kind: type[Entry], entry: Any, name: str) -> Entry:
    """An entry of the service as what it should be.

    Raises:
        ServiceError: it names the first thing that is missing or of another type.
    """
    try:
        return kind.model_validate(entry)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its fields"
        raise ServiceError("openaq", f"{name} lacks {where} ({first['msg']})", REMEDY) from None
