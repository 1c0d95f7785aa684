import errno
import logging

import pytest

from mmaq.base.errors import TableError
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


def test_a_bug_keeps_its_traceback(log_file):
    with pytest.raises(ZeroDivisionError), one_line_errors():
        1 / 0  # noqa: B018
    assert "Traceback" in log_file.read_text()
