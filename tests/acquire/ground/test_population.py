from __future__ import annotations

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from mmaq.acquire.ground import population
from mmaq.acquire.ground.population import cell_areas, write_density
from mmaq.base.errors import ProductError, ServiceError
from mmaq.base.geo import grown
from mmaq.landuse.maps import disc_means
from tests.acquire.ground.map_files import BOX, counts_zip, raster


@pytest.fixture
def counts(tmp_path, monkeypatch):
    """The real margin, 600 km, is more than this raster holds."""
    monkeypatch.setattr(population, "MARGIN_KM", 11.12)
    return counts_zip(tmp_path, np.random.default_rng(2))


def test_density_times_area_gives_the_people_back(tmp_path, counts):
    """Areas are measured here in an equal-area projection, not on the ellipsoid itself."""
    write_density([tmp_path / "readme.txt", counts], BOX, tmp_path / "population.tif")
    with rasterio.open(tmp_path / "population.tif") as made, rasterio.open(counts) as source:
        density = made.read(1, masked=True)
        window = source.window(*made.bounds).round_offsets().round_lengths()
        people = source.read(1, window=window, masked=True)
        wide = 0.1 / np.cos(np.radians(51.1))
        expected = (9 - wide, 48.9, 11 + wide, 51.1)
        assert made.bounds == pytest.approx(expected, abs=1 / 120)
        assert made.units == ("km-2",)
        turn = Transformer.from_crs(4326, 6933, always_xy=True)  # EASE-Grid 2.0, equal-area
        rows = np.arange(made.height + 1)
        x, y = turn.transform(np.array([0.0, 1 / 120]), np.zeros(2))
        _, y = turn.transform(np.zeros(len(rows)), made.transform.f + rows * made.transform.e)
        areas = np.abs(np.diff(y)) * (x[1] - x[0]) / 1e6
    np.testing.assert_allclose(density * areas[:, None], people, rtol=2e-4)


def test_cells_without_data_stay_so(tmp_path, counts):
    write_density([counts], (9.0, 51.0, 11.0, 51.9), tmp_path / "population.tif")
    with rasterio.open(tmp_path / "population.tif") as made:
        density = made.read(1, masked=True)
    assert density.mask[:40].all()
    assert not density.mask[-40:].any()


def test_the_equators_cell():
    """30 arc seconds at the equator: 927.7 m by 921.4 m."""
    assert cell_areas(1 / 240, 1 / 120, 1 / 120, 1)[0] == pytest.approx(0.9277 * 0.9214, rel=1e-3)


def test_files_that_are_not_the_population(tmp_path, counts):
    with pytest.raises(ServiceError, match="population: holds 0 GeoTIFFs"):
        write_density([tmp_path / "readme.txt"], BOX, tmp_path / "population.tif")
    with pytest.raises(ProductError, match="does not reach the area"):
        write_density([counts], (20.0, 49.0, 21.0, 50.0), tmp_path / "population.tif")
    metres = raster(tmp_path / "metres.tif", np.ones((64, 64)), 0, 0, 1000, 1000)
    with rasterio.open(metres, "r+") as file:
        file.crs = "ESRI:54009"
    with pytest.raises(ProductError, match=r"metres\.tif: not a raster in degrees"):
        write_density([metres], BOX, tmp_path / "population.tif")
    (tmp_path / "text.tif").write_text("no")
    with pytest.raises(ProductError, match=r"text\.tif: not a readable raster"):
        write_density([tmp_path / "text.tif"], BOX, tmp_path / "population.tif")
    assert not (tmp_path / "population.tif").exists()


@pytest.mark.parametrize("more", [0, 1], ids=["a turn", "a column more, as the GHSL"])
@pytest.mark.parametrize("bbox", [(176.0, -18.0, 179.9, -16.0), (-179.9, -18.0, -176.0, -16.0)])
def test_people_on_the_other_side_of_the_antimeridian_are_kept(tmp_path, monkeypatch, bbox, more):
    monkeypatch.setattr(population, "MARGIN_KM", 300.0)
    columns = np.tile(1.0 + np.arange(720 + more) % 720, (80, 1))
    earth = raster(tmp_path / "earth.tif", columns, -180.0, 0.0, 0.5, 0.5, -200.0)
    path = tmp_path / "population.tif"
    write_density([earth], bbox, path)
    west, south, east, north = grown(bbox, 300.0)
    with rasterio.open(path) as made:
        assert made.bounds.left <= west < east <= made.bounds.right
        assert made.bounds.bottom <= south < north <= made.bounds.top
        middles = made.bounds.left + 0.5 * (np.arange(made.width) + 0.5)
        areas = cell_areas(made.bounds.top, 0.5, 0.5, made.height)[:, None]
        people = made.read(1) * areas
    expected = 1 + np.floor((middles + 180.0) % 360.0 / 0.5)
    np.testing.assert_allclose(people, np.broadcast_to(expected, people.shape), rtol=1e-6)
    lon = np.array([179.9, -179.9])
    assert np.isfinite(disc_means(path, lon, np.array([-17.0, -17.0]), 50_000.0)).all()
