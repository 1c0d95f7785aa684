"""The learning rate over a run."""

from __future__ import annotations

import math

END = 1e-3
"""Rate after the last step, as a share of the peak."""


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at ``step`` (0-based) of ``steps``.

    Rises linearly over the first ``warmup`` steps, reaches 1 at step ``warmup``, then falls to
    ``END`` along half a cosine (Loshchilov and Hutter 2017).
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return END + (1 - END) * (1 + math.cos(math.pi * progress)) / 2
