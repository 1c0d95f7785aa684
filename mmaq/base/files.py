"""Whole files or none: everything MMAQ writes goes through a temporary name, then a rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmaq.base.errors import MmaqError

log = logging.getLogger(__name__)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it on success, remove it on failure.

    The temporary name keeps the suffix, because GDAL and NetCDF choose by it, and bears host and
    process, so that no two write to one file. Works for a file and for a folder (a folder replaces
    the whole of an older one, of a link that to which it leads).

    Raises:
        OSError: ``path`` cannot be written; whatever a library makes of a full disk, it is this.
            Or it is a disk of its own, which no folder can replace, or a folder where a file was
            written.
    """
    path = Path(path)
    if path.is_dir():
        path = path.resolve()
        if path.is_mount():
            raise OSError(errno.EBUSY, "it is a disk of its own", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_of(path)
    _remove(temporary)
    try:
        yield temporary
        if not path.is_dir():
            os.replace(temporary, path)
        elif temporary.is_file():
            raise OSError(errno.EISDIR, "it is a folder", str(path))
        else:
            _replace_folder(path, temporary)
    except Exception as fault:
        told = _of_disk(fault, temporary, path)
        if told is None:
            raise
        raise told from fault
    finally:
        _remove(temporary)


def _replace_folder(path: Path, new: Path) -> None:
    """Put a new folder in an old one's place; the old one goes whole or stays whole."""
    old = new.with_name(f"{new.name}.old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old)


def _of_disk(fault: Exception, temporary: Path, path: Path) -> OSError | None:
    """What a fault while ``path`` was written says of its disk, if it does; it names ``path``.

    NetCDF, GDAL, torch, safetensors and NumPy each have words of their own for a full disk, many
    without an error number or a name, so the disk itself is asked.
    """
    if isinstance(fault, MmaqError):
        return None
    named = fault.filename if isinstance(fault, OSError) else None
    if isinstance(fault, OSError) and fault.errno is not None and named is not None:
        if not str(named).startswith(str(temporary)):
            return None
        if number := _refuses(path.parent):  # NetCDF calls a full disk a lack of permission
            return OSError(number, os.strerror(number), str(path))
        return OSError(fault.errno, fault.strerror, str(path))
    if number := _refuses(path.parent):
        return OSError(number, os.strerror(number), str(path))
    if not isinstance(fault, OSError) or fault.errno is None:
        return None
    other = tempfile.gettempdir()
    where = other if fault.errno in FULL and _refuses(Path(other)) else str(path)
    return OSError(fault.errno, fault.strerror, where)


FULL = (errno.ENOSPC, errno.EDQUOT)
LITTLE = 2**20
"""Bytes that a disk takes unless it is full: libraries write in larger blocks, or leave less."""


def _refuses(folder: Path) -> int:
    """The error number with which a disk refuses a little more; 0 where it takes it."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            left = LITTLE
            while left:
                left -= stream.write(bytes(left))
    except OSError as fault:
        return fault.errno or 0
    return 0


def temporary_of(path: Path, host: str | None = None, process: int | None = None) -> Path:
    """Under which name ``path`` is written: by this process of this host, or by another one."""
    writer = f"{host or _host()}.{process or os.getpid()}"
    return path.with_name(f".{path.stem}.{writer}.part{path.suffix}")


def remove_left_over(paths: Iterable[Path]) -> None:
    """Of temporary files, remove those that ``replacing`` made in processes that were killed.

    Of this host's it is known which processes run. Another host of a shared folder cannot be
    asked: its files are left alone until nothing was written to them for three days, which is
    longer than any job runs here.
    """
    for path in paths:
        named = _TEMPORARY.search(path.name)
        if not named or not path.is_file():
            continue
        host, process = named[1], int(named[2])
        if not _runs(process) if host == _host() else _is_old(path):
            path.unlink(missing_ok=True)


_TEMPORARY = re.compile(r"\.([A-Za-z0-9-]+)\.(\d+)\.part")

OLD = 3 * 24 * 3600.0
"""Seconds after which a temporary file of another host was left by a process that was killed."""


def _host() -> str:
    """This host's name, fit for a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64] or "host"


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > OLD
    except FileNotFoundError:  # its own process has renamed it meanwhile
        return False


def _runs(process: int) -> bool:
    """Whether this host has the process."""
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


def files_below(folder: str | os.PathLike[str]) -> list[Path]:
    """All files below ``folder``, sorted by path; what cannot be seen is warned of in one line.

    Links to folders and files are followed, each folder once, however many links lead to it.
    Hidden files and folders, whose names begin with a dot, are none of the user's data: macOS
    leaves a ``._NAME`` beside every NAME, in the format of neither.
    """
    found: list[Path] = []
    unseen: list[Path] = []
    known: set[str] = set()
    waiting = [Path(folder)]
    while waiting:
        here = waiting.pop(0)
        real = os.path.realpath(here)
        if real in known:
            continue
        known.add(real)
        try:
            entries = sorted(here.iterdir())
        except OSError:
            unseen.append(here)
            continue
        shown = [entry for entry in entries if not entry.name.startswith(".")]
        # A folder before a link to it, so that its files keep their own paths.
        waiting += sorted((e for e in shown if e.is_dir()), key=lambda e: (e.is_symlink(), e))
        found += [entry for entry in shown if entry.is_file()]
        unseen += [entry for entry in shown if not entry.exists()]
    if unseen:
        log.warning(
            "%s: %d links or folders below it lead nowhere or cannot be read, the first %s",
            folder, len(unseen), min(unseen),
        )  # fmt: skip
    return sorted(found)


def state_of(path: str | os.PathLike[str], deep: bool = True) -> str:
    """A digest of a file, or of which files lie in a folder: path, size and time of change.

    Nothing is read, so that thousands of images take a moment. Links are followed and hidden files
    passed over, as by :func:`files_below`. What is not there has the state of an empty folder.

    Args:
        path: the file or the folder.
        deep: whether what lies in folders of the folder counts.
    """
    root, known = os.fspath(path), set[str]()
    found = [root] if os.path.isfile(root) else []
    for here, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(here)
        if real not in known:
            found += [os.path.join(here, name) for name in names if not name.startswith(".")]
        if real in known or not deep:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        known.add(real)
    digest = hashlib.sha256()
    for name in sorted(found):
        with contextlib.suppress(OSError):  # a link that leads nowhere
            about = os.stat(name)
            told = name.removeprefix(root), about.st_size, about.st_mtime_ns
            digest.update(repr(told).encode())
    return digest.hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON with a fixed key order, so that equal values give equal bytes."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str], error: type[MmaqError], remedy: str) -> Any:
    """Read JSON; a missing or broken file raises ``error`` with ``remedy``."""
    with reading(path, error, "not valid JSON", remedy):
        return json.loads(Path(path).read_bytes())  # it knows UTF-8, UTF-16 and UTF-32 by itself


@contextmanager
def reading(
    path: str | os.PathLike[str], error: type[MmaqError], fault: str, remedy: str
) -> Iterator[None]:
    """Let whatever a library makes of a damaged file be an ``error`` that names ``path``.

    Libraries raise dozens of types on files that are cut, or other than they should be. What the
    system says of a path or of memory is no damage, and passes.
    """
    try:
        yield
    except (MmaqError, MemoryError):
        raise
    except FileNotFoundError:
        raise error(path, "the file does not exist", remedy) from None
    except Exception as found:
        if isinstance(found, OSError) and (found.errno or 0) > 0 and found.filename is not None:
            raise
        told = str(found).strip().splitlines() or [type(found).__name__]
        raise error(path, f"{fault} ({told[0][:300]})", remedy) from None


def refuse_cut(path: str | os.PathLike[str], error: type[MmaqError], remedy: str) -> None:
    """Refuse a text file whose last line has no end: a copy or a transfer of it was cut short."""
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - 1, 0))
        if size and stream.read(1) not in (b"\n", b"\r"):
            raise error(path, "it is cut off in its last line", remedy)


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
