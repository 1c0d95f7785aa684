"""Boosted trees on an encoder's embedding and the table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from stations_made_up import make_data

from mmaq.base.errors import CheckpointError
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import read_benchmark
from mmaq.estimators import references
from mmaq.estimators.embedding_trees import COMPONENTS, embedding_trees
from mmaq.estimators.references import boosted_trees
from mmaq.evaluate.stage import evaluate_gbm_embedding
from mmaq.statistics.ridge import join_blocks
from mmaq.statistics.splits import Fold

QUICK = Evaluate(seeds=(0,), folds=3, bootstrap=50, splits=("random",))


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setitem(references.BOOSTING, "max_iter", 30)


def _run(data, checkpoint, folder, method="mmaq"):
    out, predictions = folder / "trees.csv", folder / "trees.parquet"
    evaluate_gbm_embedding(
        sites=data[0],
        store=data[1],
        checkpoint=checkpoint,
        config=QUICK,
        dataset="made_up",
        method=method,
        out=out,
        predictions=predictions,
    )
    return read_benchmark(out), pd.read_parquet(predictions)


def test_it_is_a_reference_with_an_interval(data, checkpoint, tmp_path):
    rows, predictions = _run(data, checkpoint, tmp_path)
    assert set(rows["method"]) == {"gbm_embedding"}
    assert set(rows["protocol"]) == {"reference"}
    assert set(rows["modalities"]) == {"s2+s5p+table"}
    whole = rows[rows["group"] == "all"].set_index("metric")["value"]
    assert whole["r2"] > 0.2
    assert 0.7 < whole["coverage90"] <= 1.0
    assert predictions["site_id"].nunique() == 200


def test_another_encoders_images_are_named(data, checkpoints, tmp_path):
    rows, _ = _run(data, checkpoints("simclr"), tmp_path, "simclr")
    assert set(rows["modalities"]) == {"s2+table"}


def test_the_trees_see_components_of_the_training_stations_and_the_table():
    rng = np.random.default_rng(2)
    blocks, table = (
        {1: [rng.normal(size=(150, 40)), rng.normal(size=(150, 5))]},
        rng.normal(size=(150, 3)),
    )
    target = rng.normal(20, 8, 150)
    fold = Fold(np.arange(100), np.arange(100, 150))
    features = join_blocks(blocks[1], fold.train)
    rotation = PCA(COMPONENTS, random_state=1).fit(features[:100])
    inputs = np.hstack([rotation.transform(features), table])
    expected = boosted_trees(inputs[:100], target[:100], inputs[100:], 1)
    np.testing.assert_allclose(embedding_trees(blocks, table, target)(fold, 1), expected)


def test_the_table_and_the_embedding_each_add_something():
    rng = np.random.default_rng(3)
    hidden, known = rng.normal(size=(2, 300))
    blocks = {0: [hidden[:, None] + rng.normal(0, 0.3, (300, 30))]}
    target = 20 + 4 * hidden + 4 * known
    fold = Fold(np.arange(200), np.arange(200, 300))

    def error(blocks, table):
        found = embedding_trees(blocks, table, target)(fold, 0)
        return np.square(found - target[fold.test]).mean()

    noise = rng.normal(size=(300, 30))
    both = error(blocks, known[:, None])
    assert both < 0.6 * error({0: [noise]}, known[:, None])
    assert both < 0.6 * error(blocks, noise[:, :1])


def test_a_dozen_stations_are_enough():
    rng = np.random.default_rng(4)
    blocks, fold = {0: [rng.normal(size=(12, 30))]}, Fold(np.arange(8), np.arange(8, 12))
    found = embedding_trees(blocks, rng.normal(size=(12, 8)), rng.normal(20, 5, 12))(fold, 0)
    assert np.isfinite(found).all()


def test_without_images_its_row_is_skipped_with_the_reason(tmp_path):
    data = make_data(tmp_path, size=40, absent=("s2", "s5p"))
    rows, predictions = _run(data, None, tmp_path)
    assert set(rows["reason"]) == {"no s2 patches: no images are given"}
    assert predictions.empty


def test_another_methods_checkpoint_is_refused(data, checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match="it was pretrained by barlow_twins"):
        _run(data, checkpoints("barlow_twins"), tmp_path)
    assert not list(tmp_path.iterdir())
