"""The stage of what reads an encoder's embedding beside other inputs."""

import pandas as pd
import pytest

from mmaq.base.errors import CheckpointError
from mmaq.config.evaluation import Evaluate
from mmaq.estimators import geostatistics, trees
from mmaq.estimators.features import EVERYTHING
from mmaq.evaluate.stage import evaluate_mixes, evaluate_references
from mmaq.vocabulary import BESIDE_MIXES
from tests.estimators.stations_made_up import make_data
from tests.evaluate.running import evaluate

QUICK = Evaluate(seeds=(0,), folds=3, bootstrap=20, splits=("random",))


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 30)


def _run(data, checkpoint, folder, method="mmaq", references=()):
    given = {"checkpoints": [checkpoint], "method": method, "references": references}
    return evaluate(evaluate_mixes, data, folder, QUICK, **given)


def test_they_are_references_with_intervals(data, checkpoint, tmp_path):
    rows, predictions = _run(data, checkpoint, tmp_path)
    assert set(rows["method"]) == {"gbm_embedding", "stack"}
    assert set(rows["protocol"]) == {"reference"}
    inputs = rows.groupby("method")["modalities"].unique().map(list).to_dict()
    assert inputs == {"gbm_embedding": ["s2+s5p+table"], "stack": [EVERYTHING]}
    whole = rows[(rows["group"] == "all") & (rows["metric"] == "coverage90")]
    assert whole["value"].between(0.7, 1.0).all()
    assert len(whole) == 2
    assert predictions["site_id"].nunique() == 200


def test_references_that_share_with_the_stack_are_those_of_their_own_job(
    data, checkpoint, tmp_path, monkeypatch
):
    """Also that what they share is made once: trees of three folds for two stacks."""
    monkeypatch.setattr(geostatistics, "LIKELIHOOD", 100)
    grown = []
    fit = trees.Trees.fit
    monkeypatch.setattr(
        trees.Trees,
        "fit",
        lambda self, *given, **seed: grown.append(self) or fit(self, *given, **seed),
    )
    names = ("stack_without_mmaq",)
    (tmp_path / "alone").mkdir()
    alone, _ = evaluate(
        evaluate_references, data, tmp_path / "alone", QUICK, archive=None, references=names
    )
    by_itself = len(grown)
    rows, _ = _run(data, checkpoint, tmp_path, references=names)
    assert len(grown) == 2 * by_itself
    shared = rows[rows["method"] == "stack_without_mmaq"].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared.drop(columns="seconds"), alone.drop(columns="seconds"))
    assert set(rows["method"]) == {"gbm_embedding", "stack", *names}


def test_each_reference_is_tested_in_one_job():
    mixed, plain = Evaluate(), Evaluate(mixes=())
    assert plain.by_themselves == plain.references
    assert plain.beside_mixes == ()
    assert mixed.beside_mixes == BESIDE_MIXES
    assert {*mixed.by_themselves, *mixed.beside_mixes} == set(mixed.references)
    assert not {*mixed.by_themselves} & {*mixed.beside_mixes}


def test_another_encoders_images_are_named(data, checkpoints, tmp_path):
    rows, _ = _run(data, checkpoints("simclr"), tmp_path, "simclr")
    assert set(rows["modalities"]) == {"s2+table", EVERYTHING}


def test_without_images_its_row_is_skipped_with_the_reason(tmp_path):
    data = make_data(tmp_path, size=40, absent=("s2", "s5p"))
    rows, predictions = _run(data, None, tmp_path)
    assert set(rows["reason"]) == {"no s2 patches: no images are given"}
    assert predictions.empty


def test_another_methods_checkpoint_is_refused(data, checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match="it was pretrained by barlow_twins"):
        _run(data, checkpoints("barlow_twins"), tmp_path)
    assert not list(tmp_path.iterdir())
