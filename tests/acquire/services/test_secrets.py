"""Nothing that is written (logs, errors, files) holds a secret, whatever goes wrong."""

import logging
import traceback

import pytest

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.cogs import read_raster
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from tests.servers.data_space import PASSWORD, USER, Entry, data_space
from tests.servers.faulty import Cut, Reset, Status, Wrong, faulty
from tests.servers.objects import KEYS

FIXED = ("totp-secret-ABCDEF", "netrc-password", "openaq-key", "dhus-word", "sas-signature")


@pytest.fixture
def environment(monkeypatch, home):
    (home / ".netrc").write_text(f"machine 127.0.0.1 login someone password {FIXED[1]}\n")
    values = {
        "CDSE_USERNAME": USER, "CDSE_PASSWORD": PASSWORD, "OPENAQ_API_KEY": FIXED[2],
        "DHUS_USERNAME": "someone", "DHUS_PASSWORD": FIXED[3],
        "CDSE_S3_ACCESS_KEY": KEYS[0], "CDSE_S3_SECRET_KEY": KEYS[1],
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def _told(act, *arguments):
    """The error as a user and a developer see it, "" when there is none."""
    try:
        act(*arguments)
    except ServiceError as fault:
        return f"{fault} {fault!r} {''.join(traceback.format_exception(fault))}"
    return ""


FAULTS = (
    Cut(5), Reset(), Reset(9), Wrong(3), Status(429), Status(503, {"Retry-After": "1"}),
    Status(500), Status(400, body=b"echo: %s" % PASSWORD.encode()), Status(401), Status(403),
    Status(404), Status(302, {"Location": "http://127.0.0.1:9/?sig=sas-signature"}),
)  # fmt: skip


def test_no_secret_is_written_anywhere(environment, files, tmp_path, caplog, monkeypatch, home):
    caplog.set_level(logging.INFO)
    (files / "a.nc").write_bytes(b"granule" * 1000)
    entry = Entry("A", files / "a.nc", "SENTINEL-5P", "L2__NO2___", "2024-01-01T00:00:00Z",
                  "2024-01-01T01:00:00Z", "POINT(0 0)")  # fmt: skip
    told = []
    with data_space([entry], files) as space, faulty(files) as server:
        at = service("cdse", space.endpoints)
        path = f"/download/odata/v1/Products({entry.id})/$value"
        granule = RemoteFile(href=at.url + path.removeprefix("/download/odata/v1"), md5="0" * 32)
        signed = f"{server.url}/a.nc?sig={FIXED[4]}"
        store = service("cdse-s3", {"cdse-s3": server.url})
        product = RemoteFile(href="s3://files/a.nc", bytes=7000)
        (files / "files").mkdir()
        (files / "files" / "a.nc").write_bytes(b"granule" * 1000)
        for number, fault in enumerate((None, *FAULTS)):
            folder = tmp_path / "got" / str(number)
            for one, name in ((space.server, path), (server, "/a.nc"), (server, "/files/a.nc")):
                if fault is not None:
                    one.always[name] = fault
            told += [
                _told(fetch_file, Client(at, attempts=2), granule, folder / "a.nc"),
                _told(fetch_file, Client(store, attempts=2), product, folder / "b.nc"),
            ]
            for kind in ("openaq", "dhus", "earth-search"):
                client = Client(service(kind, {kind: server.url}), attempts=2)
                told.append(_told(client.get_json, signed))
                told.append(_told(read_raster, client, signed, lambda raster: raster.read()))
        space.server.always.clear()
        space.server.always["/auth/token"] = Status(400, body=b"invalid_grant")
        told.append(_told(fetch_file, Client(at, attempts=2), granule, tmp_path / "c.nc"))
        monkeypatch.setenv("CDSE_TOTP", FIXED[0])
        told.append(_told(fetch_file, Client(at, attempts=2), granule, tmp_path / "c.nc"))
        secrets = {*space.secrets, *FIXED, *KEYS}
    assert sum(bool(text) for text in told) > 60
    assert "asked again" in caplog.text
    written = [path for folder in (tmp_path, home) for path in folder.rglob("*") if path.is_file()]
    assert len(written) > 20
    texts = [caplog.text, *told]
    for path in written:
        if path.name != ".netrc":
            texts.append(path.read_bytes().decode(errors="replace"))
    assert len(secrets) > 8
    assert [secret for secret in secrets for text in texts if secret in text] == []
