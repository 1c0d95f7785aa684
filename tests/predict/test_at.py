"""A place that no table names is described and cut as a site there is."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.base.errors import ConfigError
from mmaq.config.data import Landuse, Patches, Period
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import FEATURES, GEO, read_sites, stations
from mmaq.landuse.stage import landuse
from mmaq.patches.stage import patches
from mmaq.predict.at import cut_places, parse_place, places_at
from mmaq.vocabulary import AREAS, TYPES

SETTINGS = Patches(s2_size=16, min_clear=0.0)


@pytest.mark.parametrize("text", ["13.4", "13.4;52.5", "200,10", "10,95", "a,b", "1,2,3", "nan,1"])
def test_what_is_no_place_is_refused_in_one_line(text):
    with pytest.raises(ConfigError, match=r"--at: .* is no place") as caught:
        parse_place(text)
    assert "\n" not in str(caught.value)


def test_a_place_is_longitude_and_latitude():
    assert parse_place("13.4,52.5") == (13.4, 52.5)
    assert parse_place("-7.25,-1e1") == (-7.25, -10.0)


def test_places_are_named_as_they_are_typed_and_near_ones_apart():
    found = places_at(["10.8800001,53", "10.8800002, 53", "-7.25,-1e1"])
    assert found["site_id"].to_list() == ["10.8800001,53", "10.8800002,53", "-7.25,-1e1"]
    assert found["lon"].to_list() == [10.8800001, 10.8800002, -7.25]
    with pytest.raises(ConfigError, match=r"--at: '10\.0,53' is given twice"):
        places_at(["10,53", "10.0,53"])


@pytest.mark.slow
def test_at_a_station_a_place_has_the_stations_inputs(land, tmp_path):
    table, store = tmp_path / "sites.parquet", tmp_path / "patches"
    landuse(archive=land.archive, config=Landuse(), period=Period(), out=table)
    patches(archive=land.archive, sites=table, l3=None, config=SETTINGS, out=store, workers=1)
    known = stations(read_sites(table)).iloc[:3]
    texts = [f"{lon},{lat}" for lon, lat in zip(known["lon"], known["lat"], strict=True)]
    made, cut = cut_places(
        archive=land.archive, l3=None, places=places_at(texts), landuse=Landuse(),
        config=SETTINGS, folder=tmp_path / "at",
    )  # fmt: skip
    found, flags = read_sites(made), [*AREAS, *TYPES]
    assert found[list(TYPES)].isna().all(axis=None), "nobody declared its type"
    assert found[list(AREAS)].sum(axis=1).eq(1).all(), "the area follows from the density"
    assert found["no2"].isna().all()
    measured = [name for name in (*FEATURES, *GEO) if name not in (*flags, "altitude")]
    np.testing.assert_array_equal(found[measured], known[measured])
    theirs, ours = open_store(store), open_store(cut)
    rows = theirs.rows("s2", known["site_id"].to_numpy())
    assert (rows >= 0).any()
    held = ours.rows("s2", found["site_id"].to_numpy())
    np.testing.assert_array_equal(held >= 0, rows >= 0)
    np.testing.assert_array_equal(ours.s2[held[held >= 0]], theirs.s2[rows[rows >= 0]])


def test_without_an_archive_there_is_nothing_to_describe_a_place_by(tmp_path):
    with pytest.raises(ConfigError, match="holds no maps to describe a place by"):
        cut_places(
            archive=tmp_path, l3=None, places=places_at(["0,50"]), landuse=Landuse(),
            config=SETTINGS, folder=tmp_path / "at",
        )  # fmt: skip
