"""Arrays of NumPy's own format: read by many threads, and refused in one line."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mmaq.base.arrays import read_array, read_arrays
from mmaq.base.errors import StoreError


@pytest.fixture
def threads_take_turns():
    """Another thread goes on at almost every new object, as it may at any time."""

    def pause(*_):
        time.sleep(0)

    before = gc.get_threshold()
    gc.callbacks.append(pause)
    gc.set_threshold(5)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(pause)


def test_threads_read_side_by_side(tmp_path, threads_take_turns):
    """Without a lock some ten of these forty end with a SystemError of Python's ``ast``."""
    one, many = tmp_path / "one.npy", tmp_path / "many.npz"
    np.save(one, np.arange(4))
    np.savez(many, **{f"array{n}": np.arange(n) for n in range(20)})

    def read(_):
        return read_array(one, StoreError, "-"), read_arrays(many, StoreError, "-")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(40)))
    for array, arrays in found:
        assert array.tolist() == [0, 1, 2, 3]
        assert [len(arrays[f"array{n}"]) for n in range(20)] == list(range(20))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x93NUMPY", b"a table"])
def test_what_is_no_archive_of_arrays_is_told_in_a_line(tmp_path, content):
    path = tmp_path / "kept.npz"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"kept\.npz: the file cannot be read \(.+\)\. Do this\."):
        read_arrays(path, StoreError, "Do this")


def test_code_in_an_archive_is_refused(tmp_path):
    path = tmp_path / "kept.npz"
    np.savez(path, code=np.array([object()], dtype=object))
    with pytest.raises(StoreError, match="allow_pickle=False"):
        read_arrays(path, StoreError, "Do this")
