"""The row of the benchmark table that a map's page shows."""

from types import SimpleNamespace

import pytest

from mmaq.contracts.benchmark import Row, write_benchmark
from mmaq.map.measured import at_stations


def _row(metric, value, **changes):
    given = {
        "dataset": "d", "task": "no2", "method": "gbm", "modalities": "table",
        "protocol": "reference", "split": "random", "metric": metric, "value": value,
        **changes,
    }  # fmt: skip
    return Row(**given)


def test_only_the_estimators_own_row_is_shown(tmp_path):
    others = (
        {"method": "ridge"},
        {"label_fraction": 0.1},
        {"group": "type:traffic"},
        {"task": "o3"},
    )
    rows = [_row("r2", 0.9, **each) for each in others]
    rows += [_row("r2", 0.5), _row("rmse", 3.0), _row("r2", 0.4, group="type:background")]
    rows += [_row("r2", 0.3, split="blocks"), _row("mae", 2.0), _row("coverage90", 0.9)]
    write_benchmark(rows, tmp_path / "benchmark.csv")
    tier = SimpleNamespace(method="gbm", protocol="reference")
    found = at_stations(tmp_path / "benchmark.csv", "no2", tier, "background")
    figures = found.set_index(["split", "group"])
    assert figures["r2"].to_dict() == {
        ("random", "all"): 0.5, ("random", "background"): 0.4, ("blocks", "all"): 0.3,
    }  # fmt: skip
    assert figures.loc[("random", "all"), "rmse"] == 3.0
    assert figures.loc[("random", "all"), "measured90"] == 0.9
    assert figures["true90"].isna().all()
    absent = SimpleNamespace(method="mmaq", protocol="fused")
    assert at_stations(tmp_path / "benchmark.csv", "no2", absent, "background").empty


def test_the_row_is_that_of_the_type_a_cell_stands_for(tmp_path):
    write_benchmark([_row("r2", 0.2, group="type:traffic")], tmp_path / "benchmark.csv")
    tier = SimpleNamespace(method="gbm", protocol="reference")
    found = at_stations(tmp_path / "benchmark.csv", "no2", tier, "traffic")
    assert found["r2"].to_list() == pytest.approx([0.2])
