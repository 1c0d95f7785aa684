import gzip
import hashlib
import io
import logging
import os
import threading

import pytest
from blake3 import blake3

from mmaq.base.errors import ServiceError
from mmaq.services import part
from mmaq.services.download import fetch_file
from mmaq.services.faults import Gone
from mmaq.services.part import open_part
from mmaq.services.remote_file import RemoteFile
from tests.servers.faulty import Answer, Cut, NoRanges, Reset, Slow, Stall, Status, Wrong
from tests.servers.nginx import nginx

CONTENT = bytes(range(256)) * 4000  # 1 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def remote(server, files):
    (files / "a.nc").write_bytes(CONTENT)
    return RemoteFile(
        href=f"{server.url}/a.nc",
        bytes=len(CONTENT),
        md5=hashlib.md5(CONTENT).hexdigest(),
        blake3=blake3(CONTENT).hexdigest(),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "got" / "a.nc"


def _alone(path):
    """The file is right, and nothing lies beside it."""
    return path.read_bytes() == CONTENT and os.listdir(path.parent) == [path.name]


def _unknown(remote):
    return RemoteFile(href=remote.href)


def test_a_file_is_fetched_whole_and_told_of(client, remote, path, server):
    told = []
    assert fetch_file(client, remote, path, told.append) == SHA256
    assert _alone(path)
    assert sum(told) == server.sent() == len(CONTENT)


def test_a_file_that_is_there_is_kept(client, remote, path, server):
    fetch_file(client, remote, path)
    before = path.stat().st_mtime_ns
    assert fetch_file(client, remote, path) == SHA256
    assert path.stat().st_mtime_ns == before
    assert len(server.log) == 1


def test_a_damaged_file_that_is_there_is_fetched_anew(client, remote, path):
    fetch_file(client, remote, path)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch_file(client, remote, path) == SHA256
    assert _alone(path)


@pytest.mark.parametrize("known", [True, False], ids=["sums known", "nothing known"])
@pytest.mark.parametrize(
    "fault", [Cut(300_000), Reset(300_000), Stall(300_000, 1.0)], ids=["cut", "reset", "stall"]
)
def test_a_broken_download_goes_on_where_it_stopped(
    client, remote, path, server, fault, known, waits
):
    client.patience = 0.3
    server.script("/a.nc", fault, fault)
    assert fetch_file(client, remote if known else _unknown(remote), path) == SHA256
    assert _alone(path)
    assert server.sent() <= len(CONTENT) + 200_000  # a reset may lose what was under way
    assert server.log[-1].range is not None
    assert server.log[-1].headers["if-range"].startswith('"')
    assert all(1.5 <= wait <= 4 for wait in waits)


def test_no_byte_is_sent_twice_after_a_clean_cut(client, remote, path, server):
    server.script("/a.nc", Cut(300_000), Cut(100_000), Cut(1))
    fetch_file(client, remote, path)
    assert server.sent() == len(CONTENT)
    assert [asked.range for asked in server.log] == [
        None, "bytes=300000-", "bytes=400000-", "bytes=400001-",
    ]  # fmt: skip


def test_a_later_process_goes_on(client, remote, path, server):
    client.attempts = 1
    server.script("/a.nc", Cut(0))
    server.always["/a.nc"] = Cut(0)
    with pytest.raises(ServiceError, match=r"/a.nc: the answer ended before .*, 1 times\. Run the"):
        fetch_file(client, remote, path)
    server.always.clear()
    server.script("/a.nc", Cut(600_000), Cut(0))
    with pytest.raises(ServiceError):
        fetch_file(client, remote, path)
    assert path.with_name("a.nc.part").stat().st_size == 600_000
    assert fetch_file(client, remote, path) == SHA256
    assert server.sent() == len(CONTENT)


def test_a_download_that_never_ends_is_given_up(client, remote, path, server):
    server.script("/a.nc", Cut(5000))
    server.always["/a.nc"] = Cut(0)
    with pytest.raises(ServiceError, match=r"/a.nc: the answer ended before its stated length, 6 "):
        fetch_file(client, remote, path)
    assert not path.exists()
    assert path.with_name("a.nc.part").stat().st_size == 5000


def test_a_service_without_ranges_is_read_from_the_start(client, remote, path, server):
    server.script("/a.nc", Cut(300_000), NoRanges())
    assert fetch_file(client, remote, path) == SHA256
    assert server.sent() == len(CONTENT) + 300_000
    assert _alone(path)


def test_a_file_that_changed_meanwhile_is_fetched_anew(client, remote, path, server, files):
    (files / "a.nc").write_bytes(b"another file" * 100_000)
    server.script("/a.nc", Cut(300_000), Status(503))
    client.attempts = 1
    with pytest.raises(ServiceError):
        fetch_file(client, _unknown(remote), path)
    (files / "a.nc").write_bytes(CONTENT)
    assert fetch_file(client, _unknown(remote), path) == SHA256
    assert _alone(path)


def test_without_a_validator_or_sums_the_parts_are_not_joined(client, remote, path, server):
    path.parent.mkdir()
    path.with_name("a.nc.part").write_bytes(b"of something else")
    assert fetch_file(client, _unknown(remote), path) == SHA256
    assert server.log[0].range is None


def test_a_part_that_is_whole_is_not_fetched_again(client, remote, path, server):
    client.attempts = 1
    server.script("/a.nc", Cut(1))
    with pytest.raises(ServiceError):
        fetch_file(client, remote, path)
    path.with_name("a.nc.part").write_bytes(CONTENT)
    before = server.sent()
    assert fetch_file(client, remote, path) == SHA256
    assert server.sent() == before
    path.rename(path.with_name("a.nc.part"))
    path.with_name("a.nc.part.of").write_text(f'"{SHA256[:16]}"')
    assert fetch_file(client, _unknown(remote), path) == SHA256  # 416: it ends there
    assert server.sent() == before
    assert _alone(path)


def test_wrong_bytes_are_found_by_each_sum_and_fetched_anew(client, remote, path, server, caplog):
    for name in ("md5", "blake3"):
        server.script("/a.nc", Wrong(70_000))
        one = RemoteFile(href=remote.href, **{name: getattr(remote, name)})
        assert fetch_file(client, one, path) == SHA256
        assert f"its {name.upper()} is" in caplog.text
        path.unlink()


def test_a_sum_that_stays_wrong_names_both(client, remote, path, server):
    server.always["/a.nc"] = Wrong(10)
    wrong = hashlib.md5(CONTENT[:10] + bytes([CONTENT[10] ^ 255]) + CONTENT[11:]).hexdigest()
    with pytest.raises(ServiceError) as raised:
        fetch_file(client, remote, path)
    assert str(raised.value) == (
        f"{remote.href}: its MD5 is {wrong}, the manifest says {remote.md5}, 3 times. "
        "Search again: `mmaq acquire plan` makes a new manifest; or tell the service."
    )
    assert len(server.log) == 3
    assert not path.exists()


def test_another_size_is_named_before_it_is_fetched(client, remote, path, server):
    other = remote.model_copy(update={"bytes": 5_000_000})
    with pytest.raises(ServiceError, match=r"has 1024000 bytes there, 5000000 in the manifest\."):
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
    class Full(part.Part):
        def append(self, block):
            if self.size > 400_000:
                self._stream.close()
                self._stream = io.FileIO("/dev/full", "wb")
            super().append(block)

    monkeypatch.setattr(part, "Part", Full)
    with pytest.raises(ServiceError, match=r"a.nc.part: the disk is full\. Free space and run the"):
        fetch_file(client, remote, path)
    assert waits == []
    monkeypatch.undo()
    kept = path.with_name("a.nc.part").stat().st_size
    assert kept > 400_000
    assert path.with_name("a.nc.part").read_bytes() == CONTENT[:kept]
    assert fetch_file(client, remote, path) == SHA256


def test_the_note_of_a_part_that_became_the_file_goes(client, remote, path):
    """A kill may fall between the renaming of the part and the removal of its note."""
    fetch_file(client, remote, path)
    note = path.with_name("a.nc.part.of")
    note.write_text("a tag")
    assert fetch_file(client, remote, path) == SHA256
    assert not note.exists()


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


def test_logs_of_a_bad_download_hold_no_signature(client, remote, path, server, caplog):
    caplog.set_level(logging.INFO)
    signed = remote.model_copy(update={"href": f"{remote.href}?sig=hidden"})
    server.always["/a.nc"] = Wrong(5)
    server.script("/a.nc", Cut(9), Status(503))
    with pytest.raises(ServiceError) as raised:
        fetch_file(client, signed, path)
    assert "fetched anew" in caplog.text
    assert "hidden" not in caplog.text + str(raised.value)
    assert not any(b"hidden" in file.read_bytes() for file in path.parent.iterdir())


def test_a_disk_without_locks_is_named_for_a_part(tmp_path, monkeypatch):
    def failing(stream, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", failing)
    with (
        pytest.raises(ServiceError, match=r"a\.nc\.part: cannot be locked \(No locks available\)"),
        open_part(tmp_path / "a.nc"),
    ):
        pass
