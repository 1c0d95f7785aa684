"""Recorded answers, and places to search around."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from mmaq.acquire.search import dhus


@pytest.fixture(autouse=True)
def quick_hub(monkeypatch):
    """sentinelsat's own retries take no time."""
    monkeypatch.setattr(dhus, "TRIES", dhus.TRIES.new(backoff_factor=0.0))


@pytest.fixture
def recorded(real_data):
    """Reads a recorded answer by its name."""
    return lambda name: json.loads((real_data / "apis" / name).read_text())


def table(*rows):
    """A table of places: (site_id, lon, lat)."""
    named = [(name, lon, lat, "LU", True) for name, lon, lat in rows]
    return pd.DataFrame(named, columns=["site_id", "lon", "lat", "country", "measured"])
