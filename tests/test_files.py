import json
import os
import subprocess
import sys

import pytest

from mmaq.base.errors import ArchiveError
from mmaq.base.files import read_json, remove_left_over, replacing, sha256, write_json


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


def test_what_a_killed_process_left_is_removed_and_that_of_a_running_one_kept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [tmp_path / f".a.{number}.part.tif" for number in (dead.pid, os.getpid(), 1)]
    for path in (*left, tmp_path / "a.part.tif"):
        path.write_text("half")
    remove_left_over(tmp_path.iterdir())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {left[1].name, left[2].name, "a.part.tif"}


def test_json_is_written_in_a_fixed_order(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": 2})
    write_json(tmp_path / "b.json", {"a": 2, "b": 1})
    assert sha256(tmp_path / "a.json") == sha256(tmp_path / "b.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 2, "b": 1}


@pytest.mark.parametrize(("text", "fault"), [(None, "does not exist"), ("{", "not valid JSON")])
def test_bad_json_names_file_fault_and_remedy(tmp_path, text, fault):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ArchiveError, match=rf"a\.json: .*{fault}.*Mend it\."):
        read_json(path, ArchiveError, "Mend it")
