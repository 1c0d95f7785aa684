import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmaq.base import files
from mmaq.base.errors import ArchiveError
from mmaq.base.files import (
    files_below,
    read_json,
    reading,
    refuse_cut,
    remove_left_over,
    replacing,
    sha256,
    state_of,
    temporary_of,
    write_json,
)


def _replace_half(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        _replace_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_below_follow_links_once_and_pass_hidden_ones_over(tmp_path, caplog):
    inside, disk = tmp_path / "in", tmp_path / "disk"
    for path in (inside / "a" / "1", inside / "2", disk / "b" / "3", inside / ".git" / "4",
                 inside / "a" / "._1"):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (inside / "link").symlink_to(disk)
    (inside / "one").symlink_to(disk / "b" / "3")
    (inside / "a" / "up").symlink_to(inside)
    (inside / "again").symlink_to(inside / "a")
    assert [str(path.relative_to(inside)) for path in files_below(inside)] == [
        "2", "a/1", "link/b/3", "one",
    ]  # fmt: skip
    assert caplog.text == ""
    (inside / "a" / "gone").symlink_to(tmp_path / "unplugged")
    files_below(inside)
    assert f"{inside}: 1 links or folders below it lead nowhere or cannot be read" in caplog.text


def test_success_replaces_a_file_and_keeps_its_suffix(tmp_path):
    path = tmp_path / "deep" / "a.nc"
    with replacing(path) as temporary:
        assert temporary.suffix == ".nc"
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_folder_replaces_the_whole_of_an_older_one(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "stale").write_text("x")
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "fresh").write_text("y")
    assert [path.name for path in folder.iterdir()] == ["fresh"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_in_the_place_of_a_file_keeps_all_it_holds(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old").write_text("x")
    with (
        pytest.raises(IsADirectoryError, match="it is a folder"),
        replacing(tmp_path / "results") as temporary,
    ):
        temporary.write_text("new")
    assert (tmp_path / "results" / "old").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.fixture
def images(tmp_path):
    """A folder of two images, one of them behind a link, and a link that leads back."""
    for name in ("images/a/1.tif", "disk/2.tif"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("pixels")
    (tmp_path / "images" / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "images" / "a" / "up").symlink_to(tmp_path / "images")
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda images: (images / "a/3.tif").touch(), True),
        (lambda images: (images / "link/3.tif").touch(), True),
        (lambda images: (images / "a/1.tif").unlink(), True),
        (lambda images: (images / "a/1.tif").rename(images / "a/3.tif"), True),
        (lambda images: os.utime(images / "a/1.tif", (1, 1)), True),  # an older file in its place
        (lambda images: (images / "a/._1.tif").touch(), False),
        (lambda images: (images / "a/gone").symlink_to("/unplugged"), False),
    ],
    ids=["added", "behind a link", "removed", "renamed", "replaced", "hidden", "a link to nothing"],
)
def test_the_state_of_a_folder_is_that_of_the_files_below_it(images, change, seen):
    before, flat = state_of(images), state_of(images, deep=False)
    change(images)
    assert (state_of(images) != before) == seen
    assert state_of(images, deep=False) == flat


def test_a_file_has_a_state_and_a_folder_the_same_one_elsewhere(images, tmp_path):
    before = state_of(images)
    images.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "a" / "up").unlink()
    assert state_of(tmp_path / "elsewhere") == before
    table = tmp_path / "disk" / "2.tif"
    one, absent = state_of(table), state_of(images)
    table.write_text("more pixels")
    assert len({one, absent, state_of(table)}) == 3


def test_of_a_link_to_a_folder_that_to_which_it_leads_is_replaced(tmp_path):
    there, link = tmp_path / "other" / "store", tmp_path / "store"
    there.mkdir(parents=True)
    link.symlink_to(there)
    with replacing(link) as temporary:
        temporary.mkdir()
        (temporary / "fresh").write_text("y")
    assert link.is_symlink()
    assert [path.name for path in there.iterdir()] == ["fresh"]
    assert [path.name for path in there.parent.iterdir()] == ["store"]


