"""A search for secrets in whatever a run has written."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus


def leaks(folder: Path, secrets: Iterable[str], told: str = "", user: str = "") -> list[str]:
    """Files below ``folder``, or "output" for ``told``, that hold a secret in some form.

    As it is, as in an address, in base 64 alone and with the user's name (as in HTTP's Basic).
    The user's own .netrc is passed over.
    """
    forms: set[bytes] = set()
    for secret in secrets:
        plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
        coded = {base64.b64encode(text.encode()).decode() for text in (secret, f"{user}:{secret}")}
        forms |= {form.rstrip("=").encode() for form in plain | coded}
    texts = {"output": told.encode()}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".netrc":
            texts[str(path)] = str(path).encode() + path.read_bytes()
    return [name for name, text in texts.items() if any(form in text for form in forms)]
