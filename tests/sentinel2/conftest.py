from __future__ import annotations

import pytest

from tests.sentinel2.products import Country


@pytest.fixture
def country(tmp_path):
    return Country(tmp_path / "archive")
