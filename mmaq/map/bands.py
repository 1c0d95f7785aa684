"""The bands of a map: their names, units and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmaq.contracts.estimator import Tier


@dataclass(frozen=True)
class Band:
    """A band by its name, the unit of its values, and one line about it."""

    name: str
    unit: str
    about: str


def bands_of(pollutant: str, limits: Sequence[float], tiers: Sequence[Tier]) -> list[Band]:
    """The bands of a map in their order.

    Args:
        pollutant: what is mapped, the name of the first band.
        limits: concentrations whose exceedance is mapped, ug/m3.
        tiers: of the estimator; the band ``inputs`` holds their numbers, from 1.
    """
    unit, shown = "ug m-3", pollutant.upper()
    numbers = ", ".join(f"{n} {tier.inputs or 'nothing'}" for n, tier in enumerate(tiers, 1))
    return [
        Band(pollutant, unit, f"Mean {shown} at the ground over the period"),
        Band("low", unit, "Lower end of the 90 % interval"),
        Band("high", unit, "Upper end of the 90 % interval"),
        *(
            Band(f"p_above_{limit:g}", "1", f"Probability that {shown} exceeds {limit:g} ug m-3")
            for limit in limits
        ),
        Band(
            "dissimilarity", "1",
            "Distance to the nearest training station in the features that count, "
            "as a share of the largest at which errors are known: above 1 the estimator guesses",
        ),
        Band("inputs", "1", f"What the value rests on: {numbers}"),
    ]  # fmt: skip
