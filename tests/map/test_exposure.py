"""People are counted once, and what they breathe is that of a small raster by hand."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from scipy.sparse import csr_array

from mmaq.base.errors import ProductError
from mmaq.base.vectors import write_layer
from mmaq.map.distribution import concentrations
from mmaq.map.districts import NINTHS, bounds_of, coverage, ninths, read_districts
from mmaq.map.exposure import Cells, expose, fields_of, true_exposure, write_exposure
from mmaq.map.grid import MapGrid
from mmaq.map.people import people_within
from mmaq.statistics.fields import Correlation, Fields

GRID = MapGrid(3035, 300.0, 14_400, 10_700, 9, 12, (9.0, 51.0, 11.0, 53.0))
WEST, SOUTH, EAST, NORTH = bounds_of(GRID)


def frame(shapes, **columns):
    columns = columns or {"name": [str(number) for number in range(len(shapes))]}
    return geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=3035)


def cells_of(mean, high, people):
    size = len(mean)
    lonlat = np.column_stack([10.0 + 0.01 * np.arange(size), np.full(size, 52.0)])
    names = np.column_stack([np.arange(size), np.zeros(size, int)])
    return Cells(lonlat, names, *(np.asarray(each, float) for each in (mean, high, people)))


def test_a_raster_by_hand():
    """Four cells that are known exactly; the second district holds half of the third one."""
    mean = [9.0, 16.0, 25.0, 49.0]
    cells = cells_of(mean, mean, [10, 20, 40, 0])
    inside = csr_array([[1, 1, 1, 1], [0, 1, 0.5, 1], [0, 0, 0, 1.0]])
    found = expose(cells, inside, fields_of(None), [10.0, 20.0])
    np.testing.assert_array_equal(found["people"], [70, 40, 0])
    np.testing.assert_allclose(found["mean"], [141 / 7, 20.5, np.nan])
    for end in ("mean_low", "mean_high"):
        np.testing.assert_allclose(found[end], found["mean"], atol=1e-9)
    for end in ("", "_low", "_high"):
        np.testing.assert_allclose(found[f"people_above_10{end}"], [60, 40, 0])
        np.testing.assert_allclose(found[f"share_above_20{end}"], [4 / 7, 0.5, np.nan])
    true = true_exposure(np.array([9, 21, np.nan, 0.0]), cells.people, inside, [20.0])
    np.testing.assert_allclose(true["true_mean"], [17, 21, np.nan])
    np.testing.assert_allclose(true["true_share_above_20"], [2 / 3, 1, np.nan])


def test_errors_that_neighbours_share_do_not_cancel():
    cells = cells_of(np.full(400, 16.0), np.full(400, 25.0), np.ones(400))
    whole = csr_array(np.ones((1, 400)))
    widths = {}
    for share in (0.0, 0.9):
        fields = Fields.draw(Correlation(share, 1000.0), np.empty((0, 2)), 500, 0)
        found = expose(cells, whole, fields, [16.0]).iloc[0]
        assert found["mean"] == pytest.approx(16.0)
        assert found["share_above_16"] == pytest.approx(0.5, abs=0.06)
        widths[share] = found["mean_high"] - found["mean_low"]
    assert widths[0.9] > 10 * widths[0.0] > 0


def test_a_cell_without_an_interval_gives_no_bounds():
    cells = cells_of([9.0, 9.0], [16.0, np.nan], [1, 1])
    found = expose(cells, csr_array(np.eye(2)), fields_of(None), [10.0])
    assert found["mean"].to_list() == [9.0, 9.0]
    assert found["mean_low"].isna().to_list() == [False, True]
    assert found["share_above_10"].isna().to_list() == [False, True]


def test_drawn_values_are_those_of_the_maps_distribution():
    """Near a station too: a cell alone is drawn as the map's interval says."""
    fields = Fields.draw(Correlation(0.8, 20.0), np.array([[10.0, 52.0]]), 4000, 3)
    cells = cells_of([16.0, 30.0, 9.0], [25.0, 42.0, 16.0], [1, 1, 1])
    drawn = concentrations(cells.mean, cells.high, fields.at(cells.lonlat, cells.names))
    low = (2 * np.sqrt(cells.mean) - np.sqrt(cells.high)) ** 2
    for share, expected in ((0.05, low), (0.5, cells.mean), (0.95, cells.high)):
        np.testing.assert_allclose(np.quantile(drawn, share, axis=1), expected, rtol=0.06)


tracks = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4, unique=True)


