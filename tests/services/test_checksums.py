import hashlib

import pytest

from mmaq.services.checksums import difference, digests
from mmaq.services.remote_file import RemoteFile


def test_digests_are_the_standard_ones(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1_000_000)
    found = digests(path)
    assert found.bytes == 3_000_000
    assert found.md5 == hashlib.md5(path.read_bytes()).hexdigest()
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(b"")
    # The published test vector of BLAKE3 for no input.
    assert digests(path).blake3.startswith("af1349b9f5f9a1a6a0404dea36dcc949")


@pytest.mark.parametrize("name", ["md5", "blake3", "sha256"])
def test_a_difference_names_both(tmp_path, name):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    found = digests(path)
    value = getattr(found, name)
    assert difference(found, RemoteFile(href="x", **{name: value.upper()}, bytes=3)) == ""
    told = difference(found, RemoteFile(href="x", **{name: "00"}))
    assert told == f"its {name.upper()} is {value}, the manifest says 00"
    assert difference(found, RemoteFile(href="x", bytes=4)) == "its size is 3, the manifest says 4"
