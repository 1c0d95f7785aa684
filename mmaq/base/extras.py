"""Which extra of this package brings a library: a node installs what it runs (pyproject.toml)."""

from __future__ import annotations

import re
from importlib import metadata


def extra_of(module: str) -> str | None:
    """The extra that brings a module's library ("torch": "train"); none where no extra does."""
    try:
        asked = metadata.requires("mmaq") or []
    except metadata.PackageNotFoundError:  # the package is on the path, and not installed
        return None
    for each in asked:
        found = re.match(r"([\w.-]+).*;\s*extra\s*==\s*[\"'](\w+)[\"']", each)
        if found and _plain(found[1]) == _plain(module.split(".")[0]):
            return found[2]
    return None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
