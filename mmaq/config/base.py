"""What every section of the configuration shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]

Positive = Annotated[float, Field(gt=0.0)]

Count = Annotated[int, Field(gt=0)]

Precision = Annotated[
    Literal["auto", "float32", "bf16"],
    Field(description="auto: bf16 where it is faster (CUDA, AVX512-BF16, AMX), float32 elsewhere."),
]


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values never change.

    A stage is given a narrow section (:meth:`narrow`): the keys that decide its result, which its
    rule names, and the incidental ones. To read another key is an AttributeError, so that no stage
    can rest on a value that does not make it run again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    INCIDENTAL: ClassVar[frozenset[str]] = frozenset()
    """Keys that decide no result: where a run logs, its threads, which runs there are."""

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
