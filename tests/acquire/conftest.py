"""Every test here has a home of its own, no credentials, and a clock that waits for nothing."""

from __future__ import annotations

import pytest

SECRET_VARIABLES = (
    "CDSE_USERNAME", "CDSE_PASSWORD", "CDSE_TOTP", "CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY",
    "OPENAQ_API_KEY", "DHUS_USERNAME", "DHUS_PASSWORD", "NETRC", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_PROFILE", "AWS_CONFIG_FILE",
)  # fmt: skip
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """The user's home folder, empty."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    for name in (*SECRET_VARIABLES, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Seconds that would have been waited, in order."""
    seconds: list[float] = []
    monkeypatch.setattr("mmaq.acquire.services.limits.wait", seconds.append)
    return seconds
