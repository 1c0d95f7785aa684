"""Ground services on loopback: no waiting, no one else's locks, no proxy."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def quick_services(tmp_path, monkeypatch):
    """Pauses between requests take no time, and slots lie in the test's own folder."""
    monkeypatch.setattr("mmaq.acquire.services.limits.wait", lambda seconds: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
