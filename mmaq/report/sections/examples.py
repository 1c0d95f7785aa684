"""Patches with the best and the worst predictions of the leading method."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import leading, of, once, present, splits_of, whole
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section
from mmaq.report.numbers import number, signed
from mmaq.report.thumbnails import data_uri, natural_colour
from mmaq.vocabulary import AREAS, TYPES

EACH = 6


@dataclass(frozen=True)
class Example:
    """A station: its picture and figures as text, µg/m³."""

    site: str
    place: str
    picture: str
    measured: str
    predicted: str
    error: str


def section(material: Material, gallery: Gallery) -> Section | None:
    """The best of each sixth of the measured range, and the worst."""
    store = material.store
    if store is None or store.absence("s2"):
        return None
    predictions = whole(material.predictions)
    key = next(iter(leading(material.table, 1, present(predictions))), None)
    if key is None:
        return None
    split = splits_of(of(predictions, key))[0]
    points = once(predictions, key, split)
    points = points.assign(
        row=store.rows("s2", points["site_id"]), error=points["prediction"] - points["measured"]
    )
    points = points[points["row"] >= 0].reset_index(drop=True)
    if points.empty:
        return None
    points = points.merge(_places(material.sites), how="left")

    def picture(row: pd.Series) -> Example:
        return Example(
            row["site_id"], str(row["place"]), data_uri(natural_colour(store.s2[row["row"]])),
            number(row["measured"], 1), number(row["prediction"], 1), signed(row["error"], 1),
        )  # fmt: skip

    chosen = {"best": best(points, EACH), "worst": worst(points, EACH)}
    content = {name: [picture(row) for _, row in rows.iterrows()] for name, rows in chosen.items()}
    of_words = f"{names.full(key)}, {names.SPLITS[split]}"
    side = store.s2.shape[-1] * store.about["modalities"]["s2"].get("pixel_m", 10.0)
    return Section("examples", "Examples", {**content, "of": of_words, "metres": round(side)})


def best(points: pd.DataFrame, count: int) -> pd.DataFrame:
    """The smallest error in each of ``count`` equal parts of the stations by measured level."""
    count = min(count, len(points))
    part = pd.qcut(points["measured"].rank(method="first"), count, labels=False)
    return points.loc[points["error"].abs().groupby(part).idxmin()]


def worst(points: pd.DataFrame, count: int) -> pd.DataFrame:
    """The largest errors: half of them too low, half too high, each half by size."""
    half = min(count, len(points)) // 2
    low = points[points["error"] < 0].nsmallest(half, "error")
    return pd.concat([low, points[points["error"] > 0].nlargest(half, "error")])


def _places(sites: pd.DataFrame) -> pd.DataFrame:
    """What is known of a site in three words: its country, area and type."""
    words = sites["country"].astype(str)
    for name in (*AREAS, *TYPES):
        words = words.where(sites[name] != 1.0, words + f", {name}")
    return pd.DataFrame({"site_id": sites["site_id"], "place": words})
