"""Where the minutes of a finished run went, by rule, and how much of them was the start of jobs.

    python -m benchmarks.default_profile [--here FOLDER] [--name NAME]

FOLDER (default: here) is the working folder of the run, NAME its data set. Prints a table in
Markdown, the longest rule first. Start is the job's own Snakemake, the imports and reading: from
the beginning of the job, which Snakemake's benchmark file tells by its length and its age, to the
line "predicting ..." or "pretraining ..." of the job's log, whose stamps are whole seconds. Of
rules without such a line start and work are told together.
"""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from mmaq.report.inputs import read_timings
from mmaq.stages import timings_by_rule

WORK = re.compile(r"^(\d\d:\d\d:\d\d) \S+: (?:predicting|pretraining) ", re.MULTILINE)
KINDS = ("jobs", "seconds", "start", "work", "memory_mb")


def start_and_work(timing: Path, seconds: float) -> tuple[float, float] | None:
    """Seconds of a job before and after it began to work; None where its log does not say.

    Args:
        timing: its benchmark file, which was written when the job ended.
        seconds: how long the job took.
    """
    ended = datetime.fromtimestamp(timing.stat().st_mtime)
    # The parts of one rule bear its name in their timings, not all in their logs.
    names = (timing.stem, timing.stem.replace("evaluate_supervised_", "evaluate_", 1))
    logs = [timing.parents[1] / f"{name}.log" for name in names]
    text = "".join(
        path.read_text(encoding="utf-8") for path in dict.fromkeys(logs) if path.exists()
    )
    stamp = WORK.search(text)
    if stamp is None:
        return None
    clock = datetime.strptime(stamp[1], "%H:%M:%S").time()
    began = datetime.combine(ended.date(), clock)
    if began > ended:
        began -= timedelta(days=1)
    work = min((ended - began).total_seconds(), seconds)
    return seconds - work, work


def profile(folder: Path, name: str) -> pd.DataFrame:
    """A row a rule, the longest first, in the columns rule and ``KINDS``."""
    files = timings_by_rule(sorted((folder / "logs" / name / "timings").glob("*.tsv")))
    rows = []
    for rule, paths in files.items():
        for path in paths:
            job = read_timings({rule: [path]}).iloc[0]
            found = start_and_work(path, job["seconds"]) or (None, None)
            rows.append((rule, 1, job["seconds"], *found, job["memory_mb"]))
    table = pd.DataFrame(rows, columns=["rule", *KINDS]).astype({"start": float, "work": float})
    by_rule = table.groupby("rule")
    summed = by_rule[list(KINDS[:-1])].sum(min_count=1)
    found = summed.assign(memory_mb=by_rule["memory_mb"].max())
    return found.sort_values("seconds", ascending=False).reset_index()


def markdown(table: pd.DataFrame) -> str:
    """The table with the sum of its rows."""
    lines = [
        "| rule | jobs | seconds | start and reading | work | most memory, MB |",
        "|" + "---|" * 6,
    ]
    total = table[list(KINDS[:-1])].sum().to_dict() | {"rule": "**sum**", "memory_mb": None}
    for row in [*table.to_dict("records"), total]:
        cells = ["" if pd.isna(row[kind]) else f"{row[kind]:,.0f}" for kind in KINDS]
        lines.append(f"| {' | '.join([row['rule'], *cells])} |")
    return "\n".join(lines)


def main() -> None:
    """Print the profile of a run."""
    parser = argparse.ArgumentParser(description="Where the minutes of a finished run went.")
    parser.add_argument("--here", type=Path, default=Path())
    parser.add_argument("--name", default="default")
    given = parser.parse_args()
    table = profile(given.here, given.name)
    if table.empty:
        parser.error(f"no finished run of {given.name} in {given.here.resolve()}")
    print(markdown(table))


if __name__ == "__main__":
    main()
