"""The examples of mmaq.api run, on made-up data that lie where the default's lie."""

from __future__ import annotations

import doctest

import pandas as pd
import pytest

from mmaq import api
from mmaq.base.errors import CheckpointError
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.learning import Encoders
from mmaq.contracts.benchmark import Row, write_benchmark
from mmaq.predict.stage import fit, predict
from tests.estimators.stations_made_up import make_data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    top = tmp_path_factory.mktemp("api")
    folder = top / "data" / "default"
    folder.mkdir(parents=True)
    sites, store, _ = make_data(folder, size=60)
    fit(
        sites=sites, store=store, checkpoint=None, encoders=Encoders(),
        evaluate=Evaluate(seeds=(0,), threads=1), config=Predict(method="ridge"), chosen=None,
        out=top / "results" / "estimators" / "ridge_reference.safetensors",
    )  # fmt: skip
    rows = [
        Row("default", "no2", "ridge", "table", "reference", split, "r2", value=0.5)
        for split in ("random", "blocks")
    ]
    write_benchmark(rows, top / "results" / "benchmark.csv")
    return top


@pytest.fixture
def place(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def test_the_examples_run(place):
    done = doctest.testmod(api, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 10
    assert done.failed == 0


def test_python_and_the_verb_give_the_same_table(place, tmp_path):
    sites, store = place / "data/default/sites.parquet", place / "data/default/patches"
    path, out = place / "results/estimators/ridge_reference.safetensors", tmp_path / "asked.csv"
    predict(sites=sites, store=store, estimator=path, chosen=None, threads=1, out=out)
    asked = api.load_estimator(path).predict(sites, store)
    pd.testing.assert_frame_equal(asked, pd.read_csv(out))


def test_the_examples_name_all_that_is_there():
    functions = set(api.__all__) - {"FittedEstimator"}
    assert all(f"api.{name}(" in api.__doc__ for name in functions)


def test_a_file_that_is_no_estimator_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="the estimator does not exist"):
        api.load_estimator(tmp_path / "none.safetensors")
