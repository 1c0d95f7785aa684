"""The result in sentences, made from the table, whoever wins."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import measured
from mmaq.report.numbers import interval, number

RIVALS = {
    "gbm": "boosted trees on the land-use table alone",
    "gbm_pixels": "boosted trees on the table and pixel statistics",
    "gbm_geo_kriging": "boosted trees on the table, maps and coordinates, with kriging",
}
CEILINGS = {
    "oracle_inputs": "a forest on the true local fields",
    "oracle": "the true concentration itself",
}


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


def standings(table: pd.DataFrame) -> list[Standing]:
    """One for each split that has a measured R² of NO2."""
    rows = measured(table, "r2")
    rows = rows.assign(
        learned=rows["method"].map(names.is_learned),
        kind=[names.kind(*key) for key in zip(rows["method"], rows["protocol"], strict=True)],
    )
    present = [split for split in names.SPLITS if split in set(rows["split"])]
    return [_standing(rows[rows["split"] == split], split) for split in present]


def _standing(rows: pd.DataFrame, split: str) -> Standing:
    rows = rows.sort_values(["value", "method", "protocol"], ascending=[False, True, True])
    learned = rows[rows["learned"]]
    references = rows[rows["kind"] == "reference"]
    first = learned if len(learned) else references
    sentences = _learned(learned, references) if len(learned) else _references(references)
    sentences += _finetuned(learned)
    sentences += _untrained(rows[rows["method"] == "random_init"], learned)
    sentences += _ceilings(rows)
    shown = [first.head(1)] if len(first) else []
    shown += [rows[rows["method"] == name].head(1) for name in (*RIVALS, *CEILINGS)]
    tiles = pd.concat(shown).drop_duplicates() if shown else rows.head(0)
    return Standing(split, names.SPLITS[split], [_tile(row) for row in _each(tiles)], sentences)


def _tile(row: pd.Series) -> Tile:
    words = names.label(row["method"], row["protocol"])
    return Tile(words, number(row["value"], 2), _interval(row), row["kind"])


def _learned(learned: pd.DataFrame, references: pd.DataFrame) -> list[str]:
    best = learned.iloc[0]
    inputs = names.inputs(best["modalities"])
    among = f"the best of {len(learned)} learned rows" if len(learned) > 1 else "the learned row"
    words = names.label(best["method"], best["protocol"])
    sentences = [f"{words} ({inputs}) is {among}: R² {_figure(best)}."]
    for name, words in RIVALS.items():
        rival = references[references["method"] == name]
        if len(rival):
            sentences.append(f"{_compare(best, rival.iloc[0], words)}.")
    return sentences


def _compare(best: pd.Series, rival: pd.Series, words: str) -> str:
    gap = _gap(best, rival)
    start = f"{words[0].upper()}{words[1:]} reach {_figure(rival)}"
    if gap == 0.0:
        return f"{start}, the same to two decimals"
    side = "lower" if gap > 0 else "higher"
    if pd.isna([best["low"], best["high"], rival["low"], rival["high"]]).any():
        return f"{start}, {number(abs(gap), 2)} {side}"
    apart = best["low"] > rival["high"] or rival["low"] > best["high"]
    clause = "the intervals do not overlap" if apart else "the intervals overlap"
    return f"{start}, {number(abs(gap), 2)} {side}; {clause}"


def _references(references: pd.DataFrame) -> list[str]:
    if references.empty:
        return ["No learned method and no reference could run on this split."]
    best = references.iloc[0]
    return [
        "No learned method could run on this split; the reasons stand under “Not run”.",
        f"The best reference is {names.label(best['method'], best['protocol'])}: "
        f"R² {_figure(best)}.",
    ]


def _finetuned(learned: pd.DataFrame) -> list[str]:
    """Fine-tuned MMAQ, where another learned row is ahead of it."""
    mine = learned[(learned["method"] == "mmaq") & (learned["protocol"] == "finetune")]
    if mine.empty or mine.index[0] == learned.index[0]:
        return []
    return [f"MMAQ, fine-tuned, stands at {_figure(mine.iloc[0])}."]


def _untrained(untrained: pd.DataFrame, learned: pd.DataFrame) -> list[str]:
    """What pretraining adds: the same probe on the same inputs, with and without."""
    for row in _each(untrained):
        same = (learned["protocol"] == row["protocol"]) & (
            learned["modalities"] == row["modalities"]
        )
        twin = learned[same & (learned["method"] == "mmaq")]
        if len(twin):
            gain = _gap(twin.iloc[0], row)
            change = "adds" if gain >= 0 else "costs"
            probe = names.PROTOCOLS[row["protocol"]]
            return [
                f"Under the {probe} on {names.inputs(row['modalities'])}, pretraining {change} "
                f"{number(abs(gain), 2)}: {number(row['value'], 2)} with an "
                f"untrained encoder, {number(twin.iloc[0]['value'], 2)} with the pretrained one."
            ]
    return []


def _ceilings(rows: pd.DataFrame) -> list[str]:
    known = [
        f"{words} reaches {number(rows[rows['method'] == name]['value'].iloc[0], 2)}"
        for name, words in CEILINGS.items()
        if (rows["method"] == name).any()
    ]
    if not known:
        return []
    return [f"As ceilings, {' and '.join(known)}."]


def _gap(first: pd.Series, second: pd.Series) -> float:
    """Difference of two values as they are printed, so that a reader's own sum agrees."""
    return round(round(first["value"], 2) - round(second["value"], 2), 2)


def _figure(row: pd.Series) -> str:
    between = _interval(row)
    return number(row["value"], 2) + (f" ({between})" if between else "")


def _interval(row: pd.Series) -> str:
    return interval(row["low"], row["high"], 2)


def _each(rows: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in rows.iterrows()]
