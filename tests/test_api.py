"""The examples of mmaq.api run, on made-up data that lie where the default's lie."""

from __future__ import annotations

import doctest

import pytest

from mmaq import api
from mmaq.base.errors import CheckpointError
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.learning import Encoders
from mmaq.contracts.benchmark import Row, write_benchmark
from mmaq.predict.stage import fit, predict
from tests.estimators.stations_made_up import make_data


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "default"
    folder.mkdir(parents=True)
    sites, store, _ = make_data(folder, size=60)
    estimators = tmp_path / "results" / "estimators"
    fit(
        sites=sites, store=store, checkpoint=None, encoders=Encoders(),
        evaluate=Evaluate(seeds=(0,), threads=1), config=Predict(method="ridge"), chosen=None,
        out=estimators / "ridge_reference.safetensors",
    )  # fmt: skip
    rows = [
        Row("default", "no2", "ridge", "table", "reference", split, "r2", value=0.5)
        for split in ("random", "blocks")
    ]
    write_benchmark(rows, tmp_path / "results" / "benchmark.csv")
    return tmp_path


def test_the_examples_run(place):
    done = doctest.testmod(api, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 10
    assert done.failed == 0


def test_python_and_the_verb_give_the_same_table(place):
    import pandas as pd

    sites, store = place / "data/default/sites.parquet", place / "data/default/patches"
    path, out = place / "results/estimators/ridge_reference.safetensors", place / "asked.csv"
    predict(sites=sites, store=store, estimator=path, chosen=None, threads=1, out=out)
    asked = api.load_estimator(path).predict(sites, store)
    pd.testing.assert_frame_equal(asked, pd.read_csv(out))


def test_the_examples_name_all_that_is_there():
    functions = set(api.__all__) - {"FittedEstimator"}
    assert all(f"api.{name}(" in api.__doc__ for name in functions)


def test_a_file_that_is_no_estimator_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="the estimator does not exist"):
        api.load_estimator(tmp_path / "none.safetensors")
