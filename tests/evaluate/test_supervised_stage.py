"""Networks trained from random weights, as rows of the benchmark."""

import numpy as np
import pandas as pd
import pytest

from mmaq.config.evaluation import Evaluate, Finetune, Supervised
from mmaq.contracts.sites import read_sites, write_sites
from mmaq.estimators.features import EVERYTHING
from mmaq.evaluate.stage import evaluate_finetune, evaluate_supervised
from tests.estimators.stations_made_up import TINY, make_data
from tests.evaluate.running import evaluate

QUICK = Evaluate(
    seeds=(0, 1),
    folds=3,
    bootstrap=20,
    finetune=Finetune(epochs=1),
    supervised=Supervised(epochs=1, batch_size=64),
)


def _run(data, folder, protocol, method, split="random", config=QUICK, runs=2):
    return evaluate(
        evaluate_supervised, data, folder, config.model_copy(update={"splits": (split,)}),
        encoders=TINY, protocol=protocol, method=method, runs=runs,
    )  # fmt: skip


def _r2(rows):
    return rows.loc[(rows["metric"] == "r2") & (rows["group"] == "all"), "value"].item()


@pytest.mark.parametrize(
    ("protocol", "method", "modalities"),
    [
        ("supervised", "aqnet", "s2+s5p+table"),
        ("supervised", "two_stream", "s2+s5p"),
        ("scratch", "mmaq", "s2+s5p"),
        ("scratch", "mmaq_s2", "s2"),
        ("scratch", "mmcl", "s2"),
        ("scratch_all", "mmaq", EVERYTHING),
    ],
)
def test_rows_say_what_was_trained(data, tmp_path, protocol, method, modalities):
    rows, predictions = _run(data, tmp_path, protocol, method)
    assert set(rows["status"]) == {"ok"}
    names = rows[["method", "protocol", "modalities", "split"]].drop_duplicates()
    assert names.to_numpy().tolist() == [[method, protocol, modalities, "random"]]
    assert set(rows["runs"]) == {2}
    hold_outs = predictions[["run", "seed", "fold"]].drop_duplicates()
    assert hold_outs.to_numpy().tolist() == [[0, 0, 0], [1, 0, 1]]
    assert predictions["site_id"].is_unique
    assert np.isfinite(predictions["prediction"]).all()


def test_scratch_has_fine_tunings_stations_and_other_weights(data, checkpoint, tmp_path):
    _, scratch = _run(data, tmp_path, "scratch", "mmaq", "blocks")
    _, tuned = evaluate(
        evaluate_finetune, data, tmp_path, QUICK.model_copy(update={"splits": ("blocks",)}),
        checkpoints=[checkpoint] * 2, method="mmaq", protocol="finetune", calibrated=False,
    )  # fmt: skip
    same = ["split", "run", "seed", "fold", "site_id", "measured"]
    pd.testing.assert_frame_equal(scratch[same], tuned[same])
    assert not np.allclose(scratch["prediction"], tuned["prediction"])


@pytest.mark.slow
def test_shuffled_labels_teach_nothing(tmp_path):
    """With fewer passes a label among the inputs would hardly show: R2 is 0.8 to 0.96 by then."""
    data = make_data(tmp_path, shuffled=True)
    config = QUICK.model_copy(update={"supervised": Supervised(epochs=15, batch_size=16)})
    rows, _ = _run(data, tmp_path, "supervised", "aqnet", config=config, runs=1)
    assert _r2(rows) < 0.05


def test_missing_table_values_are_no_error(tmp_path):
    data = make_data(tmp_path, size=60)
    table = read_sites(data[0])
    table.loc[::2, "altitude"] = np.nan
    table.loc[::3, ["traffic", "industrial", "background"]] = np.nan
    write_sites(table, data[0])
    rows, predictions = _run(data, tmp_path, "supervised", "aqnet")
    assert set(rows["status"]) == {"ok"}
    assert np.isfinite(predictions["prediction"]).all()


def test_without_the_column_what_needs_it_is_skipped(tmp_path):
    data = make_data(tmp_path, size=60, absent=("s5p",))
    for protocol, method in (("supervised", "aqnet"), ("scratch", "mmaq"), ("scratch", "decur")):
        rows, predictions = _run(data, tmp_path, protocol, method)
        assert set(rows["reason"]) == {"no s5p patches: no images are given"}
        assert predictions.empty
    rows, _ = _run(data, tmp_path, "scratch", "mmaq_s2")
    assert set(rows["status"]) == {"ok"}


def test_one_country_cannot_be_left_out(tmp_path):
    data = make_data(tmp_path, size=60)
    table = read_sites(data[0])
    table["country"] = "DE"
    write_sites(table, data[0])
    rows, _ = _run(data, tmp_path, "supervised", "aqnet", "country")
    assert set(rows["status"]) == {"skipped"}
