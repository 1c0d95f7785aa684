"""Derived data of a published-layout folder: made once, and again when their source changes."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import ProductError
from mmaq.base.layout import Layout
from mmaq.config.data import Covariates, Landuse, Patches, Published
from mmaq.config.schema import Config
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import has_places, read_sites, spatial_block
from mmaq.run import data
from mmaq.run.data import prepare_data, source_digest
from tests.landuse.small_country import metadata_row
from tests.run.published_folder import make_folder, random_pixels


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder, its configuration, and the paths of what is made from it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    table = make_folder(tmp_path, random_pixels(4, rng), rng)
    published = Published(samples=str(table), images=str(tmp_path))
    config = Config(name="run", published=published, patches=Patches(s2_size=16, s5p_size=8))
    return tmp_path, config, Layout("run")


@pytest.fixture
def made(monkeypatch):
    """How often the store was made."""
    calls, build = [], data.patches_published
    monkeypatch.setattr(
        data, "patches_published", lambda **given: (calls.append(1), build(**given))
    )
    return calls


def test_bands_units_and_stations_are_the_folders(work):
    folder, config, paths = work
    prepare_data(config, paths)
    sites, table = read_sites(paths.sites), pd.read_csv(folder / "pollutant_ssl.csv")
    assert sites["site_id"].tolist() == table["AirQualityStation"].tolist()
    np.testing.assert_allclose(sites["no2"], table["no2"])
    store = open_store(paths.patches)
    red = np.load(folder / "sentinel-2" / table["img_path"][2])[52:68, 52:68, 0]
    row = store.rows("s2", sites["site_id"])[2]
    np.testing.assert_array_equal(store.s2[row, 3], red)
    level = store.s5p[store.rows("s5p", sites["site_id"])].mean(axis=(1, 2))  # mol/m2
    np.testing.assert_allclose(sites["no2"], 5 + 2e5 * level, atol=3)


def test_nothing_is_made_again_while_the_source_is_the_same(work, made):
    _, config, paths = work
    for _ in range(2):
        prepare_data(config, paths)
    assert len(made) == 1


def _change_image(folder, config):
    path = next((folder / "sentinel-2").glob("*/*.npy"))
    np.save(path, np.load(path) + 1)


def _remove_image(folder, config):
    next((folder / "sentinel-5p").glob("*/*.netcdf")).unlink()


def _change_table(folder, config):
    table = folder / "pollutant_ssl.csv"
    table.write_text(table.read_text().replace("AT,", "DE,"))


def _change_settings(folder, config):
    return config.model_copy(update={"patches": Patches(s2_size=8, s5p_size=8)})


def _lose_the_store(folder, config):
    for file in (folder / "data" / "run" / "patches").iterdir():
        file.unlink()
    (folder / "data" / "run" / "patches").rmdir()


@pytest.mark.parametrize(
    "change", [_change_image, _remove_image, _change_table, _change_settings, _lose_the_store]
)
def test_it_is_made_again_after_a_change(work, made, change):
    folder, config, paths = work
    prepare_data(config, paths)
    before = paths.sites.read_bytes()
    config = change(folder, config) or config
    prepare_data(config, paths)
    assert len(made) == 2
    assert open_store(paths.patches).s2.shape[-1] == config.patches.s2_size
    assert (paths.sites.read_bytes() != before) == (change is _change_table)


def test_every_file_that_the_site_table_is_made_from_counts(work):
    folder, config, _ = work
    files = {name: folder / name for name in ("osm.csv", "own.csv", "wind.tif")}
    covariates = Covariates(
        file=str(files["own.csv"]), columns=("x",), rasters={"wind": str(files["wind.tif"])}
    )
    published = config.published.model_copy(update={"osm": str(files["osm.csv"])})
    changes = {"published": published, "landuse": Landuse(covariates=covariates)}
    config, seen = config.model_copy(update=changes), set()
    for text in ("old", "newer"):
        for path in files.values():
            path.write_text(text)
            seen.add(source_digest(config))
    assert len(seen) == 6


def test_after_a_failure_half_way_nothing_old_passes_for_right(work, made):
    folder, config, paths = work
    prepare_data(config, paths)
    table, image = folder / "pollutant_ssl.csv", next((folder / "sentinel-2").glob("*/*.npy"))
    before = paths.sites.read_bytes()
    kept = table.read_bytes(), image.read_bytes(), image.stat().st_mtime_ns
    _change_table(folder, config)
    image.write_bytes(kept[1][:1000])
    with pytest.raises(ProductError):
        prepare_data(config, paths)
    assert paths.sites.read_bytes() != before
    table.write_bytes(kept[0])
    image.write_bytes(kept[1])
    os.utime(image, ns=(kept[2], kept[2]))
    prepare_data(config, paths)
    assert len(made) == 3
    assert paths.sites.read_bytes() == before


def test_coordinates_come_with_the_eea_table(work):
    folder, config, paths = work
    prepare_data(config, paths)
    assert not has_places(read_sites(paths.sites))
    stations = pd.read_csv(folder / "pollutant_ssl.csv")["AirQualityStation"]
    rows = [metadata_row(name, 6e5, 5.9e6) for name in stations]
    pd.DataFrame(rows).to_csv(folder / "eea.csv", sep="\t", index=False)
    published = config.published.model_copy(update={"eea_metadata": str(folder / "eea.csv")})
    prepare_data(config.model_copy(update={"published": published}), paths)
    sites = read_sites(paths.sites)
    assert has_places(sites)
    assert set(spatial_block(sites["lon"], sites["lat"], 2.0)) == {"5_26"}
