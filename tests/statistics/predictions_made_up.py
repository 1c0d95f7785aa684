"""Made-up predictions of a few methods, whose errors are drawn anew for each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmaq.contracts.predictions import PREDICTIONS

FULL = ("mmaq", "linear", "s2+s5p")
ALONE = ("mmaq", "linear", "s5p")
TUNED = ("mmaq", "finetune", "s2+s5p")
TREES = ("gbm", "reference", "table")

METHODS = {FULL: 4.0, TUNED: 3.0, ALONE: 5.0, TREES: 4.0}
"""Standard deviation of the errors of each method."""


def make_predictions(sites, runs=(0, 1, 2), methods=METHODS, **columns):
    rng = np.random.default_rng(1)
    parts = []
    for (method, protocol, modalities), spread in methods.items():
        for run in runs:
            part = pd.DataFrame({"site_id": sites["site_id"], "measured": sites["no2"]})
            part["prediction"] = part["measured"] + rng.normal(0, spread, len(sites))
            part["fold"] = np.arange(len(sites)) % 4
            names = {"method": method, "protocol": protocol, "modalities": modalities}
            part = part.assign(run=run, seed=run, **names)
            parts.append(part[part["fold"] == 0] if protocol == "finetune" else part)
    fixed = {"task": "no2", "split": "random", "label_fraction": 1.0, "low": np.nan,
             "high": np.nan}  # fmt: skip
    table = pd.concat(parts, ignore_index=True).assign(**(fixed | columns))
    return table[list(PREDICTIONS)].astype(PREDICTIONS)
