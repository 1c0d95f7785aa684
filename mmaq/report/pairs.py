"""Paired comparisons, seen from either side."""

from __future__ import annotations

import pandas as pd

from mmaq.report.choose import KEY, Key, keys_of

OTHER = ["other_method", "other_protocol", "other_modalities"]

OPPOSITE = {"better": "worse", "worse": "better", "open": "open"}

Verdicts = dict[tuple[str, Key, Key], str]
"""By split, method and other method."""


def r2_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of R² of NO2, each pair from both sides, once.

    What is above for one is below for the other.
    """
    table = table[(table["task"] == "no2") & (table["metric"] == "r2")]
    turned = table.rename(columns=dict(zip([*KEY, *OTHER], [*OTHER, *KEY], strict=True)))
    turned = turned.assign(
        difference=-table["difference"], low=-table["high"], high=-table["low"],
        block_low=-table["block_high"], block_high=-table["block_low"],
        verdict=table["verdict"].map(OPPOSITE),
    )  # fmt: skip
    rows = pd.concat([table, turned[list(table.columns)]], ignore_index=True)
    return rows.drop_duplicates(["split", *KEY, *OTHER])


def verdicts(pairs: pd.DataFrame) -> Verdicts:
    """What ``r2_pairs`` says of each pair."""
    others = pairs[OTHER].itertuples(index=False, name=None)
    each = zip(pairs["split"], keys_of(pairs), others, pairs["verdict"], strict=True)
    return {(split, key, other): verdict for split, key, other, verdict in each}
