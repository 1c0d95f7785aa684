"""benchmarks/default_profile.py on a made-up run."""

from __future__ import annotations

import os
from datetime import datetime

import pytest

from benchmarks.default_profile import markdown, profile

ENDED = datetime(2026, 11, 28, 0, 1, 0)


@pytest.fixture
def run(tmp_path):
    timings = tmp_path / "logs/default/timings"
    timings.mkdir(parents=True)

    def job(timing, log, seconds, lines):
        path = timings / f"{timing}.tsv"
        path.write_text(f"s\tmax_rss\n{seconds}\t1500.5\n")
        os.utime(path, (ENDED.timestamp(), ENDED.timestamp()))
        (tmp_path / f"logs/default/{log}.log").write_text("\n".join(lines))

    began = "23:59:40 mmaq.evaluate.predictions: predicting 1 methods and splits"
    job("evaluate_finetune_finetune_mmaq", "evaluate_finetune_finetune_mmaq", 90.0, [began])
    scratch = "evaluate_supervised_scratch_mmaq", "evaluate_scratch_mmaq"
    job(*scratch, 85.0, ["23:59:00 other: line", began])
    job("landuse", "landuse", 6.0, ["00:00:59 mmaq.landuse.stage: written"])
    return tmp_path


def test_start_is_told_from_work_where_the_log_says_when_work_began(run):
    table = profile(run, "default").set_index("rule")
    # the work of both lasted from before midnight until after it
    assert table.loc["evaluate_finetune", ["start", "work"]].tolist() == [10.0, 80.0]
    assert table.loc["evaluate_supervised", ["start", "work"]].tolist() == [5.0, 80.0]
    assert table.loc["landuse", ["start", "work"]].isna().all()
    assert table["memory_mb"].tolist() == [1500.5] * 3
    told = markdown(profile(run, "default")).splitlines()
    assert told[2] == "| evaluate_finetune | 1 | 90 | 10 | 80 | 1,500 |"
    assert told[-1] == "| **sum** | 3 | 181 | 15 | 160 |  |"
