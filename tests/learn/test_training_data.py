from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from mmaq.base.errors import StoreError
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import FEATURES, read_sites
from mmaq.learn.data import (
    Statistics,
    bytes_needed,
    compute_statistics,
    load_inputs,
    need_modalities,
)
from mmaq.learn.sites import near_any, pretraining_sites
from tests.learn.training_country import make_country


@pytest.fixture
def loaded(country):
    store, sites = open_store(country[0]), read_sites(country[1])
    return store, sites, load_inputs(store, sites)


def test_inputs_follow_the_order_of_the_sites(loaded):
    store, sites, _ = loaded
    some = sites.iloc[[5, 2, 9]].reset_index(drop=True)
    inputs = load_inputs(store, some)
    assert inputs.site_ids == tuple(some["site_id"])
    assert inputs.pixels["s2"].dtype == torch.uint16
    assert len(inputs.pixels["s2"]) == 3
    for place, site in enumerate(some["site_id"]):
        row = store.rows("s2", np.array([site]))[0]
        found = inputs.pixels["s2"][inputs.rows["s2"][place]].numpy()
        assert (found == store.s2[row]).all()
    taken = inputs.take(np.array([2, 0]))
    assert taken.site_ids == (some["site_id"][2], some["site_id"][0])
    assert torch.equal(taken.rows["s5p"], inputs.rows["s5p"][[2, 0]])


def test_statistics_equal_numpy_over_clear_pixels(loaded):
    store, sites, inputs = loaded
    statistics = compute_statistics(inputs)
    clear = np.asarray(store.s2_mask, dtype=bool)
    for band in (0, 7, 11):
        values = np.asarray(store.s2[:, band], dtype=float)[clear]
        assert statistics.s2_mean[band] == pytest.approx(values.mean(), rel=1e-12)
        assert statistics.s2_sd[band] == pytest.approx(values.std(), rel=1e-12)
    valid = np.asarray(store.s5p, dtype=float)[np.asarray(store.s5p_mask, dtype=bool)]
    assert statistics.s5p_mean[0] == pytest.approx(valid.mean(), rel=1e-9)
    assert statistics.s5p_sd[0] == pytest.approx(valid.std(), rel=1e-9)
    population = np.log1p(sites["population_density"])
    place = FEATURES.index("population_density")
    assert statistics.table_mean[place] == pytest.approx(population.mean(), rel=1e-6)
    assert statistics.table_sd[place] == pytest.approx(population.std(ddof=0), rel=1e-6)
    assert statistics.table_mean[2:] == (0.0,) * 6
    assert statistics.table_sd[2:] == (1.0,) * 6


def test_standardised_inputs(loaded):
    _, sites, inputs = loaded
    statistics = compute_statistics(inputs)
    every = torch.arange(len(inputs))
    for name in ("s2", "s5p"):
        values = inputs.standardised(name, every, statistics)
        mask = inputs.masks[name][inputs.rows[name]].bool().expand_as(values)
        assert not values[~mask].any()
        assert values[mask].mean().item() == pytest.approx(0, abs=1e-3)
        assert values[mask].std().item() == pytest.approx(1, abs=1e-2)
    table = inputs.standardised("table", every, statistics)
    assert table.shape == (len(sites), 16)
    assert torch.isfinite(table).all()
    missing = sites[list(FEATURES)].isna().to_numpy()
    assert (table[:, 8:].numpy() == missing).all()
    assert not table[:, :8][torch.from_numpy(missing.copy())].any()


def test_bright_pixels_keep_their_value(loaded):
    """Above 32767 a signed 16-bit integer would be negative."""
    inputs = loaded[2]
    bright = torch.full_like(inputs.pixels["s2"], 60_000)
    inputs = replace(inputs, pixels={**inputs.pixels, "s2": bright})
    statistics = replace(
        compute_statistics(inputs),
        s2_mean=(0.0,) * 12,
        s2_sd=(1.0,) * 12,
    )
    values = inputs.standardised("s2", torch.arange(3), statistics)
    assert set(values.unique().tolist()) == {0.0, 60_000.0}


def test_statistics_survive_json(loaded):
    statistics = compute_statistics(loaded[2])
    assert Statistics.from_dict(statistics.to_dict()) == statistics


@pytest.mark.parametrize("change", [[1.0], [0.0] * 12, [float("nan")] * 12, [1e30] * 12, "text"])
def test_what_is_no_statistics_is_refused(loaded, change):
    values = compute_statistics(loaded[2]).to_dict() | {"s2_sd": change}
    with pytest.raises(ValueError, match=r"s2_sd holds no statistics|could not convert"):
        Statistics.from_dict(values)


