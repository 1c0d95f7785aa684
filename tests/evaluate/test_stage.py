"""Rows that are made of test predictions and of the lines about them; nothing is fitted."""

import json

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.contracts.predictions import PREDICTIONS, read_fits, write_fits
from mmaq.contracts.sites import write_sites
from mmaq.statistics.groups import MIN_STATIONS, station_groups
from tests.estimators.stations_made_up import make_table
from tests.evaluate.running import tabulate

FULL, TREES = METHODS = (("mmaq", "linear", "s2+s5p"), ("gbm", "reference", "table"))
DRAWS = 50


def make_part(path, sites, methods, split="random", share=1.0, runs=(0, 1)):
    """Write predictions with made-up errors, and the lines about them."""
    rng = np.random.default_rng(1)
    parts, lines = [], []
    for method, protocol, modalities in methods:
        entry = {
            "task": "no2", "method": method, "protocol": protocol, "modalities": modalities,
            "label_fraction": share, "split": split,
        }  # fmt: skip
        for run in runs:
            part = pd.DataFrame({"site_id": sites["site_id"], "measured": sites["no2"]})
            part["prediction"] = part["measured"] + rng.normal(0, 4.0, len(sites))
            part["fold"] = np.arange(len(sites)) % 4
            parts.append(part.assign(run=run, seed=run, low=np.nan, high=np.nan, **entry))
        lines.append(
            {**entry, "n_train": 120, "n_test": 40, "seconds": 2.5, "status": "ok", "reason": ""}
        )
    table = pd.concat(parts, ignore_index=True)[list(PREDICTIONS)].astype(PREDICTIONS)
    table.to_parquet(path.with_suffix(".parquet"), index=False)
    write_fits(path.with_suffix(".csv"), lines)
    return path


@pytest.fixture
def sites():
    table, _, _ = make_table(160, np.random.default_rng(0), noise=8.0)
    return table


@pytest.fixture
def files(sites, tmp_path):
    """Two parts, the site table, and the folder that they lie in."""
    write_sites(sites, tmp_path / "sites.parquet")
    parts = [make_part(tmp_path / "a", sites, METHODS)]
    parts.append(make_part(tmp_path / "b", sites, [FULL, TREES], split="blocks"))
    parts.append(make_part(tmp_path / "few", sites, [FULL], share=0.1))
    return parts, tmp_path / "sites.parquet", tmp_path


def test_figures_of_all_and_of_each_group_are_those_of_its_stations(files, sites):
    parts, path, folder = files
    rows = tabulate(parts, path, folder, DRAWS)
    chosen = rows[(rows["metric"] == "rmse") & (rows["split"] == "random")]
    mine = (chosen["method"] == "gbm") & (chosen["label_fraction"] == 1.0)
    found = chosen[mine].set_index("group")["value"]
    table = pd.read_parquet(folder / "a.parquet")
    table = table[table["method"] == "gbm"]
    known = sites.set_index("site_id", drop=False)
    groups = {
        name: member
        for name, member in station_groups(known).items()
        if member.sum() >= MIN_STATIONS
    }
    assert set(found.index) == {"all", *groups}
    assert len(groups) > 3
    for name, member in {"all": np.full(160, True), **groups}.items():
        part = table[table["site_id"].isin(known.index[member])]
        error = np.square(part["prediction"] - part["measured"])
        expected = np.sqrt(error.groupby(part["run"]).mean()).mean()
        assert found[name] == pytest.approx(expected, rel=1e-5)


def test_a_share_of_the_labels_has_no_groups(files):
    parts, path, folder = files
    rows = tabulate(parts, path, folder, DRAWS)
    assert set(rows.loc[rows["label_fraction"] == 0.1, "group"]) == {"all"}


def test_rows_tell_what_the_fits_told(files):
    parts, path, folder = files
    rows = tabulate(parts, path, folder, DRAWS)
    assert set(rows["n_train"]) == {120}
    assert set(rows["seconds"]) == {2.5}
    assert set(rows["runs"]) == {2}
    whole = rows[(rows["group"] == "all") & (rows["metric"] == "rmse")]
    assert set(whole["n_test"]) == {40}
    values = whole.set_index(["method", "protocol", "split"])["value"]
    told = json.loads((folder / "metrics.json").read_text())
    assert told["no2"]["gbm"]["reference"]["table"]["blocks"]["rmse"] == pytest.approx(
        values["gbm", "reference", "blocks"]
    )


def test_a_second_table_is_the_same_to_the_byte(files):
    parts, path, folder = files
    tabulate(parts, path, folder, DRAWS)
    names = ("benchmark.csv", "metrics.json", "comparisons.csv")
    before = [(folder / name).read_bytes() for name in names]
    tabulate(parts, path, folder, DRAWS)
    assert [(folder / name).read_bytes() for name in names] == before
    tabulate(parts, path, folder, 2 * DRAWS)  # other resamples, other intervals
    assert (folder / "benchmark.csv").read_bytes() != before[0]


def _without_a_column(path):
    pd.read_csv(path).drop(columns="seconds").to_csv(path, index=False)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.unlink(), "the file does not exist"),
        (_without_a_column, "not a table of fits"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not a table of fits"),
    ],
)
def test_broken_lines_about_a_part_are_named(files, spoil, fault):
    parts, path, folder = files
    spoil(folder / "b.csv")
    with pytest.raises(TableError, match=rf"b\.csv: {fault}"):
        tabulate(parts, path, folder)
    assert not (folder / "benchmark.csv").exists()


def test_a_part_whose_lines_were_cut_is_named(files):
    """Else its methods would be missing in the table, without a word."""
    parts, path, folder = files
    lines = (folder / "b.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "b.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(TableError, match=r"b\.csv: no2 gbm reference .* has no line"):
        tabulate(parts, path, folder)
    assert not (folder / "benchmark.csv").exists()


def test_lines_come_back_as_they_were_written(tmp_path):
    entry = {
        "task": "no2", "method": "mean", "protocol": "reference", "modalities": "",
        "label_fraction": 1.0, "split": "random",
    }  # fmt: skip
    lines = [
        {**entry, "n_train": 3, "n_test": 1, "seconds": 0.25, "status": "ok", "reason": ""},
        {**entry, "n_train": 0, "n_test": 0, "seconds": np.nan, "status": "skipped",
         "reason": "no, really"},
    ]  # fmt: skip
    write_fits(tmp_path / "fits.csv", lines)
    pd.testing.assert_frame_equal(read_fits(tmp_path / "fits.csv"), pd.DataFrame(lines))
