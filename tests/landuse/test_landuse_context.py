"""The surroundings, against maps of which every answer is known."""

import logging

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from pyproj import Transformer
from shapely import LineString

from mmaq.base.errors import ProductError, TableError
from mmaq.config.data import Landuse
from mmaq.contracts.context import CONTEXT, COVERS, GEONAMES, ON_MAP, POTENTIAL_KM, RINGS_M
from mmaq.contracts.context import cover as cover_in
from mmaq.contracts.context import potential as potential_of
from mmaq.contracts.context import road as road_in
from mmaq.contracts.sites import read_sources
from mmaq.landuse.context import (
    cover_around,
    plants_around,
    population_of_map,
    population_of_places,
)
from mmaq.landuse.geonames import TABLE, read_geonames
from mmaq.landuse.maps import disc_shares
from mmaq.landuse.roads import read_roads, ring_areas, road_densities
from mmaq.landuse.stage import landuse
from tests.landuse.small_country import NORTH, PERIOD, WEST, at, write_raster

MIDDLE = 50_000.0
"""Of a map of 100 km a side, where the tests look."""


def square(path, values, cell, **given):
    return write_raster(path, values, cell, **given)


def test_the_potential_of_an_even_plain_is_its_density_times_the_kernel(tmp_path):
    path = square(tmp_path / "population.tif", np.full((100, 100), 300.0, "f4"), 1000.0)
    found = population_of_map(path, *at(WEST + MIDDLE, NORTH - MIDDLE))
    for scale in (2, 5, 10):
        within = 1 - 5 * np.exp(-4)  # of the kernel over a plane, to four scales
        expected = np.log1p(300.0 * 2 * np.pi * scale**2 * within)
        assert found[potential_of(scale)][0] == pytest.approx(expected, abs=0.02)
    # 100 km of 600: the widest kernel hardly lies on this map.
    assert 0.0 < found[ON_MAP][0] < 0.1


def test_people_are_counted_by_true_areas_whatever_the_projection(tmp_path):
    """The same town in UTM, and in degrees, where cells at 53 N are narrow."""
    town = np.zeros((100, 100), "f4")
    town[48:52, 48:52] = 1000.0
    plain = square(tmp_path / "utm.tif", town, 1000.0)
    lon, lat = at(WEST + MIDDLE, NORTH - MIDDLE)
    degrees = np.zeros((200, 200), "f4")
    degrees[98:102, 97:103] = 1000.0  # 4.4 km high and 4.0 km wide: 17.9 km2 for 16
    other = square(
        tmp_path / "degrees.tif", degrees, 0.01, epsg=4326, west=lon[0] - 1, north=lat[0] + 1
    )
    here, there = (
        population_of_map(path, lon, lat)[potential_of(25)][0] for path in (plain, other)
    )
    assert here == pytest.approx(np.log(16_000), abs=0.1)
    assert np.exp(there - here) == pytest.approx(17.9 / 16, rel=0.03)


def test_a_negative_density_is_refused(tmp_path):
    path = square(tmp_path / "population.tif", np.full((20, 20), -200.0, "f4"), 1000.0)
    with pytest.raises(ProductError, match="impossible value -200"):
        population_of_map(path, *at(WEST + 5000, NORTH - 5000))


def test_an_undeclared_fill_value_of_people_names_the_map(tmp_path):
    people = np.full((100, 100), 300.0, "f4")
    people[:, 90:] = 3.4e38
    path = square(tmp_path / "population.tif", people, 1000.0)
    with pytest.raises(ProductError, match=r"population.tif: .*value 3.4e\+38.*gdal_edit"):
        population_of_map(path, *at(WEST + MIDDLE, NORTH - MIDDLE))


def test_the_packaged_places_know_the_world():
    assert TABLE.stat().st_size < 1_000_000
    about = parquet.read_schema(TABLE).metadata
    assert b"GeoNames" in about[b"source"]
    assert b"CC BY 4.0" in about[b"licence"]
    assert (read_geonames()["population"] >= 5000).all()
    # Paris, Ushuaia, the middle of the Pacific.
    found = population_of_places(np.array([2.35, -68.3, -140.0]), np.array([48.86, -54.8, 30.0]))
    city, town, sea = (found.loc[row] for row in range(3))
    for scale in POTENTIAL_KM:
        assert city[potential_of(scale)] > town[potential_of(scale)] > sea[potential_of(scale)] == 0
    assert np.exp(city[potential_of(60)]) == pytest.approx(1e7, rel=0.5)
    assert (found[ON_MAP] == 1.0).all()


