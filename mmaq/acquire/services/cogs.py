"""Windows of remote rasters (cloud-optimised GeoTIFFs), read by GDAL's own ``/vsicurl``.

Our client asks for the first bytes: it retries, waits, follows no redirect out of encryption (GDAL
would), and names what is wrong. GDAL then reads the address at which they were found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TypeVar

import rasterio
from rasterio.errors import RasterioError
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mmaq.acquire.services.client import AGENT, CONNECT, Client, certificates
from mmaq.acquire.services.faults import Passing, Unreadable, plain
from mmaq.acquire.services.limits import Attempts, slot
from mmaq.base.rasters import cause

Result = TypeVar("Result")

HEAD = 1024
"""Bytes of a file that are asked for before GDAL is."""

TIFF = (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+")
"""How a TIFF or a BigTIFF begins."""

READINGS = 3
"""Times a raster is read whose first bytes can be had."""

REMEDY = "The service gives something that is no sound raster: try another provider"


def read_raster(
    client: Client, href: str, use: Callable[[rasterio.DatasetReader], Result]
) -> Result:
    """What ``use`` makes of a remote raster, opened for reading windows; it may be called again.

    Raises:
        Gone, Refused, ServiceError: as Client.get. Unreadable: it is no sound raster.
    """
    attempts, readings = Attempts(client.attempts), Attempts(READINGS)
    while True:
        try:
            url = _found(client, href)
            with slot(client.service), _gdal(client), rasterio.open(f"/vsicurl/{url}") as raster:
                return use(raster)
        except Passing as fault:
            attempts.failed(fault)
        except RasterioError as fault:
            told = f"cannot be read ({_unsigned(cause(fault), url)})"
            readings.failed(Unreadable(plain(href), told, REMEDY))


def _found(client: Client, href: str) -> str:
    """The address at which the raster lies, after redirects."""
    with client.stream(href, {"Range": f"bytes=0-{HEAD - 1}"}) as response:
        head = response.raw.read(HEAD, decode_content=False)
        head += response.raw.read(HEAD - len(head), decode_content=False)  # tells of an early end
        if not head.startswith(TIFF):
            raise Unreadable(plain(href), "cannot be read (it is no TIFF)", REMEDY)
        return str(response.url)


def _gdal(client: Client) -> rasterio.Env:
    # A wheel of GDAL looks where another system keeps them.
    bundle = certificates() or DEFAULT_CA_BUNDLE_PATH
    kind = "GDAL_HTTP_CAPATH" if os.path.isdir(bundle) else "GDAL_CURL_CA_BUNDLE"
    return rasterio.Env(
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",  # GDAL would look for files of many names beside
        CPL_VSIL_CURL_NON_CACHED="/vsicurl/",  # a broken answer must not be remembered
        GDAL_HTTP_MULTIRANGE="SERIAL",  # a slot is one connection
        GDAL_HTTP_NETRC="NO",  # its `default` entry would go to any server
        GDAL_HTTP_UNSAFESSL="NO",  # whatever the environment says
        GDAL_HTTP_USERAGENT=AGENT,
        GDAL_HTTP_CONNECTTIMEOUT=min(CONNECT, client.patience),
        GDAL_HTTP_LOW_SPEED_LIMIT=1, GDAL_HTTP_LOW_SPEED_TIME=max(round(client.patience), 1),
        **{kind: bundle},
    )  # fmt: skip


def _unsigned(text: str, url: str) -> str:
    """GDAL's message without the address's query, which may sign it."""
    return re.sub(r"\?[^\s':)]*", "", text.replace(url, plain(url)).replace("/vsicurl/", ""))
