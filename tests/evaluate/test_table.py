"""The table's order, the papers' figures beside it, and the figures for DVC."""

import json

import pytest

from mmaq.base.errors import TableError
from mmaq.contracts.benchmark import COLUMNS, Row, read_benchmark, write_benchmark
from mmaq.evaluate.table import write_metrics, write_rows
from mmaq.statistics.metrics import METRICS


def _rows(method, protocol, split="random", **values):
    return [
        Row("made_up", "no2", method, "s2+s5p", protocol, split, metric, value=1.0, **values)
        for metric in METRICS
    ]


@pytest.fixture
def rows():
    return [
        *_rows("gbm", "reference", "blocks"),
        *_rows("mmaq", "finetune"),
        *_rows("mmaq", "linear", "blocks"),
        *_rows("mmaq", "linear"),
        *_rows("mmaq_s2", "linear", status="skipped", reason="no, really"),
    ]


def test_the_order_does_not_depend_on_the_order_of_rows(rows, tmp_path):
    write_rows(rows, tmp_path / "one.csv")
    write_rows(rows[::-1], tmp_path / "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    table = read_benchmark(tmp_path / "one.csv")
    first = table.drop_duplicates(["split", "method", "protocol"])
    assert list(zip(first["split"], first["method"], first["protocol"], strict=True)) == [
        ("random", "mmaq", "linear"),
        ("random", "mmaq", "finetune"),
        ("random", "mmaq_s2", "linear"),
        ("blocks", "mmaq", "linear"),
        ("blocks", "gbm", "reference"),
    ]
    assert tuple(table["metric"][:5]) == METRICS


def test_the_papers_figures_stand_beside_the_random_split_alone(rows, tmp_path):
    write_rows(rows, tmp_path / "out.csv")
    reported = read_benchmark(tmp_path / "out.csv").dropna(subset=["reported"])
    keys = reported.set_index(["split", "method", "protocol", "metric"])["reported"]
    assert keys.to_dict() == {
        ("random", "mmaq", "linear", "r2"): 0.5863,
        ("random", "mmaq", "finetune", "r2"): 0.7507,
        ("random", "mmaq", "finetune", "mse"): 32.601,
    }


def test_the_papers_figures_are_of_no_group_share_or_other_pollutant(tmp_path):
    common = {"method": "mmaq", "protocol": "linear", "modalities": "s2+s5p", "split": "random",
              "metric": "r2", "value": 0.5, "dataset": "made_up"}  # fmt: skip
    rows = [
        Row(task="no2", **common),
        Row(task="no2", group="area:urban", **common),
        Row(task="no2", label_fraction=0.1, **common),
        Row(task="o3", **common),
    ]
    write_rows(rows, tmp_path / "out.csv")
    table = read_benchmark(tmp_path / "out.csv").set_index(["task", "group", "label_fraction"])
    known = table["reported"].dropna()
    assert known.to_dict() == {("no2", "all", 1.0): 0.5863}


def test_a_table_of_skipped_rows_alone_can_be_written(tmp_path):
    write_rows(_rows("mmaq", "linear", status="skipped", reason="no images"), tmp_path / "out.csv")
    assert set(read_benchmark(tmp_path / "out.csv")["reason"]) == {"no images"}


def test_a_row_that_stands_twice_is_refused(rows, tmp_path):
    twice = _rows("mmaq", "linear")
    with pytest.raises(TableError, match="mmaq, linear on random has two rows of r2"):
        write_rows([*rows, *twice], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_the_columns_are_those_of_the_contract(rows, tmp_path):
    write_rows(rows, tmp_path / "out.csv")
    header = (tmp_path / "out.csv").read_text().splitlines()[0]
    assert header == (
        "dataset,task,method,modalities,protocol,split,group,label_fraction,metric,value,low,"
        "high,runs,n_train,n_test,seconds,reported,status,reason"
    )
    assert header.split(",") == list(COLUMNS)


def test_metrics_are_the_main_figures_over_all_stations_and_labels(tmp_path):
    def row(task, method, protocol, modalities, metric, value, **more):
        return Row("made_up", task, method, modalities, protocol, "random", metric,
                   value=value, **more)  # fmt: skip

    rows = [
        row("no2", "mmaq", "linear", "s2+s5p", "r2", 0.5),
        row("no2", "mmaq", "linear", "s2+s5p", "rmse", 7.0),
        row("no2", "mmaq", "linear", "s2+s5p", "mse", 49.0),
        row("no2", "mmaq", "linear", "s2+s5p", "r2", 0.3, label_fraction=0.1),
        row("no2", "mmaq", "linear", "s2+s5p", "r2", 0.4, group="country:DE"),
        row("no2", "mean", "reference", "", "r2", 0.0),
        row("no2", "gbm", "reference", "table", "r2", None, status="skipped", reason="no, really"),
        row("o3", "mmaq", "linear", "s2+s5p", "r2", 0.2),
        row("fuel", "mmaq", "frozen", "s2", "accuracy", 0.6),
        row("plume", "mmaq", "frozen", "s2", "miou", 0.7),
    ]
    write_benchmark(rows, tmp_path / "benchmark.csv")
    write_metrics(tmp_path / "benchmark.csv", 3, tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "rows": {"benchmark": 10, "comparisons": 3},
        "no2": {
            "mmaq": {"linear": {"s2+s5p": {"random": {"r2": 0.5, "rmse": 7.0}}}},
            "mean": {"reference": {"none": {"random": {"r2": 0.0}}}},
        },
        "o3": {"mmaq": {"linear": {"s2+s5p": {"random": {"r2": 0.2}}}}},
        "fuel": {"mmaq": {"frozen": {"s2": {"random": {"accuracy": 0.6}}}}},
        "plume": {"mmaq": {"frozen": {"s2": {"random": {"miou": 0.7}}}}},
    }
