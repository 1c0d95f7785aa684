"""Remote rasters, read through the ranges that are kept on disk.

GDAL asks for the bytes of a remote raster by calling Python. While one thread is in such a call,
another that enters GDAL may wait for a lock of GDAL's with Python's own lock in its hands: both
then wait for ever, or the process ends (rasterio issues 3611 and 3636). So GDAL is entered by one
thread at a time (``ONE_IN_GDAL``), and what a reader needs comes over the network before it enters:
a first reading of what is on disk tells which bytes are missing.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import rasterio
from rasterio.abc import MultiByteRangeResourceContainer
from rasterio.windows import Window

from mmaq.base.errors import MmaqError
from mmaq.services.faults import Changed, Unreadable, plain
from mmaq.services.ranges import RangeCache

Result = TypeVar("Result")

ONE_IN_GDAL = threading.RLock()
"""Held by whoever calls GDAL while other threads may read remote rasters."""

READINGS = 20
"""Readings of what is on disk, each of which may find that bytes are missing: the head, the places
of the tiles, and of each window a row of tiles. What is missing after them comes while the reader
waits in GDAL, which is right as well and keeps other readers waiting."""


class Raster:
    """An open remote raster; what is read is zeros where bytes are missing on disk."""

    def __init__(self, opened: rasterio.DatasetReader, opener: _Opener) -> None:
        self._opened, self._opener = opened, opener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)

    def read(self, bands: int | list[int], window: Window) -> np.ndarray:
        """Values of a window: (rows, columns) of one band, or (bands, rows, columns)."""
        return self._read("read", bands, window)

    def read_masks(self, bands: int | list[int], window: Window) -> np.ndarray:
        """As ``read``, 0 where a pixel of the window is declared no data."""
        return self._read("read_masks", bands, window)

    def _read(self, method: str, bands: int | list[int], window: Window) -> np.ndarray:
        try:
            values: np.ndarray = getattr(self._opened, method)(bands, window=window)
        except rasterio.errors.RasterioError:
            if not self._opener.missing:
                raise
            several = (len(bands),) if isinstance(bands, list) else ()
            return np.zeros((*several, window.height, window.width), self._opened.dtypes[0])
        return values


def read_raster(cache: RangeCache, use: Callable[[Raster], Result]) -> Result:
    """What ``use`` makes of a remote raster, opened for reading windows.

    ``use`` is called again until all that it reads is on disk; only what it makes of that counts.

    Raises:
        ServiceError: it cannot be had, or is no sound raster; what was kept of it is discarded
            then, so that the next reader fetches it anew.
    """
    try:
        return _read(cache, use)
    except Changed:
        return _read(cache, use)  # what was kept of the other file is gone


def _read(cache: RangeCache, use: Callable[[Raster], Result]) -> Result:
    try:
        for _ in range(READINGS):
            missing: list[tuple[int, int]] = []
            try:
                with open_raster(cache, missing) as raster:
                    result = use(raster)
            except Exception:
                if not missing:
                    raise
            if not missing:
                return result
            cache.fetch(missing)
        with open_raster(cache) as raster:
            return use(raster)
    except Unreadable:
        cache.discard()
        raise


@contextmanager
def open_raster(
    cache: RangeCache, missing: list[tuple[int, int]] | None = None
) -> Iterator[Raster]:
    """The remote raster, opened for reading windows; a ServiceError inside is raised as itself.

    Args:
        cache: the remote file.
        missing: takes the (offset, size) that are not on disk, and nothing is fetched; None: they
            are fetched while GDAL waits.
    """
    name = plain(cache.href).rpartition("/")[2] or "raster"
    opener = _Opener(cache, name, missing)
    try:
        with (
            ONE_IN_GDAL,
            # GDAL would look for side-car files of many names.
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(name, opener=opener) as raster,
        ):
            yield Raster(raster, opener)
    except rasterio.errors.RasterioError as fault:
        if opener.fault is not None:
            raise opener.fault from None
        remedy = "The service gives something that is no sound raster: try another provider"
        raise Unreadable(plain(cache.href), f"cannot be read ({fault})", remedy) from None
    if opener.fault is not None:
        raise opener.fault


class _Opener(MultiByteRangeResourceContainer):
    """What rasterio asks for files: there is one, and no other beside it.

    An exception must not pass through GDAL, which may end the process: it is kept in ``fault``,
    and reading ends there.
    """

    def __init__(self, cache: RangeCache, name: str, missing: list[tuple[int, int]] | None) -> None:
        self.cache, self.name, self.missing = cache, name, missing
        self.fault: MmaqError | OSError | None = None

    def open(self, path: str, mode: str = "r", **options: Any) -> _File:
        if not self.isfile(path):
            raise FileNotFoundError(path)
        return _File(self)

    def isfile(self, path: str) -> bool:
        return path.rpartition("/")[2] == self.name

    def isdir(self, path: str) -> bool:
        return False

    def ls(self, path: str) -> list[str]:
        return []

    def mtime(self, path: str) -> int:
        return 0

    def size(self, path: str) -> int:
        return self.whole()

    def rm(self, path: str) -> None:
        raise PermissionError(path)

    def whole(self) -> int:
        """Size of the remote file; 0 where it is not known, or once a fault is kept."""
        if self.fault is None and self._there([]):
            try:
                return self.cache.size
            except (MmaqError, OSError) as fault:
                self.fault = fault
        return 0

    def ranges(self, pairs: list[tuple[int, int]]) -> list[bytes]:
        """Bytes at each (offset, size); none where they are missing, or once a fault is kept."""
        if self.fault is None and self._there(pairs):
            try:
                if self.missing is None:
                    self.cache.fetch(pairs)
                return [self.cache.read(offset, size) for offset, size in pairs]
            except (MmaqError, OSError) as fault:
                self.fault = fault
        return [b"" for _ in pairs]

    def _there(self, pairs: list[tuple[int, int]]) -> bool:
        if self.missing is None or self.cache.holds(pairs):
            return True
        self.missing += pairs or [(0, 1)]  # the first byte tells the size too
        return False


class _File(io.RawIOBase):
    """The remote file as Python's files are."""

    def __init__(self, opener: _Opener) -> None:
        self._opener, self._position = opener, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        self._position = offset + (self._opener.whole() if base is None else base)
        return self._position

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(self._opener.whole() - self._position, 0)
        content = self._opener.ranges([(self._position, size)])[0]
        self._position += len(content)
        return content

    def get_byte_ranges(self, offsets: list[int], sizes: list[int]) -> list[bytes]:
        """Several ranges at once, so that neighbouring tiles of a window are one request."""
        return self._opener.ranges(list(zip(offsets, sizes, strict=True)))
