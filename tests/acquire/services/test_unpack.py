import errno
import os
import shutil
import stat
import zipfile

import pytest

from mmaq.acquire.services.unpack import unpack_zip
from mmaq.base.errors import ServiceError


def _zip(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_a_product_is_unpacked_whole(tmp_path):
    members = [("P.SAFE/", ""), ("P.SAFE/GRANULE/b.jp2", b"b"), ("P.SAFE/a.xml", b"a")]
    archive = _zip(tmp_path / "p.zip", members)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "older").write_text("x")
    found = unpack_zip(archive, folder)
    assert found == [folder / "P.SAFE/GRANULE/b.jp2", folder / "P.SAFE/a.xml"]
    assert [path.read_bytes() for path in found] == [b"b", b"a"]
    assert not (folder / "older").exists()


LINK = zipfile.ZipInfo("link")
LINK.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        ("../evil", "lies outside the folder"),
        ("a/../../evil", "lies outside the folder"),
        ("/etc/evil", "lies outside the folder"),
        ("C:/evil", "lies outside the folder"),
        ("a\\..\\evil", "lies outside the folder"),
        (LINK, "is no plain file"),
    ],
)
def test_a_member_outside_is_refused_before_anything_is_written(tmp_path, member, fault):
    archive = _zip(tmp_path / "p.zip", [("good", b"a"), (member, b"/etc/passwd")])
    with pytest.raises(ServiceError, match=f"p.zip: its member .* {fault}"):
        unpack_zip(archive, tmp_path / "out" / "in")
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path):
    archive = _zip(tmp_path / "p.zip", [("a", b"a"), ("a", b"b")])
    with pytest.raises(ServiceError, match="its member 'a' is there twice"):
        unpack_zip(archive, tmp_path / "out")


def test_a_bomb_is_refused(tmp_path):
    archive = _zip(tmp_path / "p.zip", [("a", bytes(10_000_000))], compression=8)
    with pytest.raises(ServiceError, match=r"p.zip: \d+ bytes that would unpack to 10000000\."):
        unpack_zip(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_more_than_the_disk_holds_is_refused(tmp_path, monkeypatch):
    archive = _zip(tmp_path / "p.zip", [("a", b"abc")])
    usage = shutil.disk_usage(tmp_path)._replace(free=2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ServiceError, match=r"unpacks to 3 bytes, and the disk has 2\. Free space"):
        unpack_zip(archive, tmp_path / "out")


@pytest.mark.parametrize("harm", ["cut", "flip", "none"])
def test_a_damaged_archive_is_named_and_leaves_nothing(tmp_path, harm):
    archive = _zip(tmp_path / "p.zip", [("a", b"abcdefgh" * 100)])
    content = bytearray(archive.read_bytes())
    if harm == "flip":
        content[100] ^= 255
    archive.write_bytes({"cut": content[:-30], "flip": content, "none": b"<html>"}[harm])
    with pytest.raises(ServiceError, match=r"p.zip: not a sound zip \("):
        unpack_zip(archive, tmp_path / "out")
    assert os.listdir(tmp_path) == ["p.zip"]


def test_an_encrypted_member_is_refused(tmp_path):
    archive = _zip(tmp_path / "p.zip", [("a", b"abc")])
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flag, in the member's own head and in the directory
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(ServiceError, match="its member 'a' is encrypted"):
        unpack_zip(archive, tmp_path / "out")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whatever_a_packing_raises_on_damage_names_the_archive(tmp_path, packing):
    content = b"".join(b"%d," % number for number in range(300))
    archive = _zip(tmp_path / "p.zip", [("a", content)], compression=packing)
    data = bytearray(archive.read_bytes())
    data[60:120] = bytes(60)
    archive.write_bytes(data)
    with pytest.raises(ServiceError, match=r"p\.zip: not a sound zip \("):
        unpack_zip(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_without_a_file_is_refused(tmp_path):
    archive = _zip(tmp_path / "p.zip", [("P.SAFE/", "")])
    with pytest.raises(ServiceError, match=r"p\.zip: it holds no file"):
        unpack_zip(archive, tmp_path / "out")


def test_a_full_disk_is_no_damage_of_the_archive(tmp_path, monkeypatch):
    archive = _zip(tmp_path / "p.zip", [("a", b"abc")])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left") as found:
        unpack_zip(archive, tmp_path / "out")
    assert not isinstance(found.value, ServiceError)
