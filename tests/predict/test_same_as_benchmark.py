"""What is fitted and asked elsewhere is what the table measured, bit for bit."""

import numpy as np
import pandas as pd
import pytest

from mmaq.config.evaluation import Evaluate, Finetune, Predict, Supervised
from mmaq.contracts.predictions import read_predictions
from mmaq.estimators import trees
from mmaq.evaluate.stage import (
    evaluate_finetune,
    evaluate_mixes,
    evaluate_probes,
    evaluate_references,
    evaluate_supervised,
)
from mmaq.evaluate.task import read_task
from mmaq.predict import stage
from mmaq.statistics.splits import outer_folds, related
from tests.estimators.stations_made_up import TINY
from tests.forked import PROCESSES

SPLIT = "blocks"
"""The one whose folds and inner folds keep a distance too."""
CONFIG = Evaluate(
    seeds=(0,), folds=2, splits=(SPLIT,), buffer_km=40, label_fractions=(), threads=1,
    heads=("linear", "fused", "knn", "sgd_probe"),
    references=("mean", "ridge", "gbm_pixels", "gbm_geo_kriging"),
    finetune=Finetune(epochs=1), supervised=Supervised(epochs=1, batch_size=32),
)  # fmt: skip
ROWS = {
    ("mean", "reference"): "", ("ridge", "reference"): "table",
    ("gbm_pixels", "reference"): "s2+s5p+table", ("gbm_geo_kriging", "reference"): "table+geo",
    ("gbm_embedding", "reference"): "s2+s5p+table", ("mmaq", "linear"): "s2+s5p",
    ("mmaq", "fused"): "s2+s5p+table", ("mmaq", "knn"): "s2+s5p", ("mmaq", "sgd_probe"): "s2+s5p",
    ("mmaq", "finetune"): "s2+s5p", ("mmaq", "scratch"): "s2+s5p",
    ("aqnet", "supervised"): "s2+s5p+table",
}  # fmt: skip
"""Method and protocol, and the modalities of their row."""


def _ask(asked):
    for given in asked:
        stage.predict(threads=1, **given)


def _measure(data, checkpoint, folder):
    """The benchmark's test predictions of fold 0 in the first run."""
    sites, store, archive = data
    out = []

    def run(evaluate, **given):
        out.append(folder / f"{len(out)}.parquet")
        fits = folder / "fits.csv"
        evaluate(sites=sites, store=store, config=CONFIG, out=out[-1], fits=fits, **given)

    pretrained = {"checkpoints": [checkpoint], "method": "mmaq"}
    run(evaluate_references, archive=archive, references=CONFIG.references)
    run(evaluate_probes, calibrated=True, **pretrained)
    run(evaluate_mixes, references=(), **pretrained)
    run(evaluate_finetune, protocol="finetune", calibrated=True, **pretrained)
    random = {"encoders": TINY, "runs": 1}
    run(evaluate_supervised, protocol="scratch", method="mmaq", **random)
    run(evaluate_supervised, protocol="supervised", method="aqnet", **random)
    table = pd.concat([read_predictions(path) for path in out])
    return table[(table["fold"] == 0) & (table["run"] == 0)]


def _fit_and_ask(data, checkpoint, folder):
    """The benchmark's predictions, and those of another process from files, by row."""
    sites, store, _ = data
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trees.BOOSTING, "num_iterations", 10)
        # What answers where images are missing is beside the point: all these places have them.
        patch.setattr(stage, "WITHOUT_IMAGES", "mean")
        measured = _measure(data, checkpoint, folder)
        task = read_task(sites, store, "no2")
        stations = related(task.table, SPLIT, task.copies, CONFIG.buffer_km, CONFIG.block_degrees)
        fold = outer_folds(task.table, SPLIT, CONFIG.folds, stations, 0)[0]
        for name in ("train", "test"):
            chosen = pd.DataFrame({"site_id": task.site_id[getattr(fold, name)]})
            chosen.to_csv(folder / f"{name}.csv", index=False)
        for method, protocol in ROWS:
            name = f"{method}_{protocol}"
            stage.fit(
                sites=sites, store=store, checkpoint=checkpoint, encoders=TINY, evaluate=CONFIG,
                chosen=folder / "train.csv",
                config=Predict(method=method, protocol=protocol, split=SPLIT),
                out=folder / f"{name}.safetensors",
            )  # fmt: skip
            given = {
                "sites": sites, "store": store, "chosen": folder / "test.csv",
                "estimator": folder / f"{name}.safetensors", "out": folder / f"{name}.csv",
            }  # fmt: skip
            asked.append(given)
    process = PROCESSES.Process(target=_ask, args=(asked,))
    process.start()
    process.join()
    assert process.exitcode == 0
    tables = {
        row: pd.read_csv(folder / f"{'_'.join(row)}.csv", float_precision="round_trip")
        for row in ROWS
    }
    return measured, {row: table.set_index("site_id") for row, table in tables.items()}


@pytest.mark.slow
def test_a_fitted_file_predicts_what_the_table_measured(data, checkpoint, tmp_path):
    """One test of all rows: workers side by side would each fit them all."""
    measured, found = _fit_and_ask(data, checkpoint, tmp_path)
    assert len(found) == len(ROWS)
    for (method, protocol), table in found.items():
        names = {
            "method": method, "protocol": protocol, "split": SPLIT,
            "modalities": ROWS[method, protocol],
        }  # fmt: skip
        mine = np.logical_and.reduce([measured[name] == value for name, value in names.items()])
        expected = measured[mine].set_index("site_id")
        assert len(expected) > 30
        assert table.index.tolist() == expected.index.tolist()
        # a concentration is not negative, and ends at 0 where the model's is
        floored = np.maximum(expected["prediction"], 0.0)
        np.testing.assert_array_equal(table["no2"], floored, err_msg=str(names))
        if protocol not in ("scratch", "supervised"):  # whose rows have no intervals
            for bound in ("low", "high"):
                assert expected[bound].notna().all(), names
                np.testing.assert_array_equal(table[bound], expected[bound], err_msg=str(names))
