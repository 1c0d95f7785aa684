"""Which method is better than which, by paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import KEY, Key, keys_of, leading, measured, of, ordered, present, splits_of
from mmaq.report.figures.differences import differences
from mmaq.report.gallery import NARROW, WIDE, Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.report.numbers import MISSING, count, signed
from mmaq.report.pairs import OTHER, r2_pairs

IN_MATRIX, IN_PLOT = 8, 16

SIGNS = {"better": "\u25b2", "worse": "\u25bd", "open": "\u25cb"}


@dataclass(frozen=True)
class Duel:
    """A cell of the matrix: the row's method against the column's."""

    verdict: str
    sign: str
    difference: str


@dataclass(frozen=True)
class Paired:
    """The comparisons on one split."""

    split: str
    sentence: str
    adds: str | None
    keys: list[Key]
    matrix: list[list[Duel | None]]
    plot: Plot


def section(material: Material, gallery: Gallery) -> Section | None:
    """A matrix of the leading methods and the differences of the first of them, by split."""
    table = r2_pairs(material.comparisons)
    r2 = measured(material.table, "r2")
    paired = [
        made
        for split in splits_of(table)
        if (made := _paired(material.table, r2, table[table["split"] == split], split, gallery))
    ]
    return Section("comparisons", "Better than", paired) if paired else None


def _paired(
    table: pd.DataFrame, r2: pd.DataFrame, rows: pd.DataFrame, split: str, gallery: Gallery
) -> Paired | None:
    known = present(rows)
    ranked = [key for key in ordered(r2[r2["split"] == split], split) if key in known]
    first = leading(table, 1, set(ranked))
    if not first:
        return None
    mine = of(rows, first[0])
    others = mine.drop(columns=KEY).rename(columns=dict(zip(OTHER, KEY, strict=True)))
    order = {key: place for place, key in enumerate(ranked)}
    others = others.assign(place=[order.get(key, len(order)) for key in keys_of(others)])
    others = others.sort_values("place", kind="stable").drop(columns="place")
    plot = gallery.hang(
        f"paired_differences_{split}",
        f"Paired difference in R² of {names.label(*first[0][:2])} to other methods, {split}",
        mine, differences(others.head(IN_PLOT), first[0], WIDE),
        differences(others.head(IN_PLOT), first[0], NARROW),
    )  # fmt: skip
    keys = [key for key in ranked if not key[0].startswith("oracle")][:IN_MATRIX]
    matrix = [[_duel(rows, row, column) for column in keys] for row in keys]
    sentence = f"{_sentence(first[0], mine['verdict'])} {_shared(mine['stations'])}"
    return Paired(split, sentence, embedding_adds(rows), keys, matrix, plot)


def embedding_adds(pairs: pd.DataFrame) -> str | None:
    """What MMAQ's embedding adds to a stack that reads all inputs anyway, on one split.

    Args:
        pairs: ``r2_pairs`` of the split; None where it lacks this pair.
    """
    asked = (pairs["method"] == "stack") & (pairs["other_method"] == "stack_without_mmaq")
    if not asked.any():
        return None
    pair = pairs[asked].iloc[0]
    verdict = {"better": "it helps", "worse": "it harms", "open": "open"}[pair["verdict"]]
    return (
        "What MMAQ\u2019s embedding adds to a stack that reads all inputs anyway: R² "
        f"{signed(pair['difference'], 3)} ({signed(pair['low'], 3)} to {signed(pair['high'], 3)} "
        f"over stations, {signed(pair['block_low'], 3)} to {signed(pair['block_high'], 3)} over "
        f"blocks), {verdict}."
    )


def _duel(rows: pd.DataFrame, row: Key, column: Key) -> Duel | None:
    if row == column:
        return None
    pair = of(rows, row)
    pair = pair[(pair[OTHER] == list(column)).all(axis=1)]
    if pair.empty:
        return Duel("none", MISSING, "")
    verdict = str(pair["verdict"].iloc[0])
    return Duel(verdict, SIGNS[verdict], signed(pair["difference"].iloc[0], 2))


def _shared(stations: pd.Series) -> str:
    """At how many stations pairs were compared, and why it need not be those of the ranking."""
    few, many = count(stations.min()), count(stations.max())
    number = few if few == many else f"{few} to {many}"
    return (
        f"A pair is compared at the {number} stations that both predicted in the same runs; the "
        "ranking takes all that a method predicted, so a difference need not be that of its "
        "figures."
    )


def _sentence(key: Key, verdicts: pd.Series) -> str:
    counts = verdicts.value_counts()
    better, worse, still = (int(counts.get(name, 0)) for name in ("better", "worse", "open"))
    return (
        f"{names.full(key)}, against {len(verdicts)} others: better than {better}, "
        f"worse than {worse}, open against {still}."
    )
