"""The result in sentences, made from the table, whoever wins."""

from __future__ import annotations

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import Key
from mmaq.report.numbers import interval, number
from mmaq.report.pairs import Verdicts

RIVALS = {
    "gbm": "boosted trees on the land-use table alone",
    "gbm_pixels": "boosted trees on the table and pixel statistics",
    "gbm_context": "boosted trees on the table, maps, surroundings and pixel statistics",
    "gbm_geo_kriging": "boosted trees on the table, maps and coordinates, with kriging",
}

VERDICTS = {
    "better": "both paired intervals of the difference exclude 0",
    "worse": "both paired intervals of the difference exclude 0",
    "open": "a paired interval of the difference includes 0",
}

CEILINGS = {
    "oracle_inputs": "trees and kriging on the true local fields",
    "oracle": "the true concentration itself",
}


def learned_words(learned: pd.DataFrame, references: pd.DataFrame, verdicts: Verdicts) -> list[str]:
    """The best learned row, and how far it stands from what anyone would try first."""
    best = learned.iloc[0]
    among = f"the best of {len(learned)} learned rows" if len(learned) > 1 else "the learned row"
    words = names.full((best["method"], best["protocol"], best["modalities"]))
    sentences = [f"{words} is {among}: R² {_figure(best)}."]
    for name, words in RIVALS.items():
        rival = references[references["method"] == name]
        if len(rival):
            pair = (best["split"], _key(best), _key(rival.iloc[0]))
            sentences.append(f"{_compare(best, rival.iloc[0], words, verdicts.get(pair))}.")
    return sentences


def _compare(best: pd.Series, rival: pd.Series, words: str, verdict: str | None) -> str:
    gap = _gap(best, rival)
    start = f"{words[0].upper()}{words[1:]} reach {_figure(rival)}"
    if gap == 0.0:
        return f"{start}, the same to two decimals"
    side = "lower" if gap > 0 else "higher"
    if verdict is not None:
        return f"{start}, {number(abs(gap), 2)} {side}; {VERDICTS[verdict]}"
    if pd.isna([best["low"], best["high"], rival["low"], rival["high"]]).any():
        return f"{start}, {number(abs(gap), 2)} {side}"
    apart = best["low"] > rival["high"] or rival["low"] > best["high"]
    clause = "the intervals do not overlap" if apart else "the intervals overlap"
    return f"{start}, {number(abs(gap), 2)} {side}; {clause}"


def reference_words(references: pd.DataFrame) -> list[str]:
    """What is left to say where nothing was learned."""
    if references.empty:
        return ["No learned method and no reference could run on this split."]
    best = references.iloc[0]
    return [
        "No learned method could run on this split; the reasons stand under “Not run”.",
        f"The best reference is {names.label(best['method'], best['protocol'])}: "
        f"R² {_figure(best)}.",
    ]


def finetuned_words(learned: pd.DataFrame) -> list[str]:
    """Fine-tuned MMAQ, where another learned row is ahead of it."""
    mine = learned[(learned["method"] == "mmaq") & (learned["protocol"] == "finetune")]
    if mine.empty or mine.index[0] == learned.index[0]:
        return []
    return [f"MMAQ, fine-tuned, stands at {_figure(mine.iloc[0])}."]


def untrained_words(untrained: pd.DataFrame, learned: pd.DataFrame) -> list[str]:
    """What pretraining adds: the same probe on the same inputs, with and without."""
    for row in each(untrained):
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


def ceiling_words(rows: pd.DataFrame) -> list[str]:
    """What those reach that know the truth."""
    known = [
        f"{words} reaches {number(rows[rows['method'] == name]['value'].iloc[0], 2)}"
        for name, words in CEILINGS.items()
        if (rows["method"] == name).any()
    ]
    if not known:
        return []
    return [f"As ceilings, {' and '.join(known)}."]


def _key(row: pd.Series) -> Key:
    return str(row["method"]), str(row["protocol"]), str(row["modalities"])


def _gap(first: pd.Series, second: pd.Series) -> float:
    """Difference of two values as they are printed, so that a reader's own sum agrees."""
    return round(round(first["value"], 2) - round(second["value"], 2), 2)


def _figure(row: pd.Series) -> str:
    between = _interval(row)
    return number(row["value"], 2) + (f" ({between})" if between else "")


def _interval(row: pd.Series) -> str:
    return interval(row["low"], row["high"], 2)


def each(rows: pd.DataFrame) -> list[pd.Series]:
    """The rows, one by one."""
    return [row for _, row in rows.iterrows()]
