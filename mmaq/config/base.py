"""What every section of the configuration shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

Share = Annotated[float, Field(ge=0.0, le=1.0)]

Positive = Annotated[float, Field(gt=0.0)]

Count = Annotated[int, Field(gt=0)]

Seed = Annotated[int, Field(ge=0, lt=2**31)]
"""What every generator of random numbers takes, also when the number of a run is added."""

CountryCode = Annotated[str, BeforeValidator(lambda value: "NO" if value is False else value)]
"""YAML reads an unquoted NO, which is Norway, as false."""

Precision = Annotated[
    Literal["auto", "float32", "bf16"],
    Field(description="auto: bf16 where it is faster (CUDA, AVX512-BF16, AMX), float32 elsewhere."),
]


NOTHING = ("", "~", "null", "Null", "NULL")
"""What YAML reads as nothing; what ``--config`` gives Snakemake hands on as text."""


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values never change.

    A stage is given a narrow section (:meth:`narrow`): the keys that decide its result, which its
    rule names, and the incidental ones. To read another key is an AttributeError, so that no stage
    can rest on a value that does not make it run again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset()
    """Keys that decide no result: where a run logs, its threads, which runs there are."""

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, value: Any, info: ValidationInfo) -> Any:
        """Mend what readers of YAML make of a word: a text of nothing, a truth value for a number.

        Raises:
            ValueError: a truth value stands where a number is asked, and would pass for 0 or 1.
        """
        kinds = list(_kinds(cls.model_fields[str(info.field_name)].annotation))
        if isinstance(value, str) and value in NOTHING and type(None) in kinds:
            return None
        numbers = any(kind in (int, float) or type(kind) is int for kind in kinds)
        if numbers and _holds_truth_value(value):
            raise ValueError("give a number; yes, no, on and off are true and false in YAML")
        return value

    def decisive(self, *names: str) -> dict[str, Any]:
        """The values of these keys, or of all that are there, less incidental ones; as in JSON.

        Raises:
            ValueError: there is no such key, or it is incidental.
        """
        there = [name for name in self.__dict__ if name not in self.INCIDENTAL]
        if not set(names) <= set(there):
            unknown = ", ".join(sorted(set(names) - set(there)))
            raise ValueError(f"{type(self).__name__} has no decisive key {unknown}")
        values = self.model_dump(mode="json")
        inner = {name: getattr(self, name) for name in names or there}
        return {
            name: value.decisive() if isinstance(value, Section) else values[name]
            for name, value in inner.items()
        }

    @classmethod
    def narrow(cls, values: Mapping[str, Any], beside: Self | None = None) -> Self:
        """A section that has these keys alone, and the incidental ones of ``beside``.

        Sections within it are as narrow as their values are.

        Raises:
            ValidationError: a value is out of range, or a key is unknown.
        """
        given = dict(values)
        if beside is not None:
            given |= {name: getattr(beside, name) for name in cls.INCIDENTAL}
        section = cls.model_validate(given)
        for name in cls.model_fields:
            inner = section.__dict__[name]
            if name not in given:
                del section.__dict__[name]  # the default that validation filled in
            elif isinstance(inner, Section) and isinstance(given[name], Mapping):
                section.__dict__[name] = type(inner).narrow(given[name])
        return section

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                fault = f"this stage was not given the key {name} of {type(self).__name__}"
                raise AttributeError(fault)
            return super().__getattr__(name)


def _kinds(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of, itself too."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _holds_truth_value(value: Any) -> bool:
    """Whether a value, or one of its items, is true or false."""
    if isinstance(value, Mapping):
        return _holds_truth_value([*value.values()])
    if isinstance(value, list | tuple):
        return any(_holds_truth_value(each) for each in value)
    return isinstance(value, bool)
