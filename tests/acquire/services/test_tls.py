"""TLS is verified, with the user's own authority where he names one."""

import ssl
import subprocess

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from mmaq.acquire.services.client import Client
from mmaq.acquire.services.cogs import _gdal, read_raster
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from tests.servers.faulty import Status, faulty


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that is signed by nobody; its key lies beside it."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", str(path.with_name("key.pem")), "-out", str(path), "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return path


@pytest.fixture
def encrypted(files, certificate):
    """A server with that certificate, and a raster there."""
    (files / "x.json").write_text("{}")
    with rasterio.open(
        files / "x.tif", "w", driver="COG", width=64, height=64, count=1, dtype="uint16",
        crs="EPSG:32632", transform=from_origin(3e5, 5e6, 10, 10),
    ) as raster:  # fmt: skip
        raster.write(np.full((64, 64), 7, "uint16"), 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with faulty(files, tls=context) as server:
        yield server


def _client(url):
    return Client(service("eea", {"eea": url}), attempts=3, patience=5.0)


def _sum(raster):
    return raster.read(1).sum()


def test_an_unknown_certificate_ends_it_at_once(encrypted, waits, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_UNSAFESSL", "YES")
    url, client = encrypted.url, _client(encrypted.url)
    told = r": its certificate cannot be verified\. Check the address; MMAQ asks no server"
    with pytest.raises(ServiceError, match="/x.json" + told):
        client.get(f"{url}/x.json?sig=hidden")
    with pytest.raises(ServiceError, match="/x.tif" + told):
        read_raster(client, f"{url}/x.tif?sig=hidden", _sum)
    assert waits == []
    # Nor does GDAL, which asks after our client.
    with _gdal(client), pytest.raises(rasterio.errors.RasterioIOError):
        rasterio.open(f"/vsicurl/{url}/x.tif")
    assert encrypted.log == []


def test_other_faults_of_encryption_may_pass(server, waits):
    url = server.url.replace("http:", "https:")  # a server that does not speak it
    with pytest.raises(ServiceError, match=r"/x: the connection broke, 3 times"):
        _client(url).get(f"{url}/x")
    assert len(waits) == 2


def test_the_users_own_authority_is_taken_up_and_no_redirect_leads_out_of_encryption(
    encrypted, certificate, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    url, client = encrypted.url, _client(encrypted.url)
    for path in ("/x.json", "/x.tif"):
        encrypted.script(path, Status(302, {"Location": "http://127.0.0.1:9/plain"}))
    told = "redirects to an address that is not encrypted"
    with pytest.raises(ServiceError, match=told):
        client.get(f"{url}/x.json")
    with pytest.raises(ServiceError, match=told):
        read_raster(client, f"{url}/x.tif", _sum)
    assert client.get_json(f"{url}/x.json") == {}
    assert read_raster(client, f"{url}/x.tif", _sum) == 7 * 64 * 64
