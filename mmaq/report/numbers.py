"""Figures as text. A missing figure is an en dash, never "nan"."""

from __future__ import annotations

import math

MISSING = "\u2013"


def number(value: float | None, digits: int) -> str:
    """``value`` with a fixed number of decimals and a true minus sign."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0.0 else text.replace("-", "\u2212")


def signed(value: float | None, digits: int) -> str:
    """The same with a plus sign above zero."""
    text = number(value, digits)
    return text if text[0] in "\u2212\u2013" or float(text) == 0.0 else f"+{text}"


def share(value: float | None) -> str:
    """A share of 1 in percent: "5 %", "0.5 %"."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{100 * value:.3g} %"


def count(value: float | None) -> str:
    """A whole number with thousands separated by thin spaces."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{round(value):,}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """Wall time in the unit that suits it."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return "< 1 s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5940 else f"{seconds / 3600:.1f} h"


def interval(low: float | None, high: float | None, digits: int) -> str:
    """ "0.41 to 0.52", or nothing where there is no interval."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{number(low, digits)} to {number(high, digits)}"
