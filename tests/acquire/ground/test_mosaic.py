from __future__ import annotations

import numpy as np
import pytest
import rasterio

from mmaq.acquire.ground.mosaic import boxes_around, boxes_over, read_tile, write_mosaic
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ProductError, ServiceError
from mmaq.landuse.maps import disc_shares, point_values
from tests.acquire.ground.map_files import CELLS, cover_tile, dem_tile, raster
from tests.servers.faulty import faulty

NODATA = -32767.0


def test_a_box_across_the_antimeridian_is_two():
    east, west, inside = (
        boxes_around(np.array([lon]), np.array([-16.8]), 1000.0) for lon in (179.999, -180.0, 10.0)
    )
    assert len(inside) == 1
    for boxes in (east, west):
        assert len(boxes) == 2
        assert {box[2] for box in boxes} | {box[0] for box in boxes} >= {180.0, -180.0}
        assert sum(box[2] - box[0] for box in boxes) == pytest.approx(inside[0][2] - inside[0][0])


def test_an_area_at_the_antimeridian_is_covered_on_both_sides():
    """2210 m are 0.02 degrees of latitude and, at 16.9 degrees, some 0.021 of longitude."""
    boxes = boxes_over((179.9, -16.9, 180.0, -16.8), 2210.0)
    wests, souths, easts, norths = zip(*boxes, strict=True)
    assert (min(wests), max(easts)) == (-180.0, 180.0)
    assert max(east for east in easts if east < 0) == pytest.approx(-179.979, abs=1e-3)
    assert (min(souths), max(norths)) == pytest.approx((-16.92, -16.78))


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def mosaic(tmp_path, files, places, reach=1250.0, nodata=NODATA, out="dem.tif"):
    """Read windows of the files (and of what is missing) from a server; returns map and bytes."""
    lon, lat = np.array(places, float).T
    boxes = boxes_around(lon, lat, reach)
    root = tmp_path / "remote"
    with (
        faulty(root) as server,
        Client(service("copernicus-dem", {"copernicus-dem": server.url})) as client,
    ):
        tiles = []
        for number, file in enumerate(files):
            href = f"{server.url}/{file.relative_to(root)}"
            copy = tmp_path / "cache" / out / f"{number}.tif"
            tile = read_tile(client, href, boxes, copy)
            if tile is not None:
                asked = len(server.log)
                assert read_tile(client, href, boxes, copy) == tile  # it is on disk already
                assert len(server.log) == asked
                tiles.append(tile)
        sent = server.sent()
    write_mosaic(tmp_path / out, tiles, boxes, nodata, "m")
    return tmp_path / out, sent


def sampled(path, places):
    with rasterio.open(path) as source:
        return np.array([value[0] for value in source.sample(places)])


def test_windows_hold_the_tiles_cells_and_the_rest_is_empty(tmp_path, rng):
    """A place by itself and one on the corner of four tiles."""
    tiles = [dem_tile(tmp_path / "remote", lat, lon, rng) for lat in (48, 49) for lon in (9, 10)]
    places = [(9.4, 49.3), (10.0, 49.0)]
    path, fetched = mosaic(tmp_path, tiles, places)
    with rasterio.open(path) as made:
        values, transform = made.read(1), made.transform
        assert made.units == ("m",)
    known = np.argwhere(values != NODATA)
    x, y = transform @ (known[:, 1] + 0.5, known[:, 0] + 0.5)
    expected = np.full(len(known), np.nan)
    for tile in tiles:
        with rasterio.open(tile) as source:
            west, south, east, north = source.bounds
            inside = (x > west) & (x < east) & (y > south) & (y < north)
            points = zip(x[inside], y[inside], strict=True)
            expected[inside] = [value[0] for value in source.sample(points)]
    np.testing.assert_array_equal(values[tuple(known.T)], expected)
    far = [np.hypot((x - lon) * np.cos(np.radians(lat)), y - lat) for lon, lat in places]
    assert np.min(far, axis=0).max() < 2500 / 110e3  # corners of 2.5 km squares, and a cell
    for lon, lat in places:  # the whole disc is there
        angle = np.linspace(0, 2 * np.pi, 50)
        ring = np.stack([lon + np.cos(angle) * 1000 / 111e3 / np.cos(np.radians(lat)),
                         lat + np.sin(angle) * 1000 / 111e3])  # fmt: skip
        assert np.isfinite(point_values(path, *ring)).all()
    assert fetched < sum(tile.stat().st_size for tile in tiles) / 2
    assert path.stat().st_size < 5e5


