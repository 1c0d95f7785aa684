from __future__ import annotations

import csv
import re

import pytest

from mmaq.acquire.ground.sources import TABLE, find_source, sources
from mmaq.acquire.services.endpoints import SERVICES
from mmaq.base.errors import ConfigError
from mmaq.config.acquire import AcquireMaps


def test_the_table_is_sound_and_knows_the_defaults():
    """Sorted, each version once, with a licence, a sum of a known form, and at its service."""
    with open(TABLE, encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    keys = [(row["name"], row["version"]) for row in rows]
    assert keys == sorted(set(keys)) == list(sources())
    for source in sources().values():
        assert source.kind in ("dem", "land_cover", "population", "roads")
        assert source.licence
        assert re.fullmatch(r"(md5(:[0-9a-f]{32})?)?", source.checksum)
        at = SERVICES[source.service].url if source.service else ""
        assert source.url.startswith(at)
        assert bool(source.url) == bool(at)
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
