import gzip
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from blake3 import blake3

from mmaq.acquire.services import download
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile, difference, digests, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import Gone, Refused
from mmaq.base.errors import ServiceError
from tests.servers.faulty import Answer, Cut, NoRanges, Reset, Slow, Stall, Status, Wrong, faulty
from tests.servers.nginx import nginx
from tests.servers.objects import KEYS, objects

CONTENT = bytes(range(256)) * 4000  # 1 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SUMS = {"md5": hashlib.md5(CONTENT).hexdigest(), "blake3": blake3(CONTENT).hexdigest()}


@pytest.fixture
def remote(server, files):
    (files / "a.nc").write_bytes(CONTENT)
    return RemoteFile(href=f"{server.url}/a.nc", bytes=len(CONTENT), **SUMS)


@pytest.fixture
def unknown(remote):
    """The same file, of which only the address is known."""
    return RemoteFile(href=remote.href)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "got" / "a.nc"


def _alone(path):
    """The file is right, and nothing lies beside it."""
    return path.read_bytes() == CONTENT and os.listdir(path.parent) == [path.name]


def test_digests_are_the_standard_ones_and_a_difference_names_both(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"")
    # The published test vector of BLAKE3 for no input.
    assert digests(file).blake3.startswith("af1349b9f5f9a1a6a0404dea36dcc949")
    file.write_bytes(b"abc" * 1_000_000)
    found = digests(file)
    assert found.bytes == 3_000_000
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    for name in ("md5", "blake3", "sha256"):
        value = getattr(found, name)
        assert difference(found, RemoteFile(href="x", **{name: value.upper()})) == ""
        told = difference(found, RemoteFile(href="x", **{name: "00"}))
        assert told == f"its {name.upper()} is {value} instead of 00"
    told = difference(found, RemoteFile(href="x", bytes=4))
    assert told == "its size is 3000000 instead of 4"


def test_a_file_is_fetched_whole_told_of_and_kept(client, remote, path, server):
    told = []
    assert fetch_file(client, remote, path, told.append) == SHA256
    assert _alone(path)
    assert sum(told) == server.sent() == len(CONTENT)
    before = path.stat().st_mtime_ns
    note = path.with_name("a.nc.part.of")
    note.write_text("a kill between the renaming of the part and the removal of its note")
    assert fetch_file(client, remote, path) == SHA256
    assert path.stat().st_mtime_ns == before
    assert len(server.log) == 1
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch_file(client, remote, path) == SHA256
    assert _alone(path)


@pytest.mark.parametrize("known", [True, False], ids=["sums known", "nothing known"])
@pytest.mark.parametrize(
    "fault", [Cut(300_000), Reset(300_000), Stall(300_000, 1.0)], ids=["cut", "reset", "stall"]
)
def test_a_broken_download_goes_on_where_it_stopped(
    client, remote, unknown, path, server, fault, known, waits
):
    client.patience = 0.3
    server.script("/a.nc", fault, fault)
    assert fetch_file(client, remote if known else unknown, path) == SHA256
    assert _alone(path)
    assert server.sent() <= len(CONTENT) + 200_000  # a reset may lose what was under way
    assert server.log[-1].headers["if-range"].startswith('"')
    assert all(1.5 <= wait <= 4 for wait in waits)


def test_no_byte_is_sent_twice_after_a_clean_cut(client, remote, path, server):
    server.script("/a.nc", Cut(300_000), Cut(100_000), Cut(1))
    fetch_file(client, remote, path)
    assert server.sent() == len(CONTENT)
    assert [asked.range for asked in server.log] == [
        None, "bytes=300000-", "bytes=400000-", "bytes=400001-",
    ]  # fmt: skip


def test_a_download_that_never_ends_is_given_up_and_a_later_process_goes_on(
    client, remote, path, server
):
    server.script("/a.nc", Cut(600_000))
    server.always["/a.nc"] = Cut(0)
    with pytest.raises(ServiceError, match=r"/a.nc: the answer ended before its stated length, 6 "):
        fetch_file(client, remote, path)
    assert not path.exists()
    assert path.with_name("a.nc.part").stat().st_size == 600_000
    server.always.clear()
    assert fetch_file(client, remote, path) == SHA256
    assert server.sent() == len(CONTENT)


def test_a_service_without_ranges_is_read_from_the_start(client, remote, path, server):
    server.script("/a.nc", Cut(300_000), NoRanges())
    assert fetch_file(client, remote, path) == SHA256
    assert server.sent() == len(CONTENT) + 300_000
    assert _alone(path)


def test_a_file_that_changed_meanwhile_is_fetched_anew(client, unknown, path, server, files):
    (files / "a.nc").write_bytes(b"another file" * 100_000)
    server.script("/a.nc", Cut(300_000), Status(503))
    client.attempts = 1
    with pytest.raises(ServiceError):
        fetch_file(client, unknown, path)
    (files / "a.nc").write_bytes(CONTENT)
    assert fetch_file(client, unknown, path) == SHA256
    assert _alone(path)


