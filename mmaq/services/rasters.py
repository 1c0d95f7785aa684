"""Remote rasters, read by windows through the blocks kept on disk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rasterio
from rasterio.abc import MultiByteRangeResourceContainer

from mmaq.errors import MmaqError
from mmaq.services.faults import Unreadable, plain

if TYPE_CHECKING:
    from mmaq.services.ranges import RangeCache


@contextmanager
def open_raster(cache: RangeCache) -> Iterator[rasterio.DatasetReader]:
    """The remote raster, opened for reading windows; a ServiceError inside is raised as itself."""
    name = plain(cache.href).rpartition("/")[2] or "raster"
    opener = _Opener(cache, name)
    try:
        with (
            # GDAL would look for side-car files of many names.
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(name, opener=opener) as raster,
        ):
            yield raster
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

    def __init__(self, cache: RangeCache, name: str) -> None:
        self.cache, self.name = cache, name
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
        return _size(self)

    def rm(self, path: str) -> None:
        raise PermissionError(path)


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
        self._position = offset + (_size(self._opener) if base is None else base)
        return self._position

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(_size(self._opener) - self._position, 0)
        content = self.get_byte_ranges([self._position], [size])[0]
        self._position += len(content)
        return content

    def get_byte_ranges(self, offsets: list[int], sizes: list[int]) -> list[bytes]:
        """Several ranges at once, so that neighbouring tiles of a window are one request."""
        opener = self._opener
        if opener.fault is None:
            try:
                pairs = list(zip(offsets, sizes, strict=True))
                opener.cache.fetch(pairs)
                return [opener.cache.read(offset, size) for offset, size in pairs]
            except (MmaqError, OSError) as fault:
                opener.fault = fault
        return [b"" for _ in offsets]


def _size(opener: _Opener) -> int:
    """Size of the remote file; 0 once a fault is kept."""
    if opener.fault is None:
        try:
            return opener.cache.size
        except (MmaqError, OSError) as fault:
            opener.fault = fault
    return 0
