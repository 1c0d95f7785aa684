"""Which methods, splits and predictions a section shows."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from mmaq.contracts.benchmark import main_rows
from mmaq.report import names

Key = tuple[str, str, str]
"""Method, protocol and modalities: a row of the ranking."""

KEY = ["method", "protocol", "modalities"]


def measured(table: pd.DataFrame, metric: str, task: str = "no2") -> pd.DataFrame:
    """Rows of ``metric`` over all stations, trained on all labels, that have a value."""
    rows = main_rows(table)
    wanted = (rows["metric"] == metric) & (rows["task"] == task) & (rows["status"] == "ok")
    return rows[wanted & rows["value"].notna()]


def keys_of(rows: pd.DataFrame) -> list[Key]:
    """The key of each row."""
    return list(rows[KEY].itertuples(index=False, name=None))


def of(rows: pd.DataFrame, key: Key) -> pd.DataFrame:
    """The rows of one key."""
    method, protocol, modalities = key
    return rows[
        (rows["method"] == method)
        & (rows["protocol"] == protocol)
        & (rows["modalities"] == modalities)
    ]


def among(rows: pd.DataFrame, keys: Collection[Key]) -> pd.DataFrame:
    """The rows of several keys."""
    found = pd.MultiIndex.from_frame(rows[KEY].astype(str)).isin(list(keys) or [("", "", "")])
    return rows[found]


def present(rows: pd.DataFrame) -> set[Key]:
    """The keys that ``rows`` have."""
    return set(keys_of(rows[KEY].drop_duplicates()))


def splits_of(rows: pd.DataFrame) -> list[str]:
    """Splits that ``rows`` have, in the order in which the page names them."""
    found = set(rows["split"])
    return [split for split in names.SPLITS if split in found]


def ordered(rows: pd.DataFrame, split: str) -> list[Key]:
    """Keys by value on ``split``, highest first; those that lack it follow by their best."""
    first = rows.assign(there=rows["split"] == split).sort_values(
        ["there", "value", *KEY], ascending=[False, False, True, True, True]
    )
    return list(dict.fromkeys(keys_of(first)))


def leading(table: pd.DataFrame, limit: int, available: Collection[Key] | None = None) -> list[Key]:
    """Methods that are looked at in detail, none of which knows the truth.

    Fine-tuned MMAQ first, then the best learned row, the best reference and boosted trees on the
    table alone, by R² on the first split; then the next best, learned and reference in turn.
    ``available`` keeps those that have what a section needs.
    """
    rows = measured(table, "r2")
    if rows.empty:
        return []
    ranked = [key for key in ordered(rows, splits_of(rows)[0]) if _eligible(key, available)]
    tuned = [key for key in ranked if key[:2] == ("mmaq", "finetune")]
    learned = [key for key in ranked if names.is_learned(key[0])]
    references = [key for key in ranked if names.kind(*key[:2]) == "reference"]
    alone = [key for key in references if key[0] == "gbm"]
    chosen = [*tuned[:1], *learned[:1], *references[:1], *alone]
    chosen += [key for pair in zip(learned, references, strict=False) for key in pair]
    chosen += [*learned, *references]
    return list(dict.fromkeys(chosen))[:limit]


def _eligible(key: Key, available: Collection[Key] | None) -> bool:
    return not key[0].startswith("oracle") and (available is None or key in available)


def whole(predictions: pd.DataFrame, task: str = "no2") -> pd.DataFrame:
    """Predictions of ``task`` by methods that were trained on all labels."""
    return predictions[
        (predictions["task"] == task) & (predictions["label_fraction"].astype(float) == 1.0)
    ]


def once(predictions: pd.DataFrame, key: Key, split: str) -> pd.DataFrame:
    """A method's predictions on ``split``, a station once: by the first run that tests it."""
    rows = of(predictions, key)
    rows = rows[rows["split"] == split]
    return rows.sort_values(["run", "fold"], kind="stable").drop_duplicates("site_id")
