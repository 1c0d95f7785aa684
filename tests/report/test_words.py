"""Sentences and numbers, made from tables whose outcome is known."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaq.contracts.benchmark import Row
from mmaq.contracts.reported import PAPER, headline_gain
from mmaq.report.numbers import count, duration, interval, number
from mmaq.report.standings import standings


def table(**values):
    """A benchmark of R² on the random split: ``method__protocol=(value, low, high)``."""
    rows = []
    for key, (value, low, high) in values.items():
        method, protocol = key.split("__")
        rows.append(
            Row("d", "no2", method, "s2+s5p", protocol, "random", "r2", value=value, low=low,
                high=high)
        )  # fmt: skip
    return pd.DataFrame([vars(row) for row in rows])


def sentences(verdicts=None, **values):
    (standing,) = standings(table(**values), verdicts or {})
    return " ".join(standing.sentences)


def test_learned_method_ahead():
    words = sentences(
        mmaq__finetune=(0.60, 0.56, 0.64), gbm__reference=(0.50, 0.45, 0.55),
        oracle__reference=(0.95, 0.94, 0.96),
    )  # fmt: skip
    assert "MMAQ, fine-tuned (S2 + S5P) is the learned row: R² 0.60 (0.56 to 0.64)." in words
    assert "reach 0.50 (0.45 to 0.55), 0.10 lower; the intervals do not overlap." in words
    assert "As ceilings, the true concentration itself reaches 0.95." in words


def test_learned_method_behind():
    words = sentences(mmaq__finetune=(0.5, 0.4, 0.6), gbm__reference=(0.55, 0.45, 0.65))
    assert "reach 0.55 (0.45 to 0.65), 0.05 higher; the intervals overlap." in words


@pytest.mark.parametrize(("verdict", "words"), [("better", "exclude 0"), ("open", "includes 0")])
def test_a_paired_verdict_outranks_overlap(verdict, words):
    one, other = ("mmaq", "finetune", "s2+s5p"), ("gbm", "reference", "s2+s5p")
    text = sentences(
        {("random", one, other): verdict},
        mmaq__finetune=(0.5, 0.4, 0.6), gbm__reference=(0.45, 0.35, 0.55),
    )  # fmt: skip
    assert words in text
    assert "overlap" not in text


def test_level_to_two_decimals():
    words = sentences(mmaq__linear=(0.501, 0.4, 0.6), gbm_pixels__reference=(0.499, 0.4, 0.6))
    assert "the same to two decimals" in words


def test_gap_is_that_of_the_printed_figures():
    words = sentences(mmaq__linear=(0.5149, 0.4, 0.6), gbm__reference=(0.5251, 0.4, 0.6))
    assert "0.51" in words
    assert "0.53" in words
    assert "0.02 higher" in words


def test_finetuned_mmaq_is_named_when_another_row_leads():
    words = sentences(mmaq__fused=(0.6, 0.5, 0.7), mmaq__finetune=(0.4, 0.3, 0.5))
    assert "MMAQ, fine-tuned, stands at 0.40 (0.30 to 0.50)." in words
    assert "the best of 2 learned rows" in words


@pytest.mark.parametrize(("trained", "words"), [(0.5, "adds 0.10"), (0.3, "costs 0.10")])
def test_untrained_encoder_tells_what_pretraining_does(trained, words):
    text = sentences(mmaq__linear=(trained, 0.2, 0.6), random_init__linear=(0.4, 0.2, 0.6))
    assert f"pretraining {words}: 0.40 with an untrained encoder" in text


def test_untrained_encoder_is_never_the_best_learned_row():
    text = sentences(mmaq__linear=(0.3, 0.2, 0.4), random_init__linear=(0.4, 0.2, 0.6))
    assert text.startswith("MMAQ, linear probe")


def test_no_interval_no_claim_of_overlap():
    text = sentences(mmaq__linear=(0.5, None, None), gbm__reference=(0.4, None, None))
    assert "overlap" not in text
    assert "0.10 lower" in text


def test_headline_is_the_ratio_of_the_reported_errors():
    assert headline_gain() == pytest.approx(1 - 32.601 / 39.524)
    variances = {row.method: row.target_variance for row in PAPER if row.mse}
    assert variances["mmaq"] == pytest.approx(130.8, abs=0.1)
    assert variances["decur"] == pytest.approx(173.9, abs=0.1)


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_number_reads_back(value, digits):
    text = number(value, digits).replace("\u2212", "-")
    assert float(text) == pytest.approx(value, abs=0.5000001 * 10.0**-digits)
    assert not text.startswith("-0") or float(text) != 0


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_missing_figures_are_dashes(value):
    assert number(value, 2) == count(value) == duration(value) == "\u2013"
    assert interval(value, 1.0, 2) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "< 1 s"), (42.4, "42 s"), (150, "2.5 min"), (9000, "2.5 h")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
