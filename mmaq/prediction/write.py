"""Stage: predict NO2 at sites, each with what is known of it."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.errors import TableError
from mmaq.evaluation.encoders import limited_threads
from mmaq.files import replacing
from mmaq.patches.store import open_store
from mmaq.prediction.inputs import known, site_inputs
from mmaq.prediction.predictor import Predictor, read_predictor
from mmaq.sites import read_sites

COLUMNS = ("site_id", "lon", "lat", "no2", "low", "high", "modalities")
"""``no2`` and the bounds of its 90 % interval are in ug/m3; they are empty, as ``modalities`` is,
where nothing is known of a site that a head could read."""

log = logging.getLogger(__name__)


def predict_sites(
    sites: Path, store: Path, predictor: Path, chosen: Path | None, threads: int, out: Path
) -> None:
    """Predict NO2 at sites that have patches or land use (CSV, a row a site).

    Each site gets the head that reads all it has; where the predictor lacks that one, the head that
    reads most of it.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        predictor: encoders and heads, of ``fit_predictor``.
        chosen: a CSV with a column ``site_id``; None for all sites.
        threads: of torch and of linear algebra.
        out: the table.

    Raises:
        TableError: the site table is broken, or the list names a site that it lacks.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the predictor cannot be read.
    """
    model = read_predictor(predictor)
    table = read_sites(sites)
    if chosen is not None:
        table = choose(table, chosen, sites)
    with limited_threads(threads):
        inputs = site_inputs(model.encoders, model.statistics, open_store(store), table)
        predicted = predict(model, inputs, len(table))
    result = pd.concat([table[["site_id", "lon", "lat"]], predicted], axis=1)
    with replacing(out) as temporary:
        result[list(COLUMNS)].to_csv(temporary, index=False, float_format="%.6g")
    without = int(result["no2"].isna().sum())
    log.info("%s: %d sites, %d of them without any input", out, len(result), without)


def predict(model: Predictor, inputs: dict[str, np.ndarray], count: int) -> pd.DataFrame:
    """Columns no2, low, high (ug/m3) and modalities of ``count`` sites.

    A concentration is not negative, so predictions and bounds end at 0.
    """
    value, radius = np.full(count, np.nan), np.full(count, np.nan)
    names = np.full(count, "", dtype=object)
    for head in model.heads:  # who reads more comes later
        rows = known(inputs, head.inputs)
        if rows.any():
            value[rows] = head.linear.predict([inputs[name][rows] for name in head.inputs])
            radius[rows], names[rows] = head.radius, "+".join(head.inputs)
    bounds = {"no2": value, "low": value - radius, "high": value + radius}
    floored = {name: np.maximum(bound, 0.0) for name, bound in bounds.items()}
    return pd.DataFrame({**floored, "modalities": names})


def choose(table: pd.DataFrame, chosen: Path, sites: Path) -> pd.DataFrame:
    """Rows of the site table in the order of a list of sites.

    Raises:
        TableError: the list cannot be read, has no ``site_id``, or names an unknown site.
    """
    try:
        wanted = pd.read_csv(chosen, dtype={"site_id": str})
    except (OSError, ValueError) as fault:
        line = f"not a readable table ({fault})"
        raise TableError(chosen, line, "Give a CSV with a column site_id") from None
    if "site_id" not in wanted:
        raise TableError(chosen, "column 'site_id' is missing", "Give a CSV with that column")
    absent = wanted.loc[~wanted["site_id"].isin(table["site_id"]), "site_id"]
    if len(absent):
        fault_line = f"site {absent.iloc[0]!r} is not in {sites}"
        remedy = "Name it in files.unlabelled or acquire.unlabelled_table, then `mmaq patches`"
        raise TableError(chosen, fault_line, remedy)
    return table.set_index("site_id", drop=False).loc[wanted["site_id"]].reset_index(drop=True)
