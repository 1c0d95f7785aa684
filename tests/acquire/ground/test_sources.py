from __future__ import annotations

import pytest

from mmaq.acquire.ground.sources import TABLE, find_source, read_sources
from mmaq.base.errors import ConfigError, TableError
from mmaq.config.acquire import AcquireMaps


def test_the_table_is_sound_and_knows_the_defaults():
    sources = read_sources()
    keys = [(source.name, source.version) for source in sources]
    assert keys == sorted(set(keys))
    assert all(source.licence for source in sources)
    maps = AcquireMaps()
    for kind in ("dem", "population", "land_cover"):
        assert find_source(getattr(maps, kind), kind).kind == kind
    assert find_source(maps.roads[0], "roads").address({}) == (
        "https://download.geofabrik.de/europe/luxembourg-latest.osm.pbf"
    )


def test_an_extract_of_a_day_and_one_by_its_path_at_another_address():
    source = find_source("geofabrik-austria@240101", "roads")
    assert source.address({"geofabrik": "https://mirror.example/osm"}) == (
        "https://mirror.example/osm/europe/austria-240101.osm.pbf"
    )
    japan = find_source("geofabrik-asia/japan@latest", "roads")
    assert japan.address({}) == "https://download.geofabrik.de/asia/japan-latest.osm.pbf"


@pytest.mark.parametrize(
    ("entry", "kind", "message"),
    [
        ("corine@2018", "land_cover", "land_cover: corine@2018 needs your own download"),
        ("worldcover@v300", "land_cover", "'worldcover@v300' is no source of this kind"),
        ("worldcover@v200-2021", "dem", "'worldcover@v200-2021' is no source of this kind"),
        ("geofabrik-atlantis@latest", "roads", "'geofabrik-atlantis@latest' is no source"),
        ("geofabrik-*@latest", "roads", "is no source of this kind"),
        ("copernicus-dem-30@240101", "dem", "is no source of this kind"),
    ],
)
def test_a_source_that_is_none(entry, kind, message):
    with pytest.raises(ConfigError, match=rf"acquire\.maps\.{kind}: ") as caught:
        find_source(entry, kind)
    assert message.replace(r"\.", ".") in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("worldcover,", "aworldcover,", "does not stand in its place"),
        (",dem,copernicus-dem,", ",hills,copernicus-dem,", "not a table of sources"),
        ("https://esa-worldcover", "https://elsewhere", "is not at its service 'worldcover'"),
        (",ghsl,", ",nowhere,", "not a table of sources"),
        ("name,version", "name,release", "not a table of sources"),
        ("geofabrik-austria,", "geofabrik-azores,", "not a table of sources"),
    ],
)
def test_a_table_that_is_not_sound(tmp_path, old, new, fault):
    path = tmp_path / "sources.csv"
    text = TABLE.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(TableError, match=rf"sources\.csv: .*{fault}"):
        read_sources(path)