def test_the_same_windows_give_the_same_bytes_in_any_order(tmp_path, rng):
    tiles = [dem_tile(tmp_path / "remote", 49, lon, rng) for lon in (9, 10)]
    places = [(9.2, 49.7), (10.6, 49.2), (9.9991, 49.5)]
    first, _ = mosaic(tmp_path, tiles, places, out="a.tif")
    second, _ = mosaic(tmp_path, tiles, places[::-1], out="b.tif")
    assert first.read_bytes() == second.read_bytes()


def test_zones_of_the_elevation_model(tmp_path, rng):
    """North of 50 degrees columns are half as wide again: each place keeps its tile's own cell."""
    tiles = [
        dem_tile(tmp_path / "remote", 49, 9, rng),
        dem_tile(tmp_path / "remote", 50, 9, rng, CELLS * 2 // 3),
        dem_tile(tmp_path / "remote", 60, 9, rng, CELLS // 2),
    ]
    zones = [
        list(zip(rng.uniform(9.1, 9.9, 40), rng.uniform(lat + 0.1, lat + 0.9, 40), strict=True))
        for lat in (49, 50, 60)
    ]
    path, _ = mosaic(tmp_path, tiles, [*(place for zone in zones for place in zone), (9.5, 50.0)])
    with rasterio.open(path) as made:
        assert made.transform.a == pytest.approx(1 / CELLS)
    for tile, places, exact in zip(tiles, zones, (1.0, 0.6, 0.5), strict=True):
        same = point_values(path, *np.array(places).T) == sampled(tile, places)
        # A cell of the common grid that two of the tile's share is the one's its centre lies in.
        assert same.mean() >= exact
    found = point_values(path, np.array([9.5]), np.array([50.0]))
    assert np.isfinite(found).all()


def test_a_tile_of_open_sea_is_no_data_and_no_failure(tmp_path, rng):
    there = dem_tile(tmp_path / "remote", 49, 9, rng)
    sea = tmp_path / "remote" / "sea.tif"
    path, _ = mosaic(tmp_path, [there, sea], [(9.5, 49.5), (10.5, 49.5), (9.999, 49.5)])
    found = point_values(path, np.array([9.5, 10.5, 9.998, 10.002]), np.full(4, 49.5))
    assert np.isfinite(found).tolist() == [True, False, True, False]
    with pytest.raises(ServiceError, match="no tile exists around any site"):
        mosaic(tmp_path, [sea], [(10.5, 49.5)], out="none.tif")
    assert not (tmp_path / "none.tif").exists()


def test_cover_shares_are_those_of_the_whole_tile(tmp_path, rng):
    tile = cover_tile(tmp_path / "remote", 48, 9, rng)
    places = [(9.5, 49.5), (11.2, 50.1), (10.0, 48.2)]
    path, _ = mosaic(tmp_path, [tile], places, nodata=0, out="land_cover.tif")
    lon, lat = np.array(places).T
    made, right = (disc_shares(at, lon, lat, 1000.0, "worldcover") for at in (path, tile))
    np.testing.assert_allclose(made.to_numpy(), right.to_numpy())


def test_a_real_tile(tmp_path, real_data):
    """Copernicus DEM N00E006: Sao Tome's neighbourhood, as a cloud-optimised GeoTIFF."""
    name = "Copernicus_DSM_COG_10_N00_E006.tif"
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / name).write_bytes((real_data / "rasters" / name).read_bytes())
    places = [(6.52, 0.22), (6.71, 0.30), (6.0002, 0.5)]
    path, _ = mosaic(tmp_path, [tmp_path / "remote" / name], places)
    lon, lat = np.array(places).T
    right = point_values(real_data / "rasters" / name, lon, lat)
    np.testing.assert_array_equal(point_values(path, lon, lat), right)


def test_a_tile_that_is_no_raster_in_degrees_is_named(tmp_path, rng):
    turned = raster(tmp_path / "remote" / "odd.tif", np.ones((64, 64), "f4"), 9, 50, 0.01, 0.01)
    with rasterio.open(turned, "r+") as file:
        file.crs = "EPSG:32632"
    with pytest.raises(ProductError, match=r"odd\.tif: not a north-up raster in degrees"):
        mosaic(tmp_path, [turned], [(9.5, 49.9)])
    (tmp_path / "remote" / "page.tif").write_bytes(b"<html>" * 100)
    with pytest.raises(ServiceError, match=r"page\.tif: cannot be read"):
        mosaic(tmp_path, [tmp_path / "remote" / "page.tif"], [(9.5, 49.9)], out="page.tif")
