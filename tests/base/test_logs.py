import errno
import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import import_module

import pytest

from mmaq.base import faults
from mmaq.base.errors import TableError
from mmaq.base.faults import PACKAGE, Bug, explain
from mmaq.base.files import replacing, write_json
from mmaq.base.logs import one_line_errors, start_logging


@pytest.fixture
def log_file(tmp_path):
    path = tmp_path / "rule.log"
    start_logging(path)
    yield path
    logging.basicConfig(force=True)


def test_a_known_fault_is_one_line_and_exit_status_one(log_file):
    with pytest.raises(SystemExit) as stop, one_line_errors():
        raise TableError("a.csv", "column 'x' is missing", "Add it")
    assert stop.value.code == 1
    lines = log_file.read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("error: a.csv: column 'x' is missing. Add it.")


def test_a_full_disk_is_a_known_fault(log_file):
    with pytest.raises(SystemExit) as stop, one_line_errors():
        raise OSError(errno.ENOSPC, "No space left on device", "out.nc")
    assert stop.value.code == 1
    assert "out.nc: No space left on device" in log_file.read_text()


def test_a_bug_is_one_line_and_its_traceback_lies_in_the_log(log_file, capsys):
    start_logging(log_file)  # here, for the stream that capsys reads
    with pytest.raises(SystemExit) as stop, one_line_errors():
        write_json(log_file.with_name("a.json"), {1: object()})
    assert stop.value.code == 1
    assert "Traceback" in log_file.read_text(encoding="utf-8")
    (line,) = capsys.readouterr().err.splitlines()
    assert "mmaq/base/files.py" in line
    assert "a bug (TypeError: Object of type object is not JSON serializable)" in line
    assert str(log_file) in line


def test_a_bug_of_an_installed_package_is_no_fault_of_the_file_at_hand(tmp_path, monkeypatch):
    """A wheel lies among the libraries."""
    monkeypatch.setattr(faults.site, "getsitepackages", lambda: [str(PACKAGE.parent)])
    (tmp_path / "a.csv").touch()
    room: dict = {}
    exec(compile("def use(path):\n    return path + 1\n", str(PACKAGE / "room.py"), "exec"), room)
    with pytest.raises(TypeError) as caught:
        room["use"](tmp_path / "a.csv")
    told = explain(caught.value)
    assert isinstance(told, Bug)
    assert told.where == "mmaq/room.py:2"


def test_a_log_that_cannot_be_written_is_a_warning(tmp_path, capsys):
    start_logging(tmp_path / "absent" / "rule.log")
    with pytest.raises(SystemExit), one_line_errors():
        raise TableError("a.csv", "column 'x' is missing", "Add it")
    logging.basicConfig(force=True)
    warned, told = capsys.readouterr().err.splitlines()
    assert "absent/rule.log: No such file or directory: what is logged stands here alone" in warned
    assert told.endswith("error: a.csv: column 'x' is missing. Add it.")


def test_a_name_that_the_locale_cannot_write_is_no_bug():
    told = explain(UnicodeEncodeError("ascii", "Länder", 1, 2, "ordinal not in range(128)"))
    assert not isinstance(told, Bug)
    assert str(told).startswith("Länder: cannot be a file's name under the locale")


def test_a_library_that_cannot_use_a_file_is_no_bug(tmp_path, log_file, monkeypatch, capsys):
    """What it raises where no reader or writer has foreseen any fault."""
    start_logging(log_file)  # here, for the stream that capsys reads
    monkeypatch.setattr(json, "dumps", lambda *_, **__: json.loads("{"))
    path = tmp_path / "a.json"
    path.write_text("1", encoding="utf-8")
    with pytest.raises(SystemExit) as stop, one_line_errors():
        write_json(path, 1)
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"error: {path}: json could not use it (JSONDecodeError: " in line
    assert "bug" not in line


def test_without_a_rule_s_log_the_traceback_has_a_file_of_its_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    start_logging()
    with pytest.raises(SystemExit), one_line_errors():
        write_json("a.json", object())
    logging.basicConfig(force=True)
    assert "logs/tracebacks.log" in capsys.readouterr().err
    assert "Traceback" in (tmp_path / "logs" / "tracebacks.log").read_text(encoding="utf-8")


def test_too_little_memory_is_no_bug(log_file, capsys):
    start_logging(log_file)  # here, for the stream that capsys reads
    with pytest.raises(SystemExit), one_line_errors():
        raise MemoryError
    assert "this machine: memory ran out. Give it more memory" in capsys.readouterr().err


def _stop_half_way(path, number):
    with replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        os.kill(os.getpid(), number)


def test_a_package_that_is_not_there_is_no_bug(log_file, capsys):
    start_logging(log_file)
    with pytest.raises(SystemExit), one_line_errors():
        import_module("absent.inside")
    told = capsys.readouterr().err
    assert "error: absent: cannot be imported (No module named 'absent')." in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_one_line_and_nothing_is_left_half_written(
    tmp_path, log_file, capsys, number, monkeypatch
):
    start_logging(log_file)  # here, for the stream that capsys reads
    # pytest may have been started in the background, where Ctrl-C is ignored.
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    with pytest.raises(SystemExit) as stop, one_line_errors():
        _stop_half_way(tmp_path / "a.txt", number)
    assert stop.value.code == 128 + number
    (line,) = capsys.readouterr().err.splitlines()
    assert f"stopped: {number.name} ended this command. Give it again" in line
    assert list(tmp_path.iterdir()) == [log_file]


def test_a_signal_that_a_library_swallows_still_ends_with_its_status(log_file):
    with pytest.raises(SystemExit) as stop, one_line_errors(), suppress(BaseException):
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.value.code == 128 + signal.SIGTERM


def test_a_signal_ends_the_workers_of_a_pool_without_a_word():
    code = (
        "import os, signal, threading, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from mmaq.base.logs import one_line_errors, start_logging\n"
        "start_logging()\n"
        "threading.Timer(2, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "with one_line_errors(), ProcessPoolExecutor(2) as pool:\n"
        "    list(pool.map(time.sleep, [300] * 4))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_signal_ends_what_threads_wait_for():
    """A server may ask for ten minutes, and a pool waits for its threads."""
    code = (
        "import os, signal, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from mmaq.base.logs import one_line_errors, start_logging\n"
        "from mmaq.acquire.services.limits import wait\n"
        "start_logging()\n"
        "threading.Timer(2, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "with one_line_errors(), ThreadPoolExecutor(2) as pool:\n"
        "    list(pool.map(wait, [600] * 4))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert len(done.stderr.splitlines()) == 1, done.stderr
