from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import StoreError
from mmaq.contracts.patches import open_store, write_store
from mmaq.vocabulary import BANDS


def make(folder, n=3, m=2, side=8, cells=4):
    rng = np.random.default_rng(1)
    index = pd.DataFrame({"site_id": [f"s{i}" for i in range(5)]})
    index["s2_row"] = [*range(n), *[-1] * (5 - n)]
    index["s5p_row"] = [*[-1] * (5 - m), *range(m)]
    index["s2_product"], index["s2_time"], index["s2_clear"] = "P", pd.Timestamp("2021-06-01"), 1.0
    arrays = {
        "s2": rng.integers(0, 9000, (n, len(BANDS), side, side)),
        "s2_mask": np.ones((n, side, side), bool),
        "s5p": rng.uniform(0, 1e-4, (m, cells, cells)),
        "s5p_mask": np.ones((m, cells, cells), bool),
    }
    write_store(folder, index, arrays, {"s2": {"side": side}}, {"s5p": "because"})
    return index, arrays


def test_round_trip(tmp_path):
    index, arrays = make(tmp_path / "store")
    store = open_store(tmp_path / "store")
    pd.testing.assert_frame_equal(store.index[list(index)], index, check_dtype=False)
    np.testing.assert_array_equal(store.s2, arrays["s2"])
    np.testing.assert_array_equal(store.s5p, arrays["s5p"].astype(np.float32))
    assert (store.s2.dtype, store.s5p.dtype) == (np.uint16, np.float32)
    assert isinstance(store.s2, np.memmap)
    assert not store.s2.flags.writeable
    assert store.about["modalities"] == {"s2": {"side": 8}}


@settings(deadline=None)
@given(
    asked=st.lists(st.sampled_from(["s0", "s1", "s2", "s3", "s4", "stranger"]), unique=True),
    modality=st.sampled_from(["s2", "s5p"]),
)
def test_rows_follow_the_asked_order(tmp_path_factory, asked, modality):
    folder = tmp_path_factory.mktemp("rows") / "store"
    index, _ = make(folder)
    known = dict(zip(index["site_id"], index[f"{modality}_row"], strict=True))
    rows = open_store(folder).rows(modality, np.array(asked, dtype=object))
    assert rows.tolist() == [known.get(site, -1) for site in asked]


@pytest.mark.parametrize(
    ("s5p", "aligned"),
    [
        ({"side": 12, "pixel_m": 10.0}, True),
        ({"side": 4, "pixel_m": 30.0}, True),
        ({"side": 12, "pixel_m": 20.0}, False),
        ({"side": 16, "pixel_degrees": 0.05}, False),
        (None, False),
    ],
)
def test_a_store_knows_whether_its_images_show_the_same_ground(tmp_path, s5p, aligned):
    make(tmp_path / "store")
    store = open_store(tmp_path / "store")
    held = {"s2": {"side": 12, "pixel_m": 10.0}} | ({"s5p": s5p} if s5p else {})
    assert replace(store, about={"modalities": held}).aligned == aligned


def test_an_empty_modality_says_why(tmp_path):
    make(tmp_path / "store", m=0)
    store = open_store(tmp_path / "store")
    assert store.s5p.shape == (0, 4, 4)
    assert store.absence("s5p") == "because"
    assert store.absence("s2") is None


