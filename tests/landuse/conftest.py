"""Fixtures of land use: a small archive, the published table, and a way to damage a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.landuse.small_country import Country

FIRST = 60
"""Rows of a table of which every fault is told as it is of the whole."""


@pytest.fixture
def country(tmp_path):
    small = Country(tmp_path / "archive")
    small.write_maps()
    small.write_tables()
    small.write_unlabelled()
    small.write()
    return small


@pytest.fixture
def published(real_data):
    """Paths of the published table and what belongs to it."""
    folder = real_data / "stations"
    return {
        "samples": str(folder / "pollutant_ssl.csv"),
        "eea_metadata": str(folder / "PanEuropean_metadata.zip"),
        "osm": str(folder / "local_no2_osm.csv"),
    }


@pytest.fixture
def quick(published, tmp_path_factory):
    """The published table with only its own stations' rows of the large EEA table."""
    path = tmp_path_factory.getbasetemp() / "metadata_of_samples.csv"
    if not path.exists():
        stations = pd.read_csv(published["samples"])["AirQualityStation"]
        metadata = pd.read_csv(published["eea_metadata"], sep="\t", dtype=str)
        own = metadata["AirQualityStation"].isin(stations)
        metadata[own & metadata["AirPollutantCode"].str.endswith("/8")].to_csv(
            path, sep="\t", index=False
        )
    return {**published, "eea_metadata": str(path)}


@pytest.fixture
def few(quick, tmp_path_factory):
    """The first rows of the published table, and those that its OpenStreetMap table has first."""
    folder = tmp_path_factory.getbasetemp() / "few"
    paths = {name: folder / Path(path).name for name, path in quick.items()}
    if not folder.exists():
        tables = {
            name: pd.read_csv(path, sep="\t" if name == "eea_metadata" else ",", dtype=str,
                              keep_default_na=False)
            for name, path in quick.items()
        }  # fmt: skip
        first = [tables[name]["AirQualityStation"][:FIRST] for name in ("samples", "osm")]
        folder.mkdir()
        for name, table in tables.items():
            held = table[table["AirQualityStation"].isin(pd.concat(first))]
            held.to_csv(paths[name], sep="\t" if name == "eea_metadata" else ",", index=False)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def damaged(tmp_path):
    """A function that copies a table, damages the copy by ``change(table)``, and returns its path.

    Cells are text, as in the file, so that any damage can be done.
    """

    def damage(path, change, separator=","):
        table = pd.read_csv(path, dtype=str, sep=separator, keep_default_na=False)
        changed = change(table)
        copy = tmp_path / "damaged.csv"
        (table if changed is None else changed).to_csv(copy, index=False, sep=separator)
        return str(copy)

    return damage