def test_cover_in_rings_adds_up_to_what_the_map_says(tmp_path):
    """Land west of a straight coast is forest, but for a works of 4 km a side."""
    codes = np.full((500, 500), 44, "u1")
    codes[:, :300] = 25
    codes[240:260, 240:260] = 3
    path = square(tmp_path / "land_cover.tif", codes, 200.0, nodata=0)
    lon, lat = at(WEST + MIDDLE, NORTH - MIDDLE)
    known = {1000.0: disc_shares(path, lon, lat, 1000.0, "corine-grid")}
    found = cover_around(path, lon, lat, known).loc[0]
    assert found[cover_in("industry", 100)] == pytest.approx(1.0)
    assert found[cover_in("industry", 1000)] == pytest.approx(1.0)
    ring = ring_areas()[RINGS_M.index(3000)]
    assert found[cover_in("industry", 3000)] == pytest.approx((16 - np.pi) / ring, rel=0.03)
    assert found[cover_in("forest", 10_000)] > 0.9
    for radius in RINGS_M:
        assert sum(found[cover_in(kind, radius)] for kind in COVERS) == pytest.approx(1.0)
    assert found["industry_potential_10km"] == pytest.approx(np.log1p(16 * 0.86), abs=0.05)
    assert found["coast_distance"] == pytest.approx(10.0, abs=0.3)


def test_a_ring_that_the_map_hardly_holds_is_missing(tmp_path):
    path = square(tmp_path / "land_cover.tif", np.full((40, 40), 10, "u1"), 100.0, nodata=0)
    lon, lat = at(WEST + 2000, NORTH - 2000)
    known = {1000.0: disc_shares(path, lon, lat, 1000.0, "worldcover")}
    found = cover_around(path, lon, lat, known).loc[0]
    assert found[cover_in("forest", 1000)] == pytest.approx(1.0)
    assert np.isnan(found[cover_in("forest", 10_000)])
    # WorldCover knows no industry and no sea.
    assert (
        found[[cover_in("industry", 100), "industry_potential_10km", "coast_distance"]].isna().all()
    )


def test_a_ring_near_the_site_that_the_map_hardly_holds_is_missing(tmp_path):
    """Forest in the west and houses in the east, to 600 m of it, and then to 150 m around."""
    east = np.tile(20.0 * np.arange(200) - 1990.0, (200, 1))
    lon, lat = at(WEST + 2000, NORTH - 2000)
    distance, radii = np.hypot(east, east.T), (100, 300, 1000)
    for beyond, held in ((east > 600, (True, True, True)), (distance > 150, (True, False, False))):
        codes = np.where(beyond, 0, np.where(east < 0, 10, 50)).astype("u1")
        path = square(tmp_path / "land_cover.tif", codes, 20.0, nodata=0)
        known = {1000.0: disc_shares(path, lon, lat, 1000.0, "worldcover")}
        found = cover_around(path, lon, lat, known).loc[0]
        for kind in ("forest", "built"):
            shares = found[[cover_in(kind, radius) for radius in radii]]
            assert tuple(shares.notna()) == held
            assert shares.iloc[0] == pytest.approx(0.5, abs=0.01)


def test_a_code_of_no_class_far_from_the_site_names_the_map(tmp_path):
    codes = np.full((200, 200), 10, "u1")
    codes[:, 150:] = 254
    path = square(tmp_path / "land_cover.tif", codes, 100.0)
    lon, lat = at(WEST + 10_000, NORTH - 10_000)
    known = {1000.0: disc_shares(path, lon, lat, 1000.0, "worldcover")}
    with pytest.raises(ProductError, match=r"land_cover.tif: holds 254, .*'worldcover'.*gdal_edit"):
        cover_around(path, lon, lat, known)


@pytest.mark.parametrize(("epsg", "cell", "shore"), [(4326, 0.002, 74), (3857, 200.0, 82)])
def test_the_coast_is_found_whatever_the_projection(tmp_path, epsg, cell, shore):
    """A straight coast 10 km to the west, on maps whose cells are smaller than they seem."""
    lon, lat = np.array([10.4]), np.array([53.0])
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon[0], lat[0])
    codes = np.full((200, 400), 25, "u1")
    codes[:, : 200 - shore] = 44
    west, north = x - 200 * cell, y + 100 * cell
    path = square(tmp_path / "cover.tif", codes, cell, epsg=epsg, west=west, north=north)
    known = {1000.0: disc_shares(path, lon, lat, 1000.0, "corine-grid")}
    found = cover_around(path, lon, lat, known)
    assert found["coast_distance"][0] == pytest.approx(10.0, abs=0.3)


