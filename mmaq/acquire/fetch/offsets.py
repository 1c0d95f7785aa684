"""Does a scene's offset of DN contradict its darkest pixels? Mirrors have had it wrong.

From processing baseline 04.00 on, reflectance is (DN - 1000) / 10000, and a mirror may have taken
the 1000 away already. Earth Search said so wrongly of some scenes of 2022 and 2025 (its issues 66
and 71), which shifts every reflectance by 0.1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np

ADDED = 1000
TOO_DARK, FEW = 900, 0.02
"""With the 1000 in them, DN below 900 are reflectances below -0.01: a rare overcorrection."""
SINCE = 4.0

log = logging.getLogger(__name__)


def contradiction(offset: int, baseline: str, values: Iterable[np.ndarray]) -> str | None:
    """What is wrong with ``offset`` (DN to add), by DN of the 10 m bands; ``None``: nothing.

    DN 0 is no data. An offset of 0 is doubted only where the baseline adds 1000, and so may a
    scene of cloud, snow or bright sand alone be, which is why this warns and changes nothing.
    """
    data = np.concatenate([each.ravel() for each in values])
    data = data[data > 0]
    if not data.size:
        return None
    dark = float((data < TOO_DARK).mean())
    if offset <= -ADDED and dark > FEW:
        return f"boa_offset {offset}, but {dark:.0%} of the DN are below {TOO_DARK}"
    if offset == 0 and _number(baseline) >= SINCE and float((data < ADDED).mean()) <= FEW:
        return f"boa_offset 0, but the darkest DN of baseline {baseline} is {data.min()}"
    return None


def _number(baseline: str) -> float:
    try:
        return float(baseline)
    except ValueError:
        return 0.0
