"""Reading of predictions, losses and timings."""

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.base.files import write_json
from mmaq.report.inputs import (
    COMPARISONS,
    PREDICTIONS,
    read_comparisons,
    read_losses,
    read_predictions,
    read_timings,
)
from mmaq.stages import timings_by_rule


@pytest.mark.parametrize("column", PREDICTIONS)
def test_predictions_lack_a_column(inputs, tmp_path, column):
    path = tmp_path / "broken.parquet"
    pd.read_parquet(inputs.predictions[0]).drop(columns=column).to_parquet(path)
    with pytest.raises(TableError, match=f"column '{column}' is missing"):
        read_predictions([path])


def test_prediction_is_not_a_number(inputs, tmp_path):
    path = tmp_path / "broken.parquet"
    table = pd.read_parquet(inputs.predictions[0])
    table.loc[table.index[3], "prediction"] = np.nan
    table.to_parquet(path)
    with pytest.raises(TableError, match="prediction of mean at site 'S0003' is not a number"):
        read_predictions([path])


def test_predictions_are_not_parquet(tmp_path):
    path = tmp_path / "text.parquet"
    path.write_text("method,protocol\n")
    with pytest.raises(TableError, match="not a Parquet file"):
        read_predictions([path])


def test_no_predictions_give_no_rows():
    table = read_predictions([])
    assert list(table) == list(PREDICTIONS)
    assert table.empty


def test_losses_without_a_place_in_the_run(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("loss\n1.0\n")
    with pytest.raises(TableError, match="column 'epoch' is missing"):
        read_losses(path)


def test_losses_are_empty(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("")
    with pytest.raises(TableError, match="not a table"):
        read_losses(path)


def test_timings_name_the_rule_and_its_job(inputs):
    table = read_timings(inputs.timings).set_index(["rule", "job"])["seconds"]
    assert table["grid_part", "2021Q1"] == pytest.approx(8.0)
    assert table["grid_part", "2021Q2"] == pytest.approx(9.5)
    assert table["pretrain", "mmaq"] == pytest.approx(214.0)
    assert table["evaluate_finetune", "finetune_mmaq"] == pytest.approx(118.0)
    assert table["grid", ""] == pytest.approx(0.4)


def test_jobs_of_one_rule_are_one_rule(tmp_path):
    """Eleven jobs of four rules, a rule whose name begins with another's, and a file of none."""
    jobs = {
        "evaluate_mixes": ["mmaq", "decur", "barlow_twins"],
        "evaluate_supervised": [
            "scratch_mmaq", "scratch_all_mmaq", "supervised_aqnet"
        ],
        "evaluate_transfer_references": ["fuel"],
        "evaluate_transfer": ["fuel_mmaq", "plume_mmaq", "fuel_barlow_twins"],
        "landuse_published": [""],
        "grid_and_drop_part": ["2021Q1"],
    }  # fmt: skip
    names = [f"{rule}_{job}".strip("_") for rule, own in jobs.items() for job in own]
    for name in (*names, "grid", "an_older_rule"):
        (tmp_path / f"{name}.tsv").write_text("s\tmax_rss\n1.0\t5.0\n")
    found = read_timings(timings_by_rule(sorted(tmp_path.iterdir())))
    read = {rule: sorted(own) for rule, own in found.groupby("rule")["job"]}
    assert read == {rule: sorted(own) for rule, own in jobs.items()} | {"grid": [""]}


def test_comparisons_with_a_verdict_of_their_own(inputs, tmp_path):
    table = pd.read_csv(inputs.comparisons)
    table.loc[2, "verdict"] = "perhaps"
    table.to_csv(tmp_path / "comparisons.csv", index=False)
    with pytest.raises(TableError, match="verdict 'perhaps' is none of better, worse, open"):
        read_comparisons(tmp_path / "comparisons.csv")


@pytest.mark.parametrize("column", COMPARISONS)
def test_comparisons_lack_a_column(inputs, tmp_path, column):
    path = tmp_path / "comparisons.csv"
    pd.read_csv(inputs.comparisons).drop(columns=column).to_csv(path, index=False)
    with pytest.raises(TableError, match=f"column '{column}' is missing"):
        read_comparisons(path)


def test_timings_without_memory(tmp_path):
    """Snakemake writes a dash where a job was too short to be sampled."""
    path = tmp_path / "grid.tsv"
    path.write_text("s\th:m:s\tmax_rss\n0.02\t0:00:00\t-\n")
    row = read_timings({"grid": [path]}).iloc[0]
    assert row["seconds"] == pytest.approx(0.02)
    assert np.isnan(row["memory_mb"])


def test_absent_timing_is_left_out(tmp_path):
    assert read_timings({"grid": [tmp_path / "grid.tsv"]}).empty


def test_timings_lack_a_column(tmp_path):
    path = tmp_path / "grid.tsv"
    path.write_text("seconds\n1\n")
    with pytest.raises(TableError, match="column 's' is missing"):
        read_timings({"grid": [path]})


def test_a_table_that_was_cut_short_makes_no_page(inputs, tmp_path):
    lines = inputs.benchmark.read_text(encoding="utf-8").splitlines(keepends=True)
    count = {"benchmark": len(lines) - 1, "comparisons": len(read_comparisons(inputs.comparisons))}
    write_json(tmp_path / "metrics.json", {"rows": count})
    (tmp_path / "benchmark.csv").write_text("".join(lines[:18]), encoding="utf-8")
    cut = inputs.but(benchmark=tmp_path / "benchmark.csv", metrics=tmp_path / "metrics.json")
    with pytest.raises(TableError, match=f"it holds 17 of the {count['benchmark']} rows made"):
        cut.write(tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    pairs = inputs.comparisons.read_text(encoding="utf-8").splitlines(keepends=True)[:-3]
    (tmp_path / "comparisons.csv").write_text("".join(pairs), encoding="utf-8")
    cut = inputs.but(comparisons=tmp_path / "comparisons.csv", metrics=tmp_path / "metrics.json")
    with pytest.raises(TableError, match=r"comparisons\.csv: it holds \d+ of the"):
        cut.write(tmp_path / "report.html")