def test_roads_by_class_in_rings(tmp_path):
    """A motorway through the site, a residential street 500 m beside, a link 5 km away."""
    x, y = WEST + MIDDLE, NORTH - MIDDLE
    lines = {
        "motorway": LineString([(x - 20_000, y), (x + 20_000, y)]),
        "residential": LineString([(x - 20_000, y + 500), (x + 20_000, y + 500)]),
        "primary_link": LineString([(x + 4000, y + 3000), (x + 4000, y + 3100)]),
    }
    path = tmp_path / "roads.gpkg"
    table = geopandas.GeoDataFrame(
        {"highway": list(lines)}, geometry=list(lines.values()), crs=32632
    )
    table.to_file(path)
    roads = read_roads(path)
    found = road_densities(roads, *at(x, y)).loc[0]
    inner = np.array([0, *RINGS_M[:-1]]) / 1000
    outer = np.array(RINGS_M) / 1000
    chord = 2 * (outer - inner)
    got = [found[road_in("motorway", radius)] for radius in RINGS_M] * ring_areas()
    np.testing.assert_allclose(got, chord, rtol=0.05)
    inside = 2 * np.sqrt(np.maximum(outer**2 - 0.25, 0))
    got = [found[road_in("minor", radius)] for radius in RINGS_M] * ring_areas()
    np.testing.assert_allclose(got, np.diff(inside, prepend=0), atol=0.5)
    assert found[road_in("primary", 10_000)] * ring_areas()[-1] == pytest.approx(0.1, rel=1e-3)
    shouted = table.assign(highway=table["highway"].str.upper()).rename(
        columns={"highway": "FCLASS"}
    )
    shouted.to_file(tmp_path / "shouted.gpkg")
    again = road_densities(read_roads(tmp_path / "shouted.gpkg"), *at(x, y)).loc[0]
    pd.testing.assert_series_equal(again, found)
    table.rename(columns={"highway": "name"}).to_file(tmp_path / "plain.gpkg")
    assert road_densities(read_roads(tmp_path / "plain.gpkg"), *at(x, y)).isna().all(axis=None)


def test_plants_that_burn_count_by_their_capacity(tmp_path):
    path = tmp_path / "power_plants.csv"
    path.write_text(
        "capacity_mw,latitude,longitude,primary_fuel\n1000,53,10,Coal\n500,53,10,Wind\n"
        "200,53.09,10,Gas\n"
    )
    found = plants_around(path, np.array([10.0, 40.0]), np.array([53.0, 53.0]))
    ten_km = 200 * np.exp(-np.radians(0.09) * 6371.0088 / 10)
    assert found["plant_potential_10km"][0] == pytest.approx(np.log1p(1000 + ten_km), abs=1e-3)
    assert (found.loc[1] == 0).all()
    path.write_text(path.read_text().replace("Coal", "COAL").replace("Gas", "gas"))
    again = plants_around(path, np.array([10.0, 40.0]), np.array([53.0, 53.0]))
    pd.testing.assert_frame_equal(again, found)
    path.write_text("capacity_mw,latitude,longitude,primary_fuel\n500,53,10,Wind\n")
    assert (plants_around(path, np.array([10.0]), np.array([53.0])) == 0).all(axis=None)
    path.write_text("capacity_mw,latitude,longitude,primary_fuel\n1000,95,10,Coal\n")
    with pytest.raises(TableError, match="latitude"):
        plants_around(path, np.array([10.0]), np.array([53.0]))


def test_the_site_table_says_what_its_columns_mean_and_where_they_are_from(
    country, tmp_path, caplog
):
    out = tmp_path / "sites.parquet"
    with caplog.at_level(logging.WARNING):
        landuse(archive=country.root, config=Landuse(), period=PERIOD, out=out)
    assert f"column {ON_MAP}" in caplog.text
    fields = {field.name: field.metadata for field in parquet.read_schema(out)}
    for name, about in CONTEXT.items():
        assert fields[name][b"units"].decode() == about.unit
        assert fields[name][b"definition"].decode() == about.definition
    assert read_sources(out)[potential_of(2)] == "population.tif"
    landuse(archive=country.root, config=Landuse(potential="geonames"), period=PERIOD, out=out)
    assert read_sources(out)[potential_of(2)] == GEONAMES
    assert (pd.read_parquet(out)[ON_MAP] == 1.0).all()
