"""The published data sets: records of Zenodo, fetched, verified, and unpacked to be read in place.

Interface: GET /records/ID answers ``files``, each with ``key``, ``size``, ``checksum`` ("md5:...")
and the address ``links.self``.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.unpack import unpack_zip
from mmaq.base.errors import ServiceError
from mmaq.base.files import replacing

IMAGES = ("sentinel-2", "sentinel-5p")

REMEDY = "Check the number of the record, or try again later"

log = logging.getLogger(__name__)


def plan_zenodo(record: str, endpoints: Mapping[str, str] = {}) -> dict[str, RemoteFile]:
    """The record's files by name, with size and MD5; nothing is downloaded.

    Raises:
        ServiceError: there is no such record, or the answer tells no files.
    """
    if not re.fullmatch(r"\d+", record):
        raise ServiceError(f"zenodo {record}", "not the number of a record", REMEDY)
    with Client(service("zenodo", endpoints)) as client:
        answer = client.get_json(f"{client.service.url}/records/{record}")
    found: dict[str, RemoteFile] = {}
    try:
        for file in answer["files"]:
            kind, _, total = file["checksum"].partition(":")
            name = file["key"]
            if name in ("", ".", "..") or "/" in name or "\\" in name or kind != "md5":
                raise ServiceError(f"zenodo {record}", f"a file is named {name!r}", REMEDY)
            found[name] = RemoteFile(href=file["links"]["self"], bytes=file["size"], md5=total)
    except (KeyError, TypeError) as fault:
        raise ServiceError(f"zenodo {record}", f"the answer lacks {fault}", REMEDY) from None
    if not found:
        raise ServiceError(f"zenodo {record}", "the record has no open file", REMEDY)
    return dict(sorted(found.items()))


def fetch_zenodo(record: str, folder: Path, endpoints: Mapping[str, str] = {}) -> Path:
    """Fetch a record into ``folder`` and unpack its zips there, each in a folder of its name.

    An archive is deleted once it is unpacked; a note of its MD5 stays, so that running again goes
    on from what is complete. Returns the folder to read from: where ``sentinel-2`` and
    ``sentinel-5p`` lie (``published.images``), or ``folder`` where the record has none.

    Raises:
        ServiceError: a file cannot be had, is another one than the record says, or is an archive
            that would unpack outside its folder.
    """
    files = plan_zenodo(record, endpoints)
    total = sum(file.bytes or 0 for file in files.values())
    for name, file in files.items():
        log.info("zenodo %s: %s, %d bytes", record, name, file.bytes)
    log.info("zenodo %s: %d files, %.1f GB", record, len(files), total / 1e9)
    with Client(service("zenodo", endpoints)) as client:
        for name, file in files.items():
            if name.endswith(".zip"):
                _fetch_zip(client, file, folder / name)
            else:
                fetch_file(client, file, folder / name)
    return published_root(folder)


def published_root(folder: Path) -> Path:
    """The folder at or below ``folder`` that holds the images; ``folder`` where there are none."""
    for candidate in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]:
        if any((candidate / name).is_dir() for name in IMAGES):
            return candidate
    return folder


def _fetch_zip(client: Client, file: RemoteFile, path: Path) -> None:
    target, note = path.with_suffix(""), path.with_suffix(".zip.md5")
    if target.is_dir() and note.exists() and note.read_text(encoding="utf-8").strip() == file.md5:
        log.info("%s is unpacked already", target)
        path.unlink(missing_ok=True)
        return
    fetch_file(client, file, path)
    note.unlink(missing_ok=True)
    unpack_zip(path, target)
    _flatten(target)
    with replacing(note) as temporary:
        temporary.write_text(f"{file.md5}\n", encoding="utf-8")
    path.unlink()


def _flatten(target: Path) -> None:
    """An archive that holds just a folder of its own name becomes that folder."""
    held = list(target.iterdir())
    if len(held) == 1 and held[0].is_dir() and held[0].name == target.name:
        with replacing(target) as temporary:
            shutil.move(held[0], temporary)