def test_equal_input_gives_equal_bytes_and_replaces_the_whole(tmp_path):
    make(tmp_path / "a")
    make(tmp_path / "b", n=1)
    (tmp_path / "b" / "stray").touch()
    make(tmp_path / "b")
    first, second = (sorted(tmp_path.glob(f"{name}/*")) for name in "ab")
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_a_store_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(KeyError):
        write_store(tmp_path / "store", pd.DataFrame({"site_id": ["a"]}), {}, {}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["s2", "s2_mask", "s5p", "s5p_mask"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_truncated_array(tmp_path, name, share):
    make(tmp_path)
    path = tmp_path / f"{name}.npy"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(StoreError, match=rf"{name}\.npy: the file cannot be read"):
        open_store(tmp_path)


def test_a_truncated_index(tmp_path):
    make(tmp_path)
    path = tmp_path / "index.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"index\.parquet: the file cannot be read"):
        open_store(tmp_path)


@pytest.mark.parametrize("name", ["store.json", "index.parquet", "s2.npy", "s5p_mask.npy"])
def test_a_missing_file(tmp_path, name):
    make(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(StoreError, match=name):
        open_store(tmp_path)


@pytest.mark.parametrize("about", ['{"version": 2}', "[]", "{}"])
def test_another_version(tmp_path, about):
    make(tmp_path)
    (tmp_path / "store.json").write_text(about)
    with pytest.raises(StoreError, match=r"version .+ is not 1"):
        open_store(tmp_path)


def test_broken_json(tmp_path):
    make(tmp_path)
    path = tmp_path / "store.json"
    path.write_text(path.read_text()[:-5])
    with pytest.raises(StoreError, match="not valid JSON"):
        open_store(tmp_path)


@pytest.mark.parametrize("rows", [[0, 1, 3, -1, -1], [0, 1, 1, -1, -1], [0, 1, -1, -1, -1]])
def test_an_index_that_does_not_number_the_rows(tmp_path, rows):
    index, _ = make(tmp_path)
    index.assign(s2_row=rows).to_parquet(tmp_path / "index.parquet")
    with pytest.raises(StoreError, match=r"s2\.npy: its 3 rows do not match s2_row"):
        open_store(tmp_path)


def test_an_index_without_a_column(tmp_path):
    index, _ = make(tmp_path)
    index.drop(columns="s2_clear").to_parquet(tmp_path / "index.parquet")
    with pytest.raises(StoreError, match="column 's2_clear' is missing"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("s2", np.zeros((3, 12, 8, 8), np.float32)),
        ("s2", np.zeros((3, 13, 8, 8), np.uint16)),
        ("s2_mask", np.zeros((2, 8, 8), np.uint8)),
        ("s2_mask", np.zeros((3, 8, 9), np.uint8)),
        ("s5p", np.zeros((2, 1, 4, 4), np.float32)),
    ],
)
def test_arrays_of_another_kind(tmp_path, name, values):
    make(tmp_path)
    np.save(tmp_path / f"{name}.npy", values)
    with pytest.raises(StoreError, match="does not go with its mask"):
        open_store(tmp_path)


@pytest.fixture
def store(tmp_path):
    make(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("s5p", lambda values: values * np.float32(np.nan), "holds what is no column in mol/m2"),
        ("s5p", lambda values: values * np.float32(1e9), "holds what is no column in mol/m2"),
        ("s5p_mask", lambda values: values * 255, "holds more than 0 and 1"),
        ("s2", lambda values: values.astype(object), "the file cannot be read"),
    ],
)
def test_numbers_that_cannot_be_are_named(store, name, change, fault):
    """Of the patches that are read: the last one is not among the first."""
    path = store / f"{name}.npy"
    held = np.load(path)
    damaged = change(held)
    damaged[:-1] = held[:-1]
    np.save(path, damaged, allow_pickle=True)
    last = len(held) - 1
    with pytest.raises(StoreError, match=rf"{name}\.npy: {fault}"):
        open_store(store).patches(name.removesuffix("_mask"), np.array([last]))
    if damaged.dtype != object:
        values, mask = open_store(store).patches(name.removesuffix("_mask"), np.arange(last))
        assert len(values) == len(mask) == last


def test_a_store_is_opened_without_reading_its_arrays(store):
    """A mask is damaged, which nobody has asked for yet."""
    path = store / "s2_mask.npy"
    np.save(path, np.load(path) * 9)
    assert open_store(store).s2_mask.max() == 9


def test_an_archive_of_arrays_is_no_array(store):
    with (store / "s2.npy").open("wb") as stream:
        np.savez(stream, values=np.zeros(3))
    with pytest.raises(StoreError, match=r"s2\.npy: the file cannot be read \(it is an archive"):
        open_store(store)


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("s2_row", "first", "'s2_row' holds no row numbers"),
        ("s5p_row", 0.5, "'s5p_row' holds no row numbers"),
        ("site_id", "same", "'site_id' does not name each site once"),
    ],
)
def test_an_index_that_numbers_nothing_is_named(store, column, values, fault):
    path = store / "index.parquet"
    pd.read_parquet(path).assign(**{column: values}).to_parquet(path)
    with pytest.raises(StoreError, match=rf"index\.parquet: column {fault}"):
        open_store(store)


@pytest.mark.parametrize("key", ["modalities", "absent"])
def test_a_description_of_another_form_is_named(store, key):
    path = store / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: "none"}))
    with pytest.raises(StoreError, match=r"store\.json: it does not describe modalities"):
        open_store(store)
