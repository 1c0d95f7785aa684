import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from mmaq.base.errors import ServiceError
from mmaq.services import blocks
from mmaq.services.faults import Changed, Gone
from mmaq.services.ranges import RangeCache
from tests.servers.faulty import Cut, NoRanges, Reset, Slow, Status
from tests.servers.nginx import nginx

BLOCK = 65536
CONTENT = random.Random(3).randbytes(20 * BLOCK + 1234)


@pytest.fixture
def url(server, files):
    (files / "B02.tif").write_bytes(CONTENT)
    return f"{server.url}/B02.tif"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "B02"


def test_bytes_are_those_of_the_file_and_blocks_are_fetched_once(client, url, folder, server):
    cache = RangeCache(client, url, folder)
    assert cache.size == len(CONTENT)
    chance = random.Random(0)
    for _ in range(200):
        offset, size = chance.randrange(len(CONTENT) + 10), chance.randrange(3 * BLOCK)
        assert cache.read(offset, size) == CONTENT[offset : offset + size]
    assert server.sent() == cache.fetched <= len(CONTENT)


def test_a_later_process_fetches_nothing_again(client, url, folder, server):
    RangeCache(client, url, folder).read(5 * BLOCK, 2 * BLOCK)
    before = server.sent()
    later = RangeCache(client, url, folder)
    assert later.read(5 * BLOCK + 3, BLOCK) == CONTENT[5 * BLOCK + 3 : 6 * BLOCK + 3]
    assert later.fetched == 0
    assert server.sent() == before
    later.read(4 * BLOCK, 4 * BLOCK)
    assert [asked.range for asked in server.log[-2:]] == [
        f"bytes={4 * BLOCK}-{5 * BLOCK - 1}", f"bytes={7 * BLOCK}-{8 * BLOCK - 1}",
    ]  # fmt: skip


def test_neighbours_come_in_one_request(client, url, folder, server):
    cache = RangeCache(client, url, folder)
    assert cache.size
    cache.fetch([(6 * BLOCK, 10), (2 * BLOCK + 5, BLOCK), (4 * BLOCK, BLOCK), (6 * BLOCK, 99)])
    assert [asked.range for asked in server.log[1:]] == [
        f"bytes={2 * BLOCK}-{5 * BLOCK - 1}", f"bytes={6 * BLOCK}-{7 * BLOCK - 1}",
    ]  # fmt: skip


@pytest.mark.parametrize("fault", [Cut(200_000), Reset(200_000)])
def test_a_broken_answer_keeps_its_whole_blocks(client, url, folder, server, fault):
    cache = RangeCache(client, url, folder)
    assert cache.size
    server.script("/B02.tif", fault)
    assert cache.read(0, len(CONTENT)) == CONTENT
    assert server.sent() <= len(CONTENT) + 2 * BLOCK
    assert server.log[-1].range.startswith(f"bytes={4 * BLOCK}-") or isinstance(fault, Reset)


def test_an_answer_that_breaks_for_ever_is_named(client, url, folder, server, waits):
    cache = RangeCache(client, url, folder)
    assert cache.size
    server.always["/B02.tif"] = Cut(100)
    with pytest.raises(ServiceError, match=r"/B02.tif: the answer ended before .*, 6 times\."):
        cache.read(3 * BLOCK, 10)
    assert len(waits) == 5


def test_a_service_that_knows_no_ranges_is_read_up_to_there(client, url, folder, server):
    server.always["/B02.tif"] = NoRanges()
    cache = RangeCache(client, url, folder)
    assert cache.read(3 * BLOCK, 10) == CONTENT[3 * BLOCK : 3 * BLOCK + 10]
    asked = len(server.log)
    assert cache.read(BLOCK, BLOCK) == CONTENT[BLOCK : 2 * BLOCK]  # came on the way
    assert len(server.log) == asked


def test_a_changed_file_is_told_and_read_anew(client, url, folder, files):
    cache = RangeCache(client, url, folder)
    cache.read(0, 10)
    other = bytes(reversed(CONTENT))
    (files / "B02.tif").write_bytes(other)
    with pytest.raises(Changed, match=r"/B02.tif: the file changed at the service while it was"):
        cache.read(7 * BLOCK, 10)
    assert cache.read(7 * BLOCK, 10) == other[7 * BLOCK : 7 * BLOCK + 10]
    assert cache.read(0, 10) == other[:10]


