"""Our chunk codec against zlib and the HDF5 library."""

from __future__ import annotations

import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ProductError
from mmaq.sentinel5p.chunks import PIECE, deflate, fill_datasets, inflate
from mmaq.sentinel5p.containers import opening


def shuffled(values):
    return values.view(np.uint8).reshape(values.size, -1).T.tobytes()


@given(st.sampled_from(["u1", "i2", "f4", "f8"]), st.integers(1, 3000), st.data(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_wanted_numbers_come_out_as_zlib_packed_them(dtype, number, data, shuffle):
    rng = np.random.default_rng(number)
    values = (
        (100 * rng.normal(size=number)).astype(dtype)
        if dtype != "u1"
        else (rng.integers(0, 255, number, dtype=np.uint8))
    )
    first = data.draw(st.integers(0, number - 1))
    last = data.draw(st.integers(first, number))
    raw = zlib.compress(shuffled(values) if shuffle else values.tobytes(), 3)
    found = inflate(raw, number, values.itemsize, shuffle, slice(first, last))
    np.testing.assert_array_equal(found.view(dtype).ravel(), values[first:last])


def test_a_chunk_of_many_pieces_comes_out_whole():
    values = np.random.default_rng(0).normal(size=200_000).astype("f4")
    raw = deflate(values)
    assert len(raw) > 4 * PIECE
    found = inflate(raw, values.size, 4, True, slice(70_000, 130_001))
    np.testing.assert_array_equal(found.view("f4").ravel(), values[70_000:130_001])


@given(st.integers(0, 5000), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_flipped_byte_never_passes(position, flip):
    values = np.random.default_rng(0).normal(size=1000)
    raw = bytearray(deflate(values))
    raw[position % len(raw)] ^= flip
    try:
        found = inflate(bytes(raw), 1000, 8, True, slice(0, 1000))
    except Exception:  # the codec's own error, or a length
        return
    np.testing.assert_array_equal(found.view("f8").ravel(), values)  # a flag that says nothing


@pytest.mark.parametrize("change", [lambda raw: raw[:-3], lambda raw: raw[: len(raw) // 2]])
def test_a_short_chunk_is_refused(change):
    values = np.arange(500.0)
    with pytest.raises(ValueError, match="instead of 4000"):
        inflate(change(deflate(values)), 500, 8, True, slice(0, 500))


def test_a_chunk_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a chunk of 4000 bytes instead of 4800"):
        inflate(deflate(np.arange(500.0)), 600, 8, True, slice(0, 500))


def test_the_library_reads_what_we_write(tmp_path):
    array = np.random.default_rng(0).normal(size=(37, 61)).astype("f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", array.shape, "f4", chunks=(16, 20), shuffle=True, compression=1)
    fill_datasets(tmp_path / "a.h5", [("a", array)])
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["a"][:], array)


@pytest.mark.parametrize("chunks", [(1, 40, 7), (1, 13, 3), (1, 1, 7), (1, 40, 2), None])
@pytest.mark.parametrize("options", [{"compression": 3}, {"compression": 3, "shuffle": True},
                                     {"compression": 3, "fletcher32": True}, {}])  # fmt: skip
@pytest.mark.parametrize("dtype", ["f4", ">f4", "u1", "i4"])
def test_rows_come_as_the_library_reads_them(tmp_path, chunks, options, dtype):
    if chunks is None:
        options = {}
    array = np.random.default_rng(0).integers(0, 200, (1, 40, 7)).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=array, chunks=chunks, **options)
    with opening(tmp_path / "a.h5") as container:
        for rows in (slice(0, 40), slice(11, 27), slice(39, 40), slice(5, 5)):
            found = container.array("a", 1).stored(rows)
            np.testing.assert_array_equal(found, array[:, rows])


def write_partly(path, **options):
    """A dataset of two chunks, of which the first alone was written."""
    with h5py.File(path, "w") as file:
        made = file.create_dataset("a", (1, 40, 7), "f4", chunks=(1, 20, 7), **options)
        made[0, :20] = 1.0


@pytest.mark.parametrize("options", [{"compression": 3}, {"fletcher32": True}])
def test_a_missing_chunk_is_no_fill_value(tmp_path, options):
    write_partly(tmp_path / "a.h5", **options)
    with (
        pytest.raises(ProductError, match="not a readable NetCDF file"),
        opening(tmp_path / "a.h5") as container,
    ):
        container.array("a", 1).stored(slice(0, 40))


def test_a_chunk_that_skips_its_filters_is_refused(tmp_path):
    write_partly(tmp_path / "a.h5", compression=3)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["a"].id.write_direct_chunk((0, 20, 0), bytes(20 * 7 * 4), filter_mask=1)
    with (
        pytest.raises(ProductError, match="not compressed as the rest is"),
        opening(tmp_path / "a.h5") as container,
    ):
        container.array("a", 1).stored(slice(0, 40))
