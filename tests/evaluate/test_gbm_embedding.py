"""The stage of boosted trees on an encoder's embedding and the table."""

import pytest

from mmaq.base.errors import CheckpointError
from mmaq.config.evaluation import Evaluate
from mmaq.estimators import trees
from mmaq.evaluate.stage import evaluate_gbm_embedding
from tests.estimators.stations_made_up import make_data
from tests.evaluate.running import evaluate

QUICK = Evaluate(seeds=(0,), folds=3, bootstrap=50, splits=("random",))


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 30)


def _run(data, checkpoint, folder, method="mmaq"):
    given = {"checkpoints": [checkpoint], "method": method}
    return evaluate(evaluate_gbm_embedding, data, folder, QUICK, **given)


def test_it_is_a_reference_with_an_interval(data, checkpoint, tmp_path):
    rows, predictions = _run(data, checkpoint, tmp_path)
    assert set(rows["method"]) == {"gbm_embedding"}
    assert set(rows["protocol"]) == {"reference"}
    assert set(rows["modalities"]) == {"s2+s5p+table"}
    whole = rows[rows["group"] == "all"].set_index("metric")["value"]
    assert 0.7 < whole["coverage90"] <= 1.0
    assert predictions["site_id"].nunique() == 200


def test_another_encoders_images_are_named(data, checkpoints, tmp_path):
    rows, _ = _run(data, checkpoints("simclr"), tmp_path, "simclr")
    assert set(rows["modalities"]) == {"s2+table"}


def test_without_images_its_row_is_skipped_with_the_reason(tmp_path):
    data = make_data(tmp_path, size=40, absent=("s2", "s5p"))
    rows, predictions = _run(data, None, tmp_path)
    assert set(rows["reason"]) == {"no s2 patches: no images are given"}
    assert predictions.empty


def test_another_methods_checkpoint_is_refused(data, checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match="it was pretrained by barlow_twins"):
        _run(data, checkpoints("barlow_twins"), tmp_path)
    assert not list(tmp_path.iterdir())
