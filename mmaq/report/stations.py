"""Groups that stations belong to: country, area, type."""

from __future__ import annotations

import pandas as pd

from mmaq.vocabulary import AREAS, TYPES

COUNTRIES = 12
"""Countries that a plot shows, those of most stations; the CSV beside it has all."""


def groups_of(sites: pd.DataFrame) -> pd.DataFrame:
    """Groups of each site: columns site_id and group ("country:DE", "area:urban"), a row a group.

    A site whose area or type is missing has no such row.
    """
    parts = [sites[["site_id"]].assign(group="country:" + sites["country"])]
    for kind, members in (("area", AREAS), ("type", TYPES)):
        for name in members:
            here = sites.loc[sites[name] == 1.0, ["site_id"]]
            parts.append(here.assign(group=f"{kind}:{name}"))
    return pd.concat(parts, ignore_index=True)


def shown_groups(sites: pd.DataFrame, present: set[str]) -> dict[str, str]:
    """Groups of ``present`` to be drawn, with words for each: area, type, then country.

    The words name the group and its number of stations.
    """
    groups = groups_of(sites[sites["no2"].notna()])
    sizes = groups["group"].value_counts()
    order = [f"area:{name}" for name in AREAS] + [f"type:{name}" for name in TYPES]
    countries = sizes[sizes.index.str.startswith("country:")]
    largest = [str(name) for name in countries.index[:COUNTRIES]] if len(countries) > 1 else []
    return {
        group: f"{group.split(':', 1)[1]}  {sizes.get(group, 0)}"
        for group in [*order, *largest]
        if group in present
    }
