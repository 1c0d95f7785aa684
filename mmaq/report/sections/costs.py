"""What each method costs, and where the time of the run went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import KEY, measured
from mmaq.report.figures.times import times
from mmaq.report.gallery import NARROW, WIDE, Gallery, Plot
from mmaq.report.material import Material, Section
from mmaq.report.numbers import duration
from mmaq.vocabulary import Scratch, Tuned

STAGES = {
    "pretraining": "pretraining", "probes": "probes", "finetune": "fine-tuning",
    "from scratch": "from random weights", "reference": "reference",
}  # fmt: skip

STAGE_OF = {
    "pretrain": "pretraining", "evaluate_probes": "probes", "evaluate_finetune": "finetune",
    "evaluate_supervised": "from scratch",
}  # fmt: skip
"""Rules each of whose jobs is of one method."""

TRAINED = (*get_args(Tuned), *get_args(Scratch), "supervised")
JOB = rf"^(?:(?:{'|'.join(TRAINED)})_)?({'|'.join(names.METHODS)})(?:_run\d+)?$"
"""Name of such a job, by its method."""


@dataclass(frozen=True)
class Cost:
    """A method's wall times as text, in the order of the stages, and their sum."""

    words: str
    times: list[str]
    total: str


def section(material: Material, gallery: Gallery) -> Section | None:
    """A table of wall times by method, and bars of all rules."""
    table = costs(material.table, material.timings)
    stages = [stage for stage in STAGES if stage in table]
    lines = [
        Cost(
            names.METHODS[str(method)], [duration(row[stage]) for stage in stages],
            duration(row.sum()),
        )
        for method, row in table.iterrows()
    ]  # fmt: skip
    plot = _bars(material.timings, gallery)
    if not lines and plot is None:
        return None
    heads = [STAGES[stage] for stage in stages]
    return Section("costs", "Costs", {"lines": lines, "heads": heads, "plot": plot})


def costs(table: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Seconds by method (index) and stage, longest first; a stage that a method lacks is NaN.

    What a network costs is the wall time of its jobs, where they ran under Snakemake: rows of one
    job share an embedding, whose time each of them holds, so their sum would count it once a row.
    References share a job but no work: theirs is the sum over the R² rows of NO2 over all stations.
    """
    jobs = timings[timings["rule"].isin(STAGE_OF)]
    jobs = jobs.assign(
        method=jobs["job"].astype(str).str.extract(JOB, expand=False),
        stage=jobs["rule"].map(STAGE_OF),
    )
    rows = measured(table, "r2")
    rows = rows[(rows["protocol"] == "reference") & rows["seconds"].notna()]
    rows = rows.drop_duplicates([*KEY, "split"]).assign(stage="reference")
    wide = pd.concat([part[["method", "stage", "seconds"]] for part in (jobs, rows)]).pivot_table(
        index="method", columns="stage", values="seconds", aggfunc="sum"
    )
    return wide.loc[wide.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def _bars(timings: pd.DataFrame, gallery: Gallery) -> Plot | None:
    if timings.empty:
        return None
    rules = timings.groupby("rule").agg(
        seconds=("seconds", "sum"), memory_mb=("memory_mb", "max"), jobs=("seconds", "size")
    )
    rules = rules.reset_index().sort_values(["seconds", "rule"], ascending=[False, True])
    return gallery.hang(
        "times", "Wall time of each rule", rules, times(rules, WIDE), times(rules, NARROW)
    )