def test_without_a_validator_or_sums_the_parts_are_not_joined(client, unknown, path, server):
    path.parent.mkdir()
    path.with_name("a.nc.part").write_bytes(b"of something else")
    assert fetch_file(client, unknown, path) == SHA256
    assert server.log[0].range is None


def test_a_part_that_is_whole_is_not_fetched_again(client, remote, unknown, path, server):
    path.parent.mkdir()
    path.with_name("a.nc.part").write_bytes(CONTENT)
    assert fetch_file(client, remote, path) == SHA256
    path.rename(path.with_name("a.nc.part"))
    path.with_name("a.nc.part.of").write_text(f'"{SHA256[:16]}"')
    assert fetch_file(client, unknown, path) == SHA256  # 416: it ends there
    assert server.sent() == 0
    assert _alone(path)


def test_wrong_bytes_are_found_by_each_sum_and_fetched_anew(client, remote, path, server, caplog):
    for name, value in SUMS.items():
        server.script("/a.nc", Wrong(70_000))
        assert fetch_file(client, RemoteFile(href=remote.href, **{name: value}), path) == SHA256
        assert f"its {name.upper()} is" in caplog.text
        path.unlink()


def test_a_sum_that_stays_wrong_names_both(client, remote, path, server):
    server.always["/a.nc"] = Wrong(10)
    wrong = hashlib.md5(CONTENT[:10] + bytes([CONTENT[10] ^ 255]) + CONTENT[11:]).hexdigest()
    with pytest.raises(ServiceError) as raised:
        fetch_file(client, remote, path)
    assert str(raised.value) == (
        f"{remote.href}: its MD5 is {wrong} instead of {remote.md5}, 3 times. "
        "Search again: `mmaq acquire plan` makes a new manifest; or tell the service."
    )
    assert len(server.log) == 3
    assert not path.exists()


def test_another_size_is_named_before_it_is_fetched(client, remote, path):
    other = remote.model_copy(update={"bytes": 5_000_000})
    with pytest.raises(ServiceError, match=r"has 1024000 bytes there instead of 5000000\."):
        fetch_file(client, other, path)
    assert not path.exists()


def test_a_file_that_moved_for_good_is_followed_and_one_that_is_gone_is_named(
    client, remote, path, server
):
    server.script("/old.nc", Status(301, {"Location": "/a.nc"}))
    moved = remote.model_copy(update={"href": f"{server.url}/old.nc"})
    assert fetch_file(client, moved, path) == SHA256
    path.unlink()
    with pytest.raises(Gone, match=r"/old.nc: answers 404"):
        fetch_file(client, moved, path)


def test_a_full_disk_ends_it_at_once_and_keeps_the_part(client, remote, path, monkeypatch, waits):
    class Full(download._Part):
        def append(self, block):
            if self.size > 400_000:
                self._stream.close()
                self._stream = io.FileIO("/dev/full", "wb")
            super().append(block)

    with monkeypatch.context() as patch:
        patch.setattr(download, "_Part", Full)
        told = r"a.nc.part: the disk is full\. Free space and run the"
        with pytest.raises(ServiceError, match=told):
            fetch_file(client, remote, path)
    assert waits == []
    kept = path.with_name("a.nc.part").stat().st_size
    assert kept > 400_000
    assert path.with_name("a.nc.part").read_bytes() == CONTENT[:kept]
    assert fetch_file(client, remote, path) == SHA256


def test_two_that_fetch_the_same_file_fetch_it_once(client, remote, path, server):
    server.always["/a.nc"] = Slow(0.01)
    sums = []
    fetch = [
        threading.Thread(target=lambda: sums.append(fetch_file(client, remote, path)))
        for _ in range(4)
    ]
    for thread in fetch:
        thread.start()
    for thread in fetch:
        thread.join()
    assert sums == [SHA256] * 4
    assert server.sent() == len(CONTENT)
    assert _alone(path)


def test_an_encoding_that_was_not_asked_for_is_left_alone(client, path, files, server):
    packed = gzip.compress(CONTENT)
    (files / "b.csv.gz").write_bytes(packed)
    server.answer = lambda asked: Answer(
        file=files / "b.csv.gz", headers={"Content-Encoding": "gzip"}
    )
    remote = RemoteFile(href=f"{server.url}/b.csv.gz", bytes=len(packed))
    assert fetch_file(client, remote, path) == hashlib.sha256(packed).hexdigest()


