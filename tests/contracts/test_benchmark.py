from dataclasses import asdict

import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.base.files import write_json
from mmaq.contracts.benchmark import COLUMNS, Row, check_whole, read_benchmark, write_benchmark

ROW = Row(
    "made_up", "no2", "mmaq", "s2+s5p", "linear", "random", "r2", value=0.123456789, low=0.1,
    high=0.2, runs=3, n_train=80, n_test=20, seconds=1.5,
)  # fmt: skip
SKIPPED = Row(
    "made_up", "no2", "mean", "", "reference", "blocks", "r2", status="skipped",
    reason="no images, none at all",
)  # fmt: skip


def test_rows_come_back_as_they_were_written(tmp_path):
    write_benchmark([ROW, SKIPPED], tmp_path / "table.csv")
    table = read_benchmark(tmp_path / "table.csv")
    assert list(table.columns) == list(COLUMNS)
    first, second = table.to_dict("records")
    assert first == pytest.approx(asdict(ROW) | {"value": 0.123457, "reported": float("nan")},
                                  nan_ok=True)  # fmt: skip
    assert second["reason"] == SKIPPED.reason
    assert second["modalities"] == ""
    assert pd.isna(second["value"])


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_benchmark([ROW, SKIPPED], tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize(
    ("column", "value"),
    [("method", "mmaqq"), ("split", "blocs"), ("metric", "R2"), ("protocol", "probe"),
     ("task", "no"), ("status", "maybe")],
)  # fmt: skip
def test_an_unknown_name_is_refused_and_not_written(tmp_path, column, value):
    table = pd.DataFrame([asdict(ROW) | {column: value}])
    with pytest.raises(TableError, match=f"{column} '{value}' is unknown"):
        write_benchmark(table, tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a CSV table"),
        ("dataset,task\nmade_up,no2\n", "the columns are not the benchmark's"),
        (",".join(COLUMNS) + "\n" + "d,no2,mmaq,s2,linear,random,all,1,r2,much" + "," * 8 + "ok,\n",
         "columns|figures"),
    ],
)  # fmt: skip
def test_a_broken_table_is_named(tmp_path, text, fault):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=fault):
        read_benchmark(path)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(TableError, match="the benchmark table does not exist"):
        read_benchmark(tmp_path / "table.csv")


def test_a_table_that_is_cut_in_a_line_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    write_benchmark([ROW, SKIPPED], path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"table\.csv: it is cut off in its last line"):
        read_benchmark(path)


def test_a_table_that_is_cut_between_lines_is_refused(tmp_path):
    path, metrics = tmp_path / "table.csv", tmp_path / "metrics.json"
    write_json(metrics, {"rows": {"benchmark": 35}})
    check_whole({"benchmark": (path, 35)}, metrics)
    with pytest.raises(TableError, match=r"table\.csv: it holds 17 of the 35 rows made\. Run"):
        check_whole({"benchmark": (path, 17)}, metrics)
    with pytest.raises(TableError, match=r"metrics\.json: it does not count the rows of"):
        check_whole({"comparisons": (path, 17)}, metrics)
