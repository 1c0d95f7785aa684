"""The rule of the frozen search, run by Snakemake against every service on loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from mmaq.acquire.manifest import read_manifest
from tests.acquire.search.made_up import c1_item, granule_name, s5p_item
from tests.forked import run_snakemake
from tests.servers.data_space import data_space
from tests.servers.eea import eea_service
from tests.servers.faulty import faulty
from tests.servers.stac import stac_api

ROOT = Path(__file__).parents[3]
OFFL, RPRO = "sentinel-5p-l2-no2-offl", "sentinel-5p-l2-no2-rpro"
TABLE = (
    "Countrycode\tAirQualityStation\tSamplingPoint\tAirPollutantCode\tObservationDateBegin\t"
    "ObservationDateEnd\tLongitude\tLatitude\tAltitude\tAirQualityStationType\t"
    "AirQualityStationArea\n"
    "LU\tSTA-1\tSPO-1\thttp://dd.eionet.europa.eu/vocabulary/aq/pollutant/8\t2010-01-01T00:00:00"
    "\t\t6.1\t49.6\t300\ttraffic\turban\n"
)


def snakemake(folder, config, *options):
    """What Snakemake says of a configuration."""
    (folder / "c.yaml").write_text(yaml.safe_dump({**config, "source": "acquire"}))
    given = [
        *options, "--snakefile", ROOT / "Snakefile",
        "--directory", ".", "--profile", "none", "--cores", "1", "--configfile", "c.yaml",
    ]  # fmt: skip
    done = run_snakemake(given, ROOT, folder, {**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_search_is_frozen(tmp_path):
    extract = tmp_path / "maps" / "europe" / "luxembourg-latest.osm.pbf.md5"
    extract.parent.mkdir(parents=True)
    extract.write_text("ab" * 16 + "  luxembourg-latest.osm.pbf\n")
    served = [c1_item("a"), s5p_item(granule_name(), OFFL)]
    target = "data/small/manifest/sites.csv"
    with (
        stac_api(served, tmp_path / "api", more=[RPRO]) as api,
        data_space([], tmp_path) as space,
        eea_service({2: {"LU": {"SPO-1": b"parquet"}}}, frozen=TABLE.encode()) as eea,
        faulty(tmp_path / "maps") as maps,
    ):
        endpoints = {
            **space.endpoints, "earth-search": api.url, "cdse-stac": api.url,
            "eea": eea.url, "eea-table": eea.url, "geofabrik": maps.url,
        }  # fmt: skip
        acquire = {"endpoints": endpoints, "unlabelled": 2}
        config = {
            "name": "small", "grid": {"bbox": [5, 49, 7, 51]}, "acquire": acquire,
            "period": {"start": "2021-07-01", "end": "2021-07-31"},
        }  # fmt: skip
        snakemake(tmp_path, config, target)
        found = read_manifest(tmp_path / "data/small/manifest/sentinel-2-l2a.json")
        sites = ("STA-1", "unlabelled_00001", "unlabelled_00002")
        assert found.candidates == dict.fromkeys(sites, ("a",))
        acquire["missing"], acquire["sentinel5p"] = 0.1, {"keep": False}
        assert "Nothing to be done" in snakemake(tmp_path, config, target, "-n")
        acquire["sentinel2"] = {"dates": 2}
        assert "acquire_plan" in snakemake(tmp_path, config, target, "-n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("acquire", "rules", "absent"),
    [
        ({}, {"acquire_plan": 1, "fetch_sentinel5p": 1, "grid_part": 4, "grid": 1}, set()),
        ({"sentinel5p": {"keep": False}}, {"acquire_plan": 1, "grid_and_drop_part": 4, "grid": 1},
         {"fetch_sentinel5p"}),
        ({"sentinel5p": {"provider": "none"}}, {"fetch_sentinel2": 1, "patches": 1},
         {"fetch_sentinel5p", "grid_part", "grid", "pretrain"}),
    ],
)  # fmt: skip
def test_the_rules(tmp_path, acquire, rules, absent):
    config = {"name": "small", "grid": {"bbox": [5, 49, 7, 51]}, "acquire": acquire}
    lines = [line.split() for line in snakemake(tmp_path, config, "-n").splitlines()]
    counts = {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}
    assert rules.items() <= counts.items()
    assert not absent & set(counts)
    assert {"fetch_stations", "fetch_maps"} <= set(counts)
