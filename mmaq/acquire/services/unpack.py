"""Archives are unpacked inside their folder, whole or not at all."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from mmaq.base.errors import ServiceError
from mmaq.base.files import reading, replacing

RATIO = 100
"""Products are compressed already (JPEG 2000, deflate): a zip that grows more is no product."""

REMEDY = "Delete it and fetch it again; if it stays so, tell the service"


def unpack_zip(archive: Path, folder: Path) -> list[Path]:
    """Unpack ``archive`` as ``folder``, which is replaced as a whole; returns the files, sorted.

    Raises:
        ServiceError: not a zip, damaged, or with members that climb out of the folder, are links,
            devices or encrypted, are there twice, or unpack to far more than the archive holds.
    """
    with (
        reading(archive, ServiceError, "not a sound zip", REMEDY),
        zipfile.ZipFile(archive) as opened,
        replacing(folder) as temporary,
    ):
        members = [info for info in opened.infolist() if not info.is_dir()]
        _check(archive, members)
        temporary.mkdir()
        for info in members:
            target = temporary / info.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(info) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
    return sorted(folder / info.filename for info in members)


def _check(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    if not members:
        raise ServiceError(archive, "it holds no file", REMEDY)
    seen: set[str] = set()
    for info in members:
        fault = _fault(info) or ("is there twice" if info.filename in seen else "")
        if fault:
            raise ServiceError(archive, f"its member {info.filename!r} {fault}", REMEDY)
        seen.add(info.filename)
    size, packed = sum(info.file_size for info in members), archive.stat().st_size
    if size > RATIO * packed:
        raise ServiceError(archive, f"{packed} bytes that would unpack to {size}", REMEDY)
    free = shutil.disk_usage(archive.parent).free
    if size > free:
        fault = f"unpacks to {size} bytes, and the disk has {free}"
        raise ServiceError(archive, fault, "Free space and run the same command again")


def _fault(info: zipfile.ZipInfo) -> str:
    path = PurePosixPath(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in path.parts[0]:
        return "lies outside the folder"
    if kind not in (0, stat.S_IFREG):
        return "is no plain file"
    return "is encrypted" if info.flag_bits & 1 else ""