@settings(max_examples=25, deadline=None)
@given(tracks, tracks, st.integers(0, 99))
def test_districts_that_tile_the_map_share_out_its_people(lower, upper, seed):
    """Slanted strips from the lower to the upper side, and people at random."""
    count = min(len(lower), len(upper))
    down = [WEST, *(WEST + (EAST - WEST) * np.sort(lower[:count])), EAST]
    up = [WEST, *(WEST + (EAST - WEST) * np.sort(upper[:count])), EAST]
    strips = [
        shapely.Polygon(
            [(down[k], SOUTH), (down[k + 1], SOUTH), (up[k + 1], NORTH), (up[k], NORTH)]
        )
        for k in range(count + 1)
    ]
    inside = coverage(frame(strips), GRID)
    np.testing.assert_allclose(inside.sum(axis=0), 1.0, rtol=1e-6)
    people = np.random.default_rng(seed).lognormal(3, 2, GRID.rows * GRID.columns)
    np.testing.assert_allclose((inside @ people).sum(), people.sum(), rtol=1e-9)


def test_nine_parts_tile_the_map():
    parts = ninths(GRID)
    assert parts["name"].to_list() == list(NINTHS)
    np.testing.assert_array_equal(coverage(parts, GRID).toarray().reshape(9, 9, 12)[0, :3, :4], 1.0)
    np.testing.assert_allclose(coverage(parts, GRID).sum(axis=0), 1.0, rtol=1e-12)


def test_people_are_those_of_the_map_whatever_the_cells(tmp_path):
    """Of 10 x 10 km, 1 km each; a pixel without data, where nobody is counted."""
    density = np.random.default_rng(0).lognormal(5, 1, (10, 10))
    density[3, 3] = -200.0
    path = tmp_path / "population.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=10, height=10, count=1, dtype="float64", nodata=-200.0,
        crs="EPSG:3035", transform=from_origin(4_321_000, 3_210_000, 1000, 1000),
    ) as file:  # fmt: skip
        file.write(density, 1)
    total = density[density >= 0].sum()
    for size, left, top, side in ((200, 21_605, 16_050, 50), (300, 14_400, 10_702, 38)):
        grid = MapGrid(3035, float(size), left, top, side, side, GRID.box)
        assert people_within(path, grid).sum() == pytest.approx(total, rel=1e-9)
    with rasterio.open(path, "r+") as file:
        file.write(np.full((10, 10), -7.0), 1)
    with pytest.raises(ProductError, match="holds the impossible density -7"):
        people_within(path, grid)


def write_density(path, values, west, north, step):
    profile = {"driver": "GTiff", "count": 1, "dtype": "float64", "crs": "EPSG:4326"}
    size = {"height": values.shape[0], "width": values.shape[1]}
    where = from_origin(west, north, step, step)
    with rasterio.open(path, "w", **profile, **size, transform=where) as file:
        file.write(values, 1)
    return path


@pytest.mark.parametrize(
    "box",
    [(-74.3, 40.5, -73.7, 40.9), (-0.4, 51.3, 0.3, 51.7), (179.4, -17.0, 180.0, -16.4)],
    ids=["New York", "London", "Fiji"],
)
def test_a_map_of_the_world_begins_at_any_longitude(tmp_path, caplog, box):
    world = np.random.default_rng(2).lognormal(4, 1, (720, 1440))
    grid, found = MapGrid.of(box, 5000.0), []
    for west in (-180.0, 0.0, 90.0):
        turned = np.roll(world, -round((west + 180.0) / 0.25), axis=1)
        path = write_density(tmp_path / f"{west:g}.tif", turned, west, 90.0, 0.25)
        found.append(people_within(path, grid))
    assert (found[0] > 0.0).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-6)
    assert not caplog.records


def test_what_lies_off_the_map_of_people_is_told(tmp_path, caplog):
    grid = MapGrid.of((9.0, 51.0, 10.0, 52.0), 2000.0)
    path = write_density(tmp_path / "half.tif", np.full((20, 10), 50.0), 9.5, 52.5, 0.1)
    people = people_within(path, grid)
    assert people.max() == pytest.approx(50.0 * 4.0)
    assert people[:, 0].max() == 0.0
    (told,) = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert "% of the area lies off this map: nobody is counted there" in told
    assert 45.0 < float(told.split("half.tif: ")[1].split(" %")[0]) < 55.0


def write_map(path, grid, known):
    """A map of one concentration at the cells ``known``, (rows, columns)."""
    bands = [np.where(known, np.float32(value), np.nan) for value in (16.0, 9.0, 25.0)]
    with rasterio.open(
        path, "w", driver="GTiff", width=grid.columns, height=grid.rows, count=3, dtype="float32",
        crs="EPSG:3035", transform=grid.transform,
    ) as file:  # fmt: skip
        file.write(np.stack(bands).astype(np.float32))
        file.descriptions = ["no2", "low", "high"]
    return path


