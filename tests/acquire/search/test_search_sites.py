"""Places: stations and unlabelled sites."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmaq.acquire.search.sites import all_sites, distances, read_sites_csv, write_sites_csv
from mmaq.base.errors import ConfigError, TableError
from mmaq.config.acquire import Acquire
from tests.acquire.search.conftest import table

STATIONS = table(("a", 6.1, 49.6), ("b", 6.2, 49.9)).drop(columns="measured")


def test_unlabelled_sites_keep_their_distance():
    sites = all_sites(Acquire(unlabelled=300), STATIONS)
    drawn = sites[~sites["measured"]]
    assert len(drawn) == 300
    assert drawn["site_id"].is_unique
    nearest = np.array([
        distances(lon, lat, STATIONS["lon"].to_numpy(), STATIONS["lat"].to_numpy()).min()
        for lon, lat in zip(drawn["lon"], drawn["lat"], strict=True)
    ])  # fmt: skip
    assert nearest.min() >= 2000.0
    assert nearest.max() <= 20_000.1
    assert drawn["lon"].between(5.7, 6.6).all()
    assert drawn["lat"].between(49.4, 50.2).all()
    assert np.median(nearest) > 10_000  # evenly by area, not by distance


def test_the_same_configuration_draws_the_same(tmp_path):
    for name in ("one.csv", "two.csv"):
        write_sites_csv(tmp_path / name, all_sites(Acquire(unlabelled=20), STATIONS))
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    back = read_sites_csv(tmp_path / "one.csv")
    assert list(back["measured"]) == [True] * 2 + [False] * 20
    assert list(back.columns) == ["site_id", "lon", "lat", "country", "measured"]


def test_distance_of_a_degree():
    assert distances(0.0, 0.0, np.array([1.0]), np.array([0.0]))[0] == pytest.approx(
        111_195, rel=1e-4
    )
    assert distances(6.0, 60.0, np.array([7.0]), np.array([60.0]))[0] == pytest.approx(
        55_597, rel=1e-3
    )


def test_no_room():
    asked = Acquire(unlabelled=3, bbox=(6.095, 49.595, 6.105, 49.605))
    with pytest.raises(ConfigError, match="only 0 of 3 unlabelled sites fit beside the stations"):
        all_sites(asked, STATIONS)


def test_the_users_own_sites(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("site_id,lon,lat,country,more\nx,6.0,49.7,LU,1\n007,6.1,49.8,NA,2\n")
    sites = all_sites(Acquire(unlabelled=50, unlabelled_table=str(own)), STATIONS)
    assert list(sites["site_id"]) == ["a", "b", "x", "007"]
    assert sites["country"].iloc[3] == "NA"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("site_id,lon,lat\nx,6.0,49.7\n", "column 'country' is missing"),
        ("site_id,lon,lat,country\nx,east,49.7,LU\n", "line 2: column 'lon' holds 'east' at 'x'"),
        ("site_id,lon,lat,country\nx,16.0,49.7,LU\n", "the site 'x' lies outside acquire.bbox"),
        ("site_id,lon,lat,country\na,6.0,49.7,LU\n", "the site 'a' is there twice"),
    ],
)
def test_what_is_no_table(tmp_path, text, fault):
    own = tmp_path / "own.csv"
    own.write_text(text)
    with pytest.raises(TableError, match=fault) as error:
        all_sites(Acquire(unlabelled_table=str(own)), STATIONS)
    assert str(error.value).startswith(str(own))


def test_no_table_of_places(tmp_path):
    with pytest.raises(TableError, match="Make it again with `mmaq acquire plan`"):
        read_sites_csv(tmp_path / "sites.csv")
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "sites.csv")
    with pytest.raises(TableError, match="not a table of places"):
        read_sites_csv(tmp_path / "sites.csv")
