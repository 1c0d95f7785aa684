"""Services on loopback: no waiting, no one else's locks, no account, no proxy."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from mmaq.acquire.search import dhus

ACCOUNTS = ("CDSE_USERNAME", "CDSE_PASSWORD", "CDSE_TOTP", "DHUS_USERNAME", "DHUS_PASSWORD",
            "OPENAQ_API_KEY", "CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY")  # fmt: skip


@pytest.fixture(autouse=True)
def quick_services(tmp_path, monkeypatch):
    """Pauses take no time; slots and the home folder are the test's own."""
    monkeypatch.setattr("mmaq.acquire.services.limits.wait", lambda seconds: None)
    monkeypatch.setattr(dhus, "TRIES", dhus.TRIES.new(backoff_factor=0.0))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ACCOUNTS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def recorded(real_data):
    """Reads a recorded answer by its name."""
    return lambda name: json.loads((real_data / "apis" / name).read_text())


def table(*rows):
    """A table of places: (site_id, lon, lat)."""
    named = [(name, lon, lat, "LU", True) for name, lon, lat in rows]
    return pd.DataFrame(named, columns=["site_id", "lon", "lat", "country", "measured"])