def test_sites_without_a_patch_are_known(country, tmp_path):
    store = open_store(make_country(tmp_path, 3, 4, absent=("s2",))[0])
    sites = read_sites(tmp_path / "sites.parquet")
    inputs = load_inputs(store, sites)
    assert not inputs.has("s2").any()
    assert inputs.has("s5p").all()
    assert inputs.has("table").all()
    with pytest.raises(StoreError, match="holds no s2 patches: no images given"):
        need_modalities(store, ("s5p", "s2"))
    with pytest.raises(StoreError, match="s2"):
        pretraining_sites(store, sites, transductive=False)
    statistics = compute_statistics(inputs)
    assert statistics.s2_mean == (0.0,) * 12
    assert statistics.s2_sd == (1.0,) * 12
    chosen = pretraining_sites(store, sites, transductive=False, modalities=("s5p", "table"))
    assert len(chosen) == 4
    masks = {**inputs.masks, "s5p": torch.zeros_like(inputs.masks["s5p"])}
    with pytest.raises(StoreError, match="no pretraining site has a valid pixel"):
        compute_statistics(replace(inputs, masks=masks))


def test_streamed_inputs_equal_resident_ones(loaded):
    store, sites, _ = loaded
    some = sites.iloc[[7, 3, 20, 11]].reset_index(drop=True)
    resident, streamed = (load_inputs(store, some, how) for how in (True, False))
    assert len(resident.pixels["s2"]) == 4
    assert np.shares_memory(streamed.pixels["s2"].numpy(), store.s2), "the map is copied"
    assert streamed.to(torch.device("meta")).pixels["s2"].device.type == "cpu"
    statistics = compute_statistics(resident)
    assert compute_statistics(streamed) == statistics
    sites = torch.tensor([2, 0, 3])
    for name in ("s2", "s5p", "table"):
        one, other = (x.standardised(name, sites, statistics) for x in (resident, streamed))
        assert torch.equal(one, other)
    taken = streamed.take(np.array([3, 1]))
    expected = resident.take(np.array([3, 1]))
    assert torch.equal(
        taken.standardised("s2", torch.arange(2), statistics),
        expected.standardised("s2", torch.arange(2), statistics),
    )


def test_bytes_needed_are_those_of_the_resident_arrays(loaded):
    store, sites, _ = loaded
    some = sites.iloc[:5].reset_index(drop=True)
    inputs = load_inputs(store, some)
    arrays = [*inputs.pixels.values(), *inputs.masks.values()]
    assert bytes_needed(store, some) == sum(a.element_size() * a.numel() for a in arrays)


def test_pretraining_takes_unlabelled_sites_alone(loaded):
    store, sites, _ = loaded
    chosen = pretraining_sites(store, sites, transductive=False)
    assert chosen["no2"].isna().all()
    assert len(chosen) == 20
    assert len(pretraining_sites(store, sites, transductive=True)) == 28


def test_sites_whose_patch_overlaps_a_stations_are_left_out(loaded):
    store, sites, _ = loaded
    moved = sites.copy()
    station = sites.iloc[0]
    metre = 1 / 111_320
    east = metre / np.cos(np.radians(station.lat))
    # Patches of 160 m: an offset of 150 m on both axes overlaps, of 200 m on one axis does not.
    offsets = {10: (150, 150), 11: (-150, 0), 12: (200, 0), 13: (0, 200)}
    for row, (x, y) in offsets.items():
        moved.loc[row, ["lon", "lat"]] = station.lon + x * east, station.lat + y * metre
    left_out = set(sites["site_id"][8:]) - set(pretraining_sites(store, moved, False)["site_id"])
    assert left_out == set(sites["site_id"][[10, 11]])


def test_near_any_agrees_with_every_pair_and_wraps_at_the_date_line():
    rng = np.random.default_rng(0)
    sites = pd.DataFrame({"lon": rng.uniform(8, 8.1, 700), "lat": rng.uniform(51, 51.1, 700)})
    others = sites.iloc[:20] + 0.001
    found = near_any(sites, others, 300.0)
    for row in range(0, 700, 50):
        north = np.abs(sites.lat[row] - others.lat) * 111_320
        east = np.abs(sites.lon[row] - others.lon) * 111_320 * np.cos(np.radians(sites.lat[row]))
        assert found[row] == bool((np.maximum(north, east) <= 300).any())
    one, other = (pd.DataFrame({"lon": [lon], "lat": [0.0]}) for lon in (179.9999, -179.9999))
    assert near_any(one, other, 50.0).all()


def test_sites_without_coordinates_are_used_only_when_stations_may_be(loaded):
    store, sites, *_ = loaded
    nowhere = sites.assign(lon=np.nan, lat=np.nan, block="")
    with pytest.raises(StoreError, match=r"without coordinates .*pretrain\.transductive"):
        pretraining_sites(store, nowhere, transductive=False)
    assert len(pretraining_sites(store, nowhere, transductive=True)) == 28


def test_no_site_left_is_a_fault_with_a_remedy(tmp_path):
    folder, path = make_country(tmp_path, 5, 0)
    with pytest.raises(StoreError, match=r"0 of 5 sites .* pretrain\.transductive"):
        pretraining_sites(open_store(folder), read_sites(path), transductive=False)
