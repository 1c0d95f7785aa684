"""Which bytes of which remote file lie complete on disk, by their paths at the servers."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

from mmaq.acquire.manifest import read_manifest
from mmaq.contracts.archive import COLLECTIONS
from tests.servers.faulty import Asked

Spans = dict[str, set[tuple[int, int]]]


def held(data: Path) -> Spans:
    """Spans (start, stop) of bytes by path, of what the manifests in ``data`` list.

    A whole file in the archive or in the cache; a growing ``.part`` from its first byte to its
    last; all of a raster whose windows are there.
    """
    spans: Spans = {}
    archive, cache = data / "archive", data / "acquire_cache"
    manifests = (data / "manifest" / f"{name}.json" for name in COLLECTIONS)
    for manifest in filter(Path.exists, manifests):
        for product in read_manifest(manifest).products:
            for name, file in product.files.items():
                hashed = hashlib.sha256(file.href.encode()).hexdigest()[:32]
                kept = cache / manifest.stem / product.id
                whole = [
                    archive / manifest.stem / product.id / f"{product.id}.nc",
                    archive / "stations/stations/verified" / f"{product.id}.parquet",
                    kept / f"{product.id}.download", kept / f"{hashed}.zip",
                    kept / f"{hashed}.osm.pbf",
                ]  # fmt: skip
                found = spans.setdefault(urlsplit(file.href).path, set())
                for path in whole:
                    part = path.with_name(f"{path.name}.part")
                    found |= {(0, each.stat().st_size) for each in (path, part) if each.exists()}
                windows = [kept / f"{name}.npz", *kept.glob(f"*/{hashed}.tif")]
                if any(path.exists() for path in windows):
                    found.add((0, 1 << 60))
    return {path: {span for span in found if span[1]} for path, found in spans.items()}


def asked_again(spans: Spans, log: list[Asked]) -> list[str]:
    """Requests that ask for a byte of ``spans``."""
    again = []
    for asked in log:
        given = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.range or "bytes=0-")
        first, last = int(given[1]), int(given[2] or 1 << 60)
        for start, stop in spans.get(asked.path, ()):
            if first < stop and last >= start:
                again.append(f"{asked.path}: {asked.range} though {start} to {stop} was there")
    return again
