"""Figures: what they draw, at the edges of what may come."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from mmaq.report import names
from mmaq.report.choose import once, ordered, splits_of
from mmaq.report.figures.agreement import r2
from mmaq.report.figures.curves import curves, panels
from mmaq.report.figures.ranking import ranking
from mmaq.report.figures.stations import error_map
from mmaq.report.inputs import read_losses
from mmaq.report.palette import DARK, DIVERGING, LIGHT, SEQUENTIAL
from mmaq.report.svg import drawing, inline, raw


def rows(*values):
    return pd.DataFrame(
        [
            {"method": method, "protocol": "reference", "modalities": "table", "split": split,
             "value": value, "low": low, "high": high}
            for method, split, value, low, high in values
        ]
    )  # fmt: skip


HEADS = {split: split for split in names.SPLITS}


def svg(figure):
    return str(inline(raw(figure), "test", "a test"))


def ranked(table, width):
    keys = ordered(table, splits_of(table)[0])
    with drawing():
        return svg(ranking(table, keys, width, "R²", HEADS))


def test_r2_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    measured = rng.gamma(3, 7, 50)
    predicted = measured + rng.normal(0, 4, 50)
    assert r2(measured, predicted) == pytest.approx(r2_score(measured, predicted))
    assert np.isnan(r2(np.ones(4), np.arange(4.0)))


def test_ranking_orders_by_the_first_split():
    table = rows(
        ("ridge", "random", 0.4, 0.3, 0.5), ("gbm", "random", 0.5, 0.4, 0.6),
        ("ridge", "blocks", 0.3, 0.2, 0.4), ("gbm", "blocks", 0.2, 0.1, 0.3),
        ("gbm_geo", "blocks", 0.9, 0.8, 0.95),
    )  # fmt: skip
    text = ranked(table, 900)
    assert text.index(">Boosted trees<") < text.index(">Ridge<") < text.index("trees, maps<")


@pytest.mark.parametrize("width", [900, 366])
def test_ranking_of_a_method_far_below_zero(width):
    text = ranked(rows(("gbm", "country", -7.0, -9.0, -5.0)), width)
    assert "\u22127.00" in text


def test_ranking_without_intervals():
    assert "0.50" in ranked(rows(("gbm", "random", 0.5, np.nan, np.nan)), 900)


def test_map_of_one_station():
    one = np.array([10.0])
    with drawing():
        assert "<svg" in svg(error_map(one, np.array([50.0]), np.array([-3.0])))


def test_once_takes_a_station_by_its_first_run():
    key = ("gbm", "reference", "table")
    table = pd.DataFrame(
        {"method": "gbm", "protocol": "reference", "modalities": "table", "split": "random",
         "run": [1, 0, 1], "fold": 0, "site_id": ["a", "a", "b"], "measured": 1.0,
         "prediction": [5.0, 6.0, 7.0]}
    )  # fmt: skip
    points = once(table, key, "random").set_index("site_id")
    assert dict(points["prediction"]) == {"a": 6.0, "b": 7.0}


def test_panels_sort_columns_by_what_they_are(inputs):
    found = dict(panels(read_losses(inputs.losses)))
    assert found["Total loss"] == ["loss"]
    assert found["Loss weights"] == ["sigma_s2", "sigma_s5p", "sigma_table", "sigma_inter"]
    assert found["Effective rank of embeddings"] == ["rank_s2"]
    assert found["Terms of the loss"] == ["intra_s2", "intra_s5p", "intra_table", "inter"]


def test_curves_of_a_table_without_epochs():
    losses = pd.DataFrame({"step": [0, 1], "loss": [1000.0, 1.0], "empty": [np.nan, np.nan]})
    assert panels(losses) == [("Total loss", ["loss"])]
    with drawing():
        assert ">step<" in svg(curves(losses, "Total loss", ["loss"]))


def test_labels_keep_their_digits_and_epochs_are_whole():
    losses = pd.DataFrame({"epoch": [0, 1], "loss": [0.541, 0.546]})
    with drawing():
        text = svg(curves(losses, "Total loss", ["loss"]))
    assert {">0.541<", ">0.546<"} <= set(re.findall(r">[\d.]+<", text))
    assert ">0<" in text
    assert ">0.5<" not in text


def test_colours_follow_the_page():
    text = ranked(rows(("gbm", "random", 0.5, 0.4, 0.6)), 900)
    assert "var(--reference)" in text
    assert not any(colour in text for colour in LIGHT.values())


def test_roles_are_told_apart():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert not set(LIGHT.values()) & {*DIVERGING, *SEQUENTIAL}


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize(
    "role", ["ink", "muted", "accent", "pretrained", "unpretrained", "reference", "ceiling"]
)
def test_text_has_the_contrast_that_wcag_asks(colours, role):
    """WCAG 2.1, 1.4.3: at least 4.5 to 1 for text."""

    def luminance(colour):
        channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    pair = sorted((luminance(colours[role]), luminance(colours["paper"])))
    assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5