def test_a_disk_in_the_place_of_a_folder_keeps_all_it_holds(tmp_path, monkeypatch):
    """It cannot be replaced, which is told before any work and not after its files are gone."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "old").write_text("x")
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "store")
    with pytest.raises(OSError, match="it is a disk of its own"), replacing(tmp_path / "store"):
        raise AssertionError("work was begun")
    assert (tmp_path / "store" / "old").read_text() == "x"


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "old").write_text("x")
    move = os.replace

    def refusing(source, target):
        if ".part" in str(source) and not str(source).endswith(".old"):
            raise PermissionError(errno.EACCES, "Permission denied", str(target))
        move(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(PermissionError), replacing(tmp_path / "store") as temporary:
        temporary.mkdir()
    assert (tmp_path / "store" / "old").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_process_left_is_removed_and_that_of_a_running_one_kept(tmp_path, dead):
    path = tmp_path / "a.tif"
    left = [temporary_of(path, process=number) for number in (dead, os.getpid(), 1)]
    for name in (*left, tmp_path / "a.part.tif"):
        name.write_text("half")
    remove_left_over(tmp_path.iterdir())
    names = {name.name for name in tmp_path.iterdir()}
    assert names == {left[1].name, left[2].name, "a.part.tif"}


def test_what_another_host_writes_is_left_alone(tmp_path, dead):
    """Its processes are not those of this host, which has none, or another one, of that number."""
    for process in (dead, os.getpid()):
        temporary_of(tmp_path / "a.tif", "node-17", process).write_text("half")
    before = set(tmp_path.iterdir())
    assert len(before) == 2
    remove_left_over(tmp_path.iterdir())
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("days", "kept"), [(-1.0, True), (2.9, True), (3.1, False)])
def test_what_another_host_left_goes_when_it_is_old(tmp_path, days, kept):
    """A running process of that number here does not keep it."""
    path = temporary_of(tmp_path / "a.tif", "node-17", os.getpid())
    path.write_text("half")
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))
    remove_left_over(tmp_path.iterdir())
    assert path.exists() == kept


@pytest.mark.parametrize("name", ["node-18", "node-18.rack_3.cluster"])
def test_two_hosts_write_one_file_under_two_names(tmp_path, monkeypatch, name):
    """Containers on two nodes are likely to have the same process numbers."""
    path = tmp_path / "a.b.tif"
    with replacing(path) as one:
        one.write_text("one")
        with monkeypatch.context() as patched:
            patched.setattr("socket.gethostname", lambda: name)
            with replacing(path) as other:
                assert other != one
                other.write_text("other")
                remove_left_over(tmp_path.iterdir())
            assert one.read_text() == "one"
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("refused", "told"), [(errno.ENOSPC, errno.ENOSPC), (0, errno.EACCES)])
def test_a_full_disk_that_a_library_calls_a_lack_of_permission(
    tmp_path, monkeypatch, refused, told
):
    """As NetCDF does; where the disk takes more, it is one."""
    monkeypatch.setattr(files, "_refuses", lambda _: refused)
    with pytest.raises(OSError, match=r"a\.nc") as caught, replacing(tmp_path / "a.nc") as part:
        raise PermissionError(errno.EACCES, "Permission denied", str(part))
    assert (caught.value.errno, caught.value.filename) == (told, str(tmp_path / "a.nc"))


def test_a_disk_that_takes_no_more_is_named_whatever_the_library_says(tmp_path):
    """A limit on the size of files stands for the full disk; NetCDF says "HDF error"."""
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import netCDF4, numpy as np\n"
        "from mmaq.base.files import replacing\n"
        "from mmaq.base.logs import one_line_errors, start_logging\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))\n"
        "start_logging()\n"
        "with one_line_errors(), replacing(Path(sys.argv[1])) as part:\n"
        "    with netCDF4.Dataset(part, 'w') as data:\n"
        "        data.createDimension('x', 2**20)\n"
        "        data.createVariable('x', 'f8', ('x',))[:] = np.arange(2**20)\n"
    )
    path = tmp_path / "out.nc"
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"error: {path}: File too large. Raise the limit" in line
    assert not list(tmp_path.iterdir())


def test_a_full_temporary_folder_is_named_and_not_the_output_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_refuses", lambda folder: 0 if folder == tmp_path else 28)
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: "/small")
    with pytest.raises(OSError, match="No space left") as caught, replacing(tmp_path / "a.bin"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == "/small"


def test_bad_input_on_a_full_disk_stays_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_refuses", lambda _: 28)
    with pytest.raises(ArchiveError, match="is broken"), replacing(tmp_path / "a.bin"):
        raise ArchiveError("a.nc", "is broken", "Fetch it again")


def test_a_text_that_is_cut_off_in_a_line_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    refuse_cut(path, ArchiveError, "Copy it again")
    path.write_text("a,b\n1,", encoding="utf-8")
    with pytest.raises(ArchiveError, match=r"a\.csv: it is cut off in its last line"):
        refuse_cut(path, ArchiveError, "Copy it again")


def test_json_is_written_in_a_fixed_order(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    write_json(tmp_path / "b.json", {"a": 2, "b": 1})
    assert sha256(tmp_path / "a.json") == sha256(tmp_path / "b.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 2, "b": 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-be"])
def test_json_of_other_programs_is_read(tmp_path, encoding):
    path = tmp_path / "a.json"
    path.write_bytes('{"a": "ü"}'.encode(encoding))
    assert read_json(path, ArchiveError, "Mend it") == {"a": "ü"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [(None, "does not exist"), ("{", "not valid JSON"), ("[" * 100_000, "not valid JSON")],
    ids=["absent", "broken", "deep"],
)
def test_bad_json_names_file_fault_and_remedy(tmp_path, text, fault):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ArchiveError, match=rf"a\.json: .*{fault}.*Mend it\."):
        read_json(path, ArchiveError, "Mend it")


@pytest.mark.parametrize(
    "fault", [ValueError("bad\x1b[2J\nhead"), KeyError("a"), RecursionError(), OSError()]
)
def test_what_a_library_makes_of_damage_names_the_file_in_one_line(tmp_path, fault):
    with pytest.raises(ArchiveError) as caught, reading(tmp_path / "a", ArchiveError, "bad", "Go"):
        raise fault
    assert str(caught.value).startswith(f"{tmp_path / 'a'}: bad (")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("fault", [MemoryError(), PermissionError(13, "Permission denied", "b")])
def test_what_is_no_damage_passes(tmp_path, fault):
    with pytest.raises(type(fault)), reading(tmp_path / "a", ArchiveError, "bad", "Go"):
        raise fault
