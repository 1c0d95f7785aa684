"""`mmaq fit` and `mmaq predict`, as people type them."""

import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from mmaq.base.errors import CheckpointError, ConfigError
from mmaq.cli import app
from mmaq.contracts.estimator import read_estimator

CONFIG = """
name: made_up
evaluate: {seeds: [0], threads: 1}
pretrain: {encoders: {s2_input: 8, s5p_input: 6, table_width: 16}}
"""


@pytest.fixture
def place(data, checkpoint, tmp_path, monkeypatch):
    """The working folder of a data set that has its stations, patches and encoders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    folder = tmp_path / "data" / "made_up"
    folder.mkdir(parents=True)
    shutil.copy(data[0], folder / "sites.parquet")
    shutil.copytree(data[1], folder / "patches")
    (tmp_path / "checkpoints" / "made_up").mkdir(parents=True)
    shutil.copy(checkpoint, tmp_path / "checkpoints" / "made_up" / "mmaq_run0.safetensors")
    return tmp_path


def call(*arguments):
    done = CliRunner().invoke(app, [*map(str, arguments), "--config", "mine.yaml"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_reference_needs_no_protocol(place):
    assert call("fit", "--method", "gbm").exit_code == 0
    path = place / "results" / "made_up" / "estimators" / "gbm_reference.safetensors"
    _, tiers = read_estimator(path)
    assert {(each.method, each.protocol) for each in tiers} == {("gbm", "reference")}
    assert {each.stations for each in tiers} == {200}


def test_a_pretrained_method_is_fused_unless_another_protocol_is_named(place):
    assert call("fit", "--method", "mmaq", "--out", "fused").exit_code == 0
    linear = ["--method", "mmaq", "--protocol", "linear", "--split", "random", "--out", "linear"]
    assert call("fit", *linear).exit_code == 0
    assert [read_estimator(name)[1][0].protocol for name in ("fused", "linear")] == [
        "fused", "linear"
    ]  # fmt: skip


def test_a_method_does_not_take_over_the_configured_protocol(place):
    (place / "mine.yaml").write_text(CONFIG + "predict: {method: mmaq, protocol: linear}\n")
    assert call("fit", "--method", "mean", "--out", "mean").exit_code == 0
    assert read_estimator("mean")[1][0].protocol == "reference"


def test_some_stations_are_fitted_to_and_some_sites_are_asked(place, data):
    sites = pd.read_parquet(data[0])["site_id"]
    sites[:60].to_csv("train.csv", index=False)
    sites[60:75].to_csv("test.csv", index=False)
    assert (
        call("fit", "--method", "ridge", "--stations", "train.csv", "--out", "mine").exit_code == 0
    )
    assert read_estimator("mine")[1][0].stations == 60
    asked = call("predict", "--estimator", "mine", "--sites", "test.csv", "--out", "asked.csv")
    assert asked.exit_code == 0
    found = pd.read_csv("asked.csv")
    assert list(found) == ["site_id", "lon", "lat", "no2", "low", "high", "inputs"]
    assert found["site_id"].tolist() == sites[60:75].tolist()
    assert set(found["inputs"]) == {"table+type"}


def test_both_verbs_find_their_files_by_the_configuration(place):
    (place / "mine.yaml").write_text(CONFIG + "predict: {method: mean}\n")
    with pytest.raises(CheckpointError, match="the estimator does not exist"):
        call("predict")
    assert call("fit").exit_code == 0
    assert call("predict").exit_code == 0
    found = pd.read_csv(place / "results" / "made_up" / "predictions.csv")
    assert len(found) == 200
    assert found["no2"].nunique() == 1


def test_a_list_of_sites_beside_places_is_refused(place):
    (place / "list.csv").write_text("site_id\nST0001\n")
    with pytest.raises(ConfigError, match="--at: it names places, and --sites a list of others"):
        call("predict", "--sites", "list.csv", "--at", "8.6,53.1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "mmaqq"], "the command line: predict.method: Input should be 'mmaq'"),
        (["--method", "oracle"], "the command line: predict.method: Input should be 'mmaq'"),
        (["--protocol", "frozen"], "the command line: predict.protocol: Input should be 'linear'"),
        (["--method", "gbm", "--protocol", "fused"], "there is no estimator gbm under fused"),
        (["--method", "aqnet", "--protocol", "scratch"], "no estimator aqnet under scratch"),
        (["--method", "mmaq", "--protocol", "supervised"], "no estimator mmaq under supervised"),
        (["--method", "random_init", "--protocol", "finetune"],
         "no estimator random_init under finetune"),
    ],
)  # fmt: skip
def test_what_stands_in_no_row_is_one_line(place, options, message):
    with pytest.raises(ConfigError, match=message) as raised:
        call("fit", *options)
    assert "\n" not in str(raised.value)
    assert not (place / "results").exists()


def test_a_table_is_not_made_of_what_a_stopped_pretraining_lacks(place):
    """Only run 0 of mmaq is there: of three runs, and of four methods."""
    brief = CONFIG.replace("threads: 1", "threads: 1, splits: [random], references: [mean]")
    (place / "mine.yaml").write_text(brief)
    with pytest.raises(CheckpointError, match="mmaq is not pretrained to its end") as caught:
        call("evaluate")
    assert "mmaq_run1.safetensors" in str(caught.value)
    assert "Run `mmaq pretrain --method mmaq`" in str(caught.value)
    assert not (place / "results").exists()
