"""A small published-layout folder with random pixels, and a pretraining run on it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.run.published_folder import SMALL, call, make_folder, random_pixels, small


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("published"), np.random.default_rng(5)
    make_folder(root, random_pixels(24, rng), rng)
    return root


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory, folder):
    """The working folder of a finished pretraining run; tests only add to it."""
    where = tmp_path_factory.mktemp("work")
    call(where, *small(folder, "pretrain", *SMALL, "--max_epochs", 2, "--batch_size", 8))
    return where