def test_an_area_that_is_mapped_whole_is_so_in_its_parts_too(tmp_path):
    """The map is a rectangle around the area, with cells beyond it."""
    grid = MapGrid.of((6.0, 49.4, 6.3, 49.6), 1000.0)
    inside = grid.mask()
    assert 0.8 < inside.mean() < 1.0
    for known, expected in ((inside, 1.0), (inside & (np.arange(grid.columns) % 2 == 0), 0.5)):
        write_exposure(
            tmp_path / "out.csv", "here", grid, write_map(tmp_path / "map.tif", grid, known),
            np.ones(inside.shape), ninths(grid), None, fields_of(None), [10.0],
        )  # fmt: skip
        mapped = pd.read_csv(tmp_path / "out.csv")["mapped"]
        np.testing.assert_allclose(mapped, expected, atol=0.0 if expected == 1.0 else 0.15)


def test_a_table_and_its_districts(tmp_path):
    known = np.arange(12) > np.zeros((9, 1))
    out = tmp_path / "exposure" / "here.csv"
    write_exposure(
        out, "here", GRID, write_map(tmp_path / "map.tif", GRID, known), np.ones((9, 12)),
        ninths(GRID), np.full((9, 12), 15.0), fields_of(None), [10.0],
    )  # fmt: skip
    table = pd.read_csv(out)
    assert table["name"].to_list() == ["here", *NINTHS]
    assert table["people"].to_list() == [99.0, *[9.0, 12.0, 12.0] * 3]
    assert table["people"][1:].sum() == table["people"][0]
    np.testing.assert_allclose(table["mapped"], [11 / 12, *[0.75, 1, 1] * 3], atol=1e-4)
    assert (table["true_mean"] == 15.0).all()
    held = geopandas.read_file(out.with_suffix(".gpkg"))
    assert held["name"].to_list() == list(NINTHS)
    assert held["mean"].to_list() == table["mean"].to_list()[1:]


def test_districts_come_from_a_file_that_names_them(tmp_path):
    path = tmp_path / "districts.gpkg"
    square = shapely.box(WEST, SOUTH, EAST, NORTH)
    far = shapely.box(EAST + 1e5, SOUTH, EAST + 2e5, NORTH)
    write_layer(frame([square, far], commune=["A", "B"]).to_crs(4326), path, "communes")
    found = read_districts(path, "commune", GRID)
    assert found["name"].to_list() == ["A"]
    np.testing.assert_allclose(found.area, square.area, rtol=1e-6)
    with pytest.raises(ProductError, match=r"no column 'name'.*one of: commune"):
        read_districts(path, "name", GRID)
    write_layer(frame([far], commune=["B"]), path, "communes")
    with pytest.raises(ProductError, match="none of its polygons meets the map"):
        read_districts(path, "commune", GRID)
    write_layer(frame([shapely.Point(0, 0)], commune=["B"]), path, "communes")
    with pytest.raises(ProductError, match="holds no layer of polygons but communes"):
        read_districts(path, "commune", GRID)
    write_layer(frame([square], commune=["C"]), path, "parishes")
    assert read_districts(path, "commune", GRID)["name"].to_list() == ["C"]
    write_layer(frame([square], commune=["D"]), path, "provinces")
    with pytest.raises(ProductError, match="2 layers of polygons: parishes, provinces"):
        read_districts(path, "commune", GRID)
    path.unlink()
    path.write_text("no polygons")
    with pytest.raises(ProductError, match="not a readable vector file"):
        read_districts(path, "commune", GRID)


def test_a_spike_of_a_district_goes_and_one_without_surface_is_left_out(tmp_path, caplog):
    middle = (SOUTH + NORTH) / 2
    spiked = shapely.Polygon(
        [(WEST, SOUTH), (EAST, SOUTH), (EAST, middle), (EAST + 900.0, middle), (EAST, middle),
         (EAST, NORTH), (WEST, NORTH)]
    )  # fmt: skip
    flat = shapely.Polygon([(WEST, middle), (WEST + 300.0, middle), (EAST, middle)])
    assert shapely.make_valid(spiked).geom_type == "GeometryCollection"
    path = tmp_path / "districts.gpkg"
    write_layer(frame([spiked, flat], commune=["A", "B"]), path, "communes")
    found = read_districts(path, "commune", GRID)
    assert found["name"].to_list() == ["A"]
    np.testing.assert_array_equal(coverage(found, GRID).toarray(), 1.0)
    told = "1 of its polygons have no surface and are left out, the first is B"
    assert [each.message for each in caplog.records] == [f"{path}: {told}"]
