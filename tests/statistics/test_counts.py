"""Figures of scenes: pooled over runs, drawn by place, compared in pairs."""

import numpy as np
import pytest

from mmaq.statistics.counts import Counts, estimate_counts
from mmaq.statistics.metrics import (
    CLASS_METRICS,
    PIXEL_METRICS,
    class_metrics,
    confusion_cells,
    pixel_metrics,
)
from mmaq.statistics.paired import compare_counts
from tests.statistics.by_hand import draw_weights

TREES, ONE, OTHER = (
    ("gbm_colours", "reference", "s2"), ("mmaq", "finetune", "s2"), ("mmaq", "scratch", "s2")
)  # fmt: skip


def _of_classes(runs, draws):
    return estimate_counts(Counts.of(runs), CLASS_METRICS, class_metrics, draws)


def _names(count, first=0):
    return np.array([f"place:{first + number:04d}" for number in range(count)])


def test_the_figure_is_that_of_all_scenes_together():
    """A run with few plume pixels moves a mean of IoUs, and their pool hardly."""
    many, few = np.array([[900, 50, 50, 9000]]), np.array([[0, 1, 9, 9990]])
    counts = Counts.of([(_names(1), many), (_names(1, 1), few)])
    found = estimate_counts(counts, PIXEL_METRICS, pixel_metrics, 50)
    assert found.value[1] == pytest.approx(900 / (1000 + 10))


def test_of_one_run_the_interval_is_that_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    cells = confusion_cells(rng.integers(0, 4, 60), rng.integers(0, 4, 60))
    place = np.repeat(_names(20), 3)
    found = _of_classes([(place, cells)], 400)
    right = cells[:, ::5].sum(axis=1).reshape(20, 3).sum(axis=1)
    drawn = draw_weights(_names(20), 400) @ right / 60
    reach = np.percentile(drawn, 97.5) - found.value[0]
    assert found.high[0] == pytest.approx(
        found.value[0] + reach * np.sqrt(20 / 19) * 2.093 / 1.96, 1e-3
    )


def test_scenes_of_one_place_are_drawn_together():
    cells = confusion_cells(np.zeros(40, int), np.repeat([0, 1], 20))
    apart = _of_classes([(_names(40), cells)], 500)
    together = _of_classes([(np.repeat(_names(4), 10), cells)], 500)
    assert apart.high[0] - apart.low[0] < 0.4
    assert together.high[0] - together.low[0] > 0.6


@pytest.mark.parametrize("spread", [0.0, 0.04])
def test_intervals_hold_the_truth_as_often_as_they_say(spread):
    """Three thirds of 300 places, each by a run that is right oftener or more seldom by chance."""
    rng, inside, sets = np.random.default_rng([3, int(100 * spread)]), 0, 1000
    for _ in range(sets):
        chance = np.clip(0.5 + rng.normal(0, spread, 3), 0, 1)
        runs = []
        for run in range(3):
            wrong = (rng.uniform(size=100) > chance[run]).astype(int)
            runs.append((_names(100, 100 * run), confusion_cells(np.zeros(100, int), wrong)))
        found = _of_classes(runs, 200)
        inside += found.low[0] <= 0.5 <= found.high[0]
    assert 0.92 <= inside / sets <= 0.985


def _right(share, seed):
    """Scenes of three runs of 60 places each, of which a share is told right."""
    rng = np.random.default_rng(seed)
    return Counts.of(
        [
            (_names(60, 60 * run), confusion_cells(np.ones(60, int), rng.binomial(1, share, 60)))
            for run in range(3)
        ]
    )


def test_a_method_that_is_better_is_told_and_equal_ones_stay_open():
    counts = {TREES: _right(0.5, 1), ONE: _right(0.9, 2), OTHER: _right(0.9, 3)}
    table = compare_counts(counts, class_metrics, 0, 500)
    assert list(table["verdict"]) == ["open", "better", "better"]
    assert list(table["other_method"]) == ["mmaq", "gbm_colours", "gbm_colours"]
    assert (table["stations"] == 180).all()
    assert table["block_low"].isna().all()
    values = {name: estimate_counts(each, CLASS_METRICS, class_metrics, 10).value[0]
              for name, each in counts.items()}  # fmt: skip
    assert table["difference"][1] == pytest.approx(values[ONE] - values[TREES])


def test_what_errs_at_the_same_places_is_known_better_in_pairs():
    """Twenty scenes more are right: the difference is sure, its parts are not."""
    truth = np.ones(200, int)
    weak = np.zeros(200, int)
    weak[:100] = 1
    strong = weak.copy()
    strong[100:120] = 1
    counts = {
        name: Counts.of([(_names(200), confusion_cells(truth, guess))])
        for name, guess in ((ONE, strong), (OTHER, weak))
    }
    found = [estimate_counts(each, CLASS_METRICS, class_metrics, 500) for each in counts.values()]
    assert found[0].low[0] < found[1].high[0]
    (row,) = compare_counts(counts, class_metrics, 0, 500).to_dict("records")
    assert row["verdict"] == "better"
