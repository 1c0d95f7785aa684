"""Whole files or none: everything MMAQ writes goes through a temporary name, then a rename."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmaq.base.errors import MmaqError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it on success, remove it on failure.

    The temporary name keeps the suffix, because GDAL and NetCDF choose by it. Works for a file
    and for a folder (a folder replaces the whole of an older one).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        _remove(temporary)


def remove_left_over(paths: Iterable[Path]) -> None:
    """Of temporary files, remove those that ``replacing`` made in processes that were killed."""
    for path in paths:
        named = re.search(r"\.(\d+)\.part", path.name)
        if named and path.is_file() and not _runs(int(named[1])):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # for another user
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON with a fixed key order, so that equal values give equal bytes."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str], error: type[MmaqError], remedy: str) -> Any:
    """Read JSON; a missing or broken file raises ``error`` with ``remedy``."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise error(path, "the file does not exist", remedy) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise error(path, f"not valid JSON ({fault})", remedy) from None


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
