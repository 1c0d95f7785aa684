"""How matters stand on each split, at a glance."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import measured
from mmaq.report.numbers import interval, number
from mmaq.report.pairs import Verdicts
from mmaq.report.words import (
    CEILINGS,
    RIVALS,
    ceiling_words,
    each,
    finetuned_words,
    learned_words,
    reference_words,
    untrained_words,
)


@dataclass(frozen=True)
class Tile:
    """A figure to be seen at a glance."""

    words: str
    value: str
    interval: str
    kind: names.Kind


@dataclass(frozen=True)
class Standing:
    """How matters stand on one split."""

    split: str
    title: str
    tiles: list[Tile]
    sentences: list[str]


def standings(table: pd.DataFrame, verdicts: Verdicts) -> list[Standing]:
    """One for each split that has a measured R² of NO2; ``verdicts`` of paired comparisons."""
    rows = measured(table, "r2")
    rows = rows.assign(
        learned=rows["method"].map(names.is_learned),
        kind=[names.kind(*key) for key in zip(rows["method"], rows["protocol"], strict=True)],
    )
    present = [split for split in names.SPLITS if split in set(rows["split"])]
    return [_standing(rows[rows["split"] == split], split, verdicts) for split in present]


def _standing(rows: pd.DataFrame, split: str, verdicts: Verdicts) -> Standing:
    rows = rows.sort_values(["value", "method", "protocol"], ascending=[False, True, True])
    learned = rows[rows["learned"]]
    references = rows[rows["kind"] == "reference"]
    first = learned if len(learned) else references
    sentences = (
        learned_words(learned, references, verdicts)
        if len(learned)
        else reference_words(references)
    )
    sentences += finetuned_words(learned)
    sentences += untrained_words(rows[rows["method"] == "random_init"], learned)
    sentences += ceiling_words(rows)
    shown = [first.head(1)] if len(first) else []
    shown += [rows[rows["method"] == name].head(1) for name in (*RIVALS, *CEILINGS)]
    tiles = pd.concat(shown).drop_duplicates() if shown else rows.head(0)
    return Standing(split, names.SPLITS[split], [_tile(row) for row in each(tiles)], sentences)


def _tile(row: pd.Series) -> Tile:
    words = names.label(row["method"], row["protocol"])
    return Tile(words, number(row["value"], 2), interval(row["low"], row["high"], 2), row["kind"])