def test_a_real_server_resumes_the_same_way(client, remote, path, files, tmp_path):
    with nginx(files, tmp_path / "nginx") as real:
        at_nginx = remote.model_copy(update={"href": f"{real.url}/a.nc"})
        path.parent.mkdir()
        path.with_name("a.nc.part").write_bytes(CONTENT[:700_000])
        assert fetch_file(client, at_nginx, path) == SHA256
        assert real.sent() == len(CONTENT) - 700_000
        path.rename(path.with_name("a.nc.part"))
        assert fetch_file(client, at_nginx, path) == SHA256
        assert len(real.log) == 1
    assert _alone(path)


def test_a_disk_without_locks_is_named_for_a_part(client, unknown, path, monkeypatch):
    def failing(stream, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", failing)
    told = r"a\.nc\.part: cannot be locked \(No locks available\)"
    with pytest.raises(ServiceError, match=told):
        fetch_file(client, unknown, path)


IN_STORE = "/eodata/Sentinel-5P/a.nc"
STORED = RemoteFile(href=f"s3:/{IN_STORE}", bytes=len(CONTENT), md5=SUMS["md5"])


def _store(url, monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", KEYS[0])
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", KEYS[1])
    return Client(service("cdse-s3", {"cdse-s3": url}), patience=0.5)


def test_files_of_a_real_object_store(tmp_path, path, monkeypatch):
    """Whole, resumed, not joined to another file, and missing."""
    (tmp_path / "Sentinel-5P").mkdir()
    (tmp_path / "Sentinel-5P" / "a.nc").write_bytes(CONTENT)
    path.parent.mkdir()
    part, told = path.with_name("a.nc.part"), []
    with objects(tmp_path) as url:
        client = _store(url, monkeypatch)
        assert fetch_file(client, STORED, path) == SHA256
        path.unlink()
        part.write_bytes(CONTENT[:900_000])
        assert fetch_file(client, STORED, path, told.append) == SHA256
        assert sum(told) == len(CONTENT) - 900_000
        path.unlink()
        part.write_bytes(b"x" * 900_000)
        path.with_name("a.nc.part.of").write_text('"another"')
        assert fetch_file(client, RemoteFile(href=STORED.href), path) == SHA256
        assert _alone(path)
        missing = RemoteFile(href="s3://eodata/Sentinel-5P/b.nc")
        with pytest.raises(Gone, match=r"/eodata/Sentinel-5P/b.nc: answers 404"):
            fetch_file(client, missing, path.with_name("b.nc"))


def test_faults_of_an_object_store_and_its_keys(files, path, monkeypatch, waits):
    """Each request is signed anew; what fails is asked again, and keys are shown to nobody."""
    (files / "eodata" / "Sentinel-5P").mkdir(parents=True)
    (files / "eodata" / "Sentinel-5P" / "a.nc").write_bytes(CONTENT)
    with faulty(files) as server:
        client = _store(server.url, monkeypatch)
        server.script(IN_STORE, Status(429, {"Retry-After": "11"}), Reset(300_000), Wrong(5))
        assert fetch_file(client, STORED, path) == SHA256
        assert 11.0 in waits
        signed = [asked.headers["authorization"] for asked in server.log]
        assert all(text.startswith(f"AWS4-HMAC-SHA256 Credential={KEYS[0]}/") for text in signed)
        path.unlink()
        server.always[IN_STORE] = Status(403, body=b"<Code>InvalidAccessKeyId</Code>secret")
        with pytest.raises(Refused, match=r"answers 403 .*Check the keys of the object") as raised:
            fetch_file(client, STORED, path)
    assert not any(key in str(raised.value) for key in (*KEYS, "secret"))


FETCH = """
import sys
from pathlib import Path
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
url, path = sys.argv[1:]
print("begins", flush=True)
fetch_file(Client(service("eea", {"eea": url})), RemoteFile(href=f"{url}/a.nc"), Path(path))
"""


@pytest.mark.slow
def test_a_killed_download_goes_on(server, client, files, path):
    """kill -9 at random bytes: the file is right, and each start goes on from there."""
    content = random.Random(0).randbytes(3_000_000)
    (files / "a.nc").write_bytes(content)
    server.always["/a.nc"] = Slow(0.02, every=16384)
    chance, kept = random.Random(1), []
    part = path.with_name("a.nc.part")
    for _ in range(3):
        command = [sys.executable, "-c", FETCH, server.url, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()
        enough = sum(kept[-1:]) + chance.randrange(1, 600_000)
        while not part.exists() or part.stat().st_size < enough:
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        kept.append(part.stat().st_size if part.exists() else 0)
        assert not path.exists()
    before = len(server.log)
    server.forget()
    fetch_file(client, RemoteFile(href=f"{server.url}/a.nc"), path)
    assert path.read_bytes() == content
    # A process that was killed before it asked has left no request.
    starts = [int((asked.range or "bytes=0-")[6:-1]) for asked in server.log]
    assert starts == sorted(starts)
    assert set(starts) <= {0, *kept}
    assert starts[before] == kept[-1] > 0
    assert [file.name for file in path.parent.iterdir()] == ["a.nc"]
