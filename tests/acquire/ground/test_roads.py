from __future__ import annotations

import geopandas
import numpy as np
import pytest

from mmaq.acquire.ground.roads import write_roads
from mmaq.base.errors import ProductError
from mmaq.landuse.roads import read_roads, road_distance
from tests.acquire.ground.map_files import BOX
from tests.acquire.ground.osm_pbf import write_extract

WAYS = {
    3: ("residential", [(9.5, 49.5), (9.6, 49.5)]),
    4: ("footway", [(9.5, 49.6), (9.6, 49.6)]),
    5: (None, [(9.5, 49.7), (9.6, 49.7)]),
    6: ("motorway", [(20.0, 49.5), (20.1, 49.5)]),
    7: ("motorway_link", [(8.0, 50.0), (9.2, 50.0)]),
    9: ("primary", [(11.05, 49.5), (11.05, 49.6)]),
}


def written(tmp_path, *extracts, out="roads.gpkg"):
    paths = []
    for number, ways in enumerate(extracts):
        paths.append(tmp_path / f"{number}.osm.pbf")
        write_extract(paths[-1], ways)
    write_roads(paths, BOX, tmp_path / out)
    return tmp_path / out


def test_public_roads_that_touch_the_area_are_kept(tmp_path):
    roads = geopandas.read_file(written(tmp_path, WAYS))
    assert dict(zip(roads["osm_id"], roads["highway"], strict=True)) == {
        3: "residential", 7: "motorway_link", 9: "primary",
    }  # fmt: skip
    assert roads.crs.to_epsg() == 4326
    assert roads.geometry.iloc[0].equals_exact(
        geopandas.GeoSeries.from_wkt(["LINESTRING (9.5 49.5, 9.6 49.5)"]).iloc[0], 1e-7
    )


def test_a_way_of_two_extracts_stands_once_and_order_does_not_matter(tmp_path):
    west, east = {key: WAYS[key] for key in (3, 7)}, {key: WAYS[key] for key in (7, 9)}
    first = written(tmp_path, west, east, out="a.gpkg")
    assert len(geopandas.read_file(first)) == 3
    assert first.read_bytes() == written(tmp_path, east, west, out="b.gpkg").read_bytes()


def test_the_land_use_stage_measures_to_them(tmp_path):
    """A kilometre of latitude north of a road that runs east: 1000 m on the ellipsoid."""
    path = written(tmp_path, {1: ("tertiary", [(9.0, 49.5), (10.0, 49.5)])})
    found = road_distance(read_roads(path), np.array([9.5]), np.array([49.5 + 1000 / 111_220]))
    # The straight line of degrees bends a little away from the parallel in UTM.
    assert found == pytest.approx([1000.0], rel=0.15)


def test_roads_on_the_other_side_of_the_antimeridian_are_kept(tmp_path):
    places = {1: 179.5, 2: 179.98, 3: -179.95, 4: -179.5}
    ways = {key: ("primary", [(x, -17.0), (x, -16.9)]) for key, x in places.items()}
    write_extract(tmp_path / "fiji.osm.pbf", ways)
    write_roads([tmp_path / "fiji.osm.pbf"], (179.6, -18.0, 179.99, -16.0), tmp_path / "roads.gpkg")
    assert set(geopandas.read_file(tmp_path / "roads.gpkg")["osm_id"]) == {1, 2, 3}


def test_extracts_without_roads_or_that_are_none(tmp_path):
    with pytest.raises(ProductError, match="roads: no road of the extracts touches the area"):
        written(tmp_path, {4: WAYS[4], 6: WAYS[6]})
    (tmp_path / "page.osm.pbf").write_bytes(b"<html>moved</html>")
    with pytest.raises(ProductError, match=r"page\.osm\.pbf: not a readable extract"):
        write_roads([tmp_path / "page.osm.pbf"], BOX, tmp_path / "roads.gpkg")
    assert not (tmp_path / "roads.gpkg").exists()
