"""Groups of stations that have figures of their own: countries, areas, types."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmaq.vocabulary import AREAS, TYPES

MIN_STATIONS = 10
"""A group with fewer stations has no figures of its own."""


def station_groups(sites: pd.DataFrame) -> dict[str, np.ndarray]:
    """Whether each station belongs to a group, (n,) bool, by the group's name in the benchmark.

    A data set of one country has no groups of countries: they would say what "all" says.
    """
    countries = sites["country"].to_numpy(str)
    kinds = {f"country:{name}": countries == name for name in np.unique(countries)}
    if len(kinds) == 1:
        kinds = {}
    kinds |= {f"area:{name}": sites[name].to_numpy() == 1.0 for name in AREAS}
    kinds |= {f"type:{name}": sites[name].to_numpy() == 1.0 for name in TYPES}
    return {name: member for name, member in kinds.items() if member.sum() >= MIN_STATIONS}