def test_a_file_that_moved_is_asked_for_once_more(client, url, folder, server):
    asked = []

    def on_moved():
        asked.append(1)
        return url

    cache = RangeCache(client, f"{server.url}/old.tif", folder, on_moved=on_moved)
    assert cache.read(BLOCK, 5) == CONTENT[BLOCK : BLOCK + 5]
    assert cache.href == url
    server.always["/B02.tif"] = Status(410)
    with pytest.raises(Gone, match=r"/B02.tif: answers 410"):
        cache.read(9 * BLOCK, 5)
    assert asked == [1]
    with pytest.raises(Gone, match=r"/old.tif: answers 404"):
        RangeCache(client, f"{server.url}/old.tif", folder.with_name("x")).read(0, 1)


def test_a_signature_is_made_for_each_request_and_kept_nowhere(client, url, folder, server):
    signed = []

    def sign(href):
        signed.append(f"{href}?sig=hidden{len(signed)}")
        return signed[-1]

    cache = RangeCache(client, url, folder, sign)
    cache.read(0, 10)
    cache.read(9 * BLOCK, 10)
    assert [asked.query["sig"] for asked in server.log] == [["hidden0"], ["hidden1"]]
    assert not any(b"hidden" in path.read_bytes() for path in folder.iterdir())


def test_what_is_damaged_on_disk_is_fetched_again(client, url, folder, server):
    RangeCache(client, url, folder).read(0, 4 * BLOCK)
    with open(folder / "data", "r+b") as stream:
        stream.seek(2 * BLOCK + 7)
        stream.write(b"not it")  # as a power cut leaves it: marked, but other bytes
    cache = RangeCache(client, url, folder)
    assert cache.read(0, 4 * BLOCK) == CONTENT[: 4 * BLOCK]
    assert cache.fetched == BLOCK


@pytest.mark.parametrize("name", ["about.json", "blocks", "data"])
def test_a_cache_with_a_file_lost_is_begun_anew(client, url, folder, name):
    RangeCache(client, url, folder).read(0, 10)
    (folder / name).write_bytes(b"{}")
    assert RangeCache(client, url, folder).read(5, 10) == CONTENT[5:15]


def test_threads_share_a_cache(client, url, folder, server):
    server.always["/B02.tif"] = Slow(0.002)
    cache, wrong = RangeCache(client, url, folder), []

    def work(seed):
        chance = random.Random(seed)
        for _ in range(20):
            offset = chance.randrange(len(CONTENT))
            if cache.read(offset, BLOCK) != CONTENT[offset : offset + BLOCK]:
                wrong.append(offset)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.sent() <= len(CONTENT)


def test_a_full_disk_is_named(client, url, folder, monkeypatch, waits):
    cache = RangeCache(client, url, folder)
    cache.read(0, 1)

    def full(path, content, start):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blocks, "_write", full)
    with pytest.raises(ServiceError, match=r"B02/data: the disk is full\. Free space"):
        cache.read(5 * BLOCK, 1)
    assert waits == []
    monkeypatch.undo()
    assert cache.read(5 * BLOCK, 9) == CONTENT[5 * BLOCK : 5 * BLOCK + 9]


def test_a_real_server_gives_the_same(client, url, folder, files, tmp_path):
    with nginx(files, tmp_path / "nginx") as real:
        cache = RangeCache(client, f"{real.url}/B02.tif", folder)
        assert cache.read(BLOCK - 5, 10) == CONTENT[BLOCK - 5 : BLOCK + 5]
        assert cache.read(len(CONTENT) - 3, 100) == CONTENT[-3:]
        assert cache.read(len(CONTENT), 100) == b""
        assert real.sent() == cache.fetched


READER = """
import random, sys
from pathlib import Path
from mmaq.services.client import Client
from mmaq.services.endpoints import service
from mmaq.services.ranges import RangeCache
url, folder, seed = sys.argv[1:]
cache = RangeCache(Client(service("eea", {"eea": url})), f"{url}/B02.tif", Path(folder))
print("begins", flush=True)
chance = random.Random(int(seed))
while True:
    cache.read(chance.randrange(cache.size), 3 * 65536)
"""


@pytest.mark.slow
def test_killed_readers_lose_no_whole_block(client, url, folder, server):
    server.always["/B02.tif"] = Slow(0.01, every=16384)
    chance, complete = random.Random(2), []
    for seed in range(6):
        command = [sys.executable, "-c", READER, server.url, str(folder), str(seed)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        marks = folder / "blocks"
        complete.append(_marked(marks) if marks.exists() else set())
        assert all(earlier <= complete[-1] for earlier in complete)
    before = len(server.log)
    cache = RangeCache(client, url, folder)
    assert cache.read(0, len(CONTENT)) == CONTENT
    assert complete[-1]
    assert cache.fetched == sum(
        min(BLOCK, len(CONTENT) - n * BLOCK) for n in set(range(21)) - complete[-1]
    )
    assert len(server.log) > before


def _marked(path):
    content = path.read_bytes()
    return {n for n in range(len(content) // 4) if any(content[4 * n : 4 * n + 4])}
