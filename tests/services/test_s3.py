import hashlib

import pytest

from mmaq.base.errors import ServiceError
from mmaq.services.client import Client
from mmaq.services.download import fetch_file
from mmaq.services.endpoints import service
from mmaq.services.faults import Gone, Refused
from mmaq.services.remote_file import RemoteFile
from mmaq.services.s3 import open_s3
from tests.servers.faulty import Answer, Cut, Reset, Stall, Status, Wrong, faulty
from tests.servers.objects import KEYS, objects

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", KEYS[0])
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", KEYS[1])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A real object store with one product."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "Sentinel-5P").mkdir()
    (folder / "Sentinel-5P" / "a.nc").write_bytes(CONTENT)
    with objects(folder) as url:
        yield url


def _client(url, **options):
    return Client(service("cdse-s3", {"cdse-s3": url}), patience=0.5, **options)


REMOTE = RemoteFile(href="s3://eodata/Sentinel-5P/a.nc", bytes=len(CONTENT), md5=MD5)


def test_a_product_of_the_store(store, tmp_path):
    assert fetch_file(_client(store), REMOTE, tmp_path / "a.nc") == SHA256
    assert (tmp_path / "a.nc").read_bytes() == CONTENT


def test_a_part_is_resumed_at_the_store(store, tmp_path):
    told = []
    (tmp_path / "a.nc.part").write_bytes(CONTENT[:900_000])
    assert fetch_file(_client(store), REMOTE, tmp_path / "a.nc", told.append) == SHA256
    assert sum(told) == len(CONTENT) - 900_000


def test_a_part_of_another_file_is_not_joined(store, tmp_path):
    (tmp_path / "a.nc.part").write_bytes(b"x" * 900_000)
    (tmp_path / "a.nc.part.of").write_text('"another"')
    remote = RemoteFile(href=REMOTE.href)
    assert fetch_file(_client(store), remote, tmp_path / "a.nc") == SHA256


def test_what_the_store_lacks_is_named(store, tmp_path):
    remote = RemoteFile(href="s3://eodata/Sentinel-5P/b.nc")
    with pytest.raises(Gone, match=r"^s3://eodata/Sentinel-5P/b.nc: answers 404 NoSuchKey\."):
        fetch_file(_client(store), remote, tmp_path / "b.nc")


def test_a_range_comes_with_the_whole_files_size(store):
    with open_s3(_client(store), REMOTE.href, 1_000_000, "") as opened:
        assert (opened.start, opened.total) == (1_000_000, len(CONTENT))
        assert b"".join(opened.chunks) == CONTENT[1_000_000:]


@pytest.fixture
def failing(files):
    """What speaks enough of the protocol to fail as told."""
    (files / "eodata" / "Sentinel-5P").mkdir(parents=True)
    (files / "eodata" / "Sentinel-5P" / "a.nc").write_bytes(CONTENT)
    with faulty(files) as server:
        yield server


PATH = "/eodata/Sentinel-5P/a.nc"


@pytest.mark.parametrize("fault", [Cut(300_000), Reset(300_000), Stall(300_000, 1)])
def test_a_broken_answer_of_the_store_goes_on(failing, fault, tmp_path):
    failing.script(PATH, fault)
    assert fetch_file(_client(failing.url), REMOTE, tmp_path / "a.nc") == SHA256
    assert failing.log[-1].range is not None
    assert failing.sent() <= len(CONTENT) + 100_000


def test_a_busy_store_is_asked_again(failing, tmp_path, waits):
    failing.script(PATH, Status(503), Status(429, {"Retry-After": "11"}), Reset())
    assert fetch_file(_client(failing.url), REMOTE, tmp_path / "a.nc") == SHA256
    before_attempts = [wait for wait in waits if wait > 0.5]  # the others keep the pace
    assert len(before_attempts) == 3
    assert before_attempts[1] == 11.0


def test_wrong_bytes_of_the_store_are_fetched_anew(failing, tmp_path):
    failing.script(PATH, Wrong(5))
    assert fetch_file(_client(failing.url), REMOTE, tmp_path / "a.nc") == SHA256
    assert len(failing.log) == 2


def test_refused_keys_are_named_without_them(files, tmp_path):
    body = b"<Error><Code>InvalidAccessKeyId</Code><Message>secret</Message></Error>"
    with (
        faulty(files, lambda asked: Answer(403, body)) as server,
        pytest.raises(Refused, match=r"answers 403 InvalidAccessKeyId\. Check the keys") as raised,
    ):
        fetch_file(_client(server.url), REMOTE, tmp_path / "a.nc")
    assert not any(key in str(raised.value) for key in (*KEYS, "secret"))


def test_a_store_that_is_not_there_is_named(tmp_path, waits):
    with pytest.raises(ServiceError, match=r"no answer \(EndpointConnectionError\), 3 times"):
        fetch_file(_client("http://127.0.0.1:9", attempts=3), REMOTE, tmp_path / "a.nc")
    assert len([wait for wait in waits if wait > 0.5]) == 2


def test_a_proxy_of_the_environment_is_used(failing, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", failing.url)
    assert fetch_file(_client("http://store.invalid"), REMOTE, tmp_path / "a.nc") == SHA256
    assert failing.log[0].headers["host"] == "store.invalid"
