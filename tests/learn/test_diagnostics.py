from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaq.base.errors import TrainingError
from mmaq.config.learning import Collapse
from mmaq.learn.history import correlation, effective_rank, measure, refuse_collapse, spread


def test_effective_rank():
    rng = np.random.default_rng(0)
    square = np.linalg.qr(rng.standard_normal((64, 8)))[0]
    square -= square.mean(0)
    assert effective_rank(torch.from_numpy(np.linalg.qr(square)[0])) == pytest.approx(8, rel=0.05)
    line = torch.outer(torch.arange(10.0), torch.ones(4))
    assert effective_rank(line) == pytest.approx(1.0, abs=1e-4)
    assert effective_rank(torch.ones(10, 4)) == 1.0


def test_spread_is_one_for_even_directions_and_zero_for_one():
    torch.manual_seed(0)
    even = torch.randn(4000, 16)
    assert spread(even) == pytest.approx(1.0, abs=0.02)
    assert spread(1000 * even) == pytest.approx(spread(even))
    assert spread(torch.outer(torch.rand(50) + 1, torch.ones(16))) == pytest.approx(0.0, abs=1e-6)


def test_correlation_equals_numpy_and_leaves_constant_dimensions_out():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 6)) @ rng.standard_normal((6, 6))
    matrix = np.abs(np.corrcoef(values.T))
    expected = matrix[~np.eye(6, dtype=bool)].mean()
    assert correlation(torch.from_numpy(values)) == pytest.approx(expected, rel=1e-9)
    more = np.column_stack([values, np.full(200, 3.0)])
    assert correlation(torch.from_numpy(more)) == pytest.approx(expected, rel=1e-9)
    assert correlation(torch.ones(10, 4)) == 0.0


def test_healthy_embeddings_pass():
    figures = measure({"s2": np.random.default_rng(0).standard_normal((64, 8))})
    assert set(figures) == {"rank_s2", "spread_s2", "correlation_s2"}
    refuse_collapse(figures, Collapse(), 3)


@pytest.mark.parametrize(
    ("values", "limits", "words"),
    [
        (np.outer(np.linspace(-1, 1, 64), np.ones(8)), Collapse(), "effective rank 1, at least"),
        (100 + 1e-3 * np.random.default_rng(0).standard_normal((64, 8)), Collapse(), "spread"),
        (
            np.random.default_rng(0).standard_normal((64, 1))
            + 1e-2 * np.random.default_rng(1).standard_normal((64, 8)),
            Collapse(rank=0, spread=0),
            "mean correlation 1, at most 0.99",
        ),
    ],
)
def test_collapse_is_one_line_that_says_what_to_change(values, limits, words):
    with pytest.raises(TrainingError, match=words) as caught:
        refuse_collapse(measure({"s5p": values}), limits, 3)
    assert "pretrain.learning_rate" in str(caught.value)
    assert "epoch 3: the s5p embeddings" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_embeddings_that_are_not_finite_are_refused():
    with pytest.raises(TrainingError, match="table embeddings are not finite"):
        measure({"table": np.array([[1.0, np.nan]])})
