"""Sizes and checksums of a file, and whether they are the manifest's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from os import PathLike

from blake3 import blake3

from mmaq.services.remote_file import RemoteFile


@dataclass(frozen=True)
class Digests:
    """Size of a file in bytes, and its checksums in hexadecimal."""

    bytes: int
    md5: str
    blake3: str
    sha256: str


def digests(path: str | PathLike[str]) -> Digests:
    """Size and checksums of a file, in one pass over it."""
    size, md5, sha256 = 0, hashlib.md5(usedforsecurity=False), hashlib.sha256()
    tree = blake3()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            for digest in (md5, sha256, tree):
                digest.update(block)
    return Digests(size, md5.hexdigest(), tree.hexdigest(), sha256.hexdigest())


def difference(found: Digests, remote: RemoteFile) -> str:
    """How a file differs from the manifest, naming both values; "" when nothing does."""
    for name in ("bytes", "md5", "blake3", "sha256"):
        wanted, value = getattr(remote, name), getattr(found, name)
        if wanted is not None and str(wanted).lower() != str(value):
            name = "size" if name == "bytes" else name.upper()
            return f"its {name} is {value}, the manifest says {wanted}"
    return ""
