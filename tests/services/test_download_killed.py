"""kill -9 at random moments of a download: the file is right, and each start goes on from there."""

import hashlib
import random
import signal
import subprocess
import sys
import time

import pytest

from mmaq.services.download import fetch_file
from mmaq.services.remote_file import RemoteFile
from tests.servers.faulty import Slow

CONTENT = random.Random(0).randbytes(6_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FETCH = """
import sys
from pathlib import Path
from mmaq.acquire.manifest import RemoteFile
from mmaq.services.client import Client
from mmaq.services.download import fetch_file
from mmaq.services.endpoints import service
url, path = sys.argv[1:]
print("begins", flush=True)
fetch_file(Client(service("eea", {"eea": url})), RemoteFile(href=f"{url}/a.nc"), Path(path))
"""


@pytest.mark.slow
def test_a_killed_download_goes_on(server, client, files, tmp_path):
    (files / "a.nc").write_bytes(CONTENT)
    server.always["/a.nc"] = Slow(0.004, every=16384)
    path, chance, kept = tmp_path / "got" / "a.nc", random.Random(1), []
    part = path.with_name("a.nc.part")
    for _ in range(6):
        command = [sys.executable, "-c", FETCH, server.url, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(chance.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        kept.append(part.stat().st_size if part.exists() else 0)
        assert not path.exists()
    before = len(server.log)
    assert fetch_file(client, RemoteFile(href=f"{server.url}/a.nc"), path) == SHA256
    # A process that was killed before it asked has left no request.
    starts = [int((asked.range or "bytes=0-")[6:-1]) for asked in server.log]
    assert starts == sorted(starts)
    assert set(starts) <= {0, *kept}
    assert starts[before] == kept[-1] > 0
    assert [file.name for file in path.parent.iterdir()] == ["a.nc"]
