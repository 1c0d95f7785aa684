"""`mmaq status` on a project of which a part was made."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmaq.base.errors import ConfigError
from mmaq.base.layout import Layout
from mmaq.config.load import load_config
from mmaq.orchestrate.holder import HeldFolder
from mmaq.orchestrate.status import UNSAID, Output, outputs, page, read_summary
from tests.orchestration.project import ROOT, SMALLEST


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The workflow of this project in a folder without data."""
    for name in ("Snakefile", "rules", "workflow", "config", "mmaq"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(path, when):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (when, when))


def test_outputs_are_up_to_date_stale_or_missing(project):
    paths = Layout(load_config(SMALLEST).name)
    after = time.time()  # whatever rules and adapters are of
    for name in ("sentinel-2-l2a", "sentinel-5p-l2-no2", "ancillary", "stations", "truth"):
        make(paths.archive / name / "collection.json", after + 200)
    make(paths.sites, after + 100)  # older than what it is made from
    before = {path for path in project.rglob("*") if ".snakemake" not in path.parts}
    found = {each.path: each for each in outputs(SMALLEST)}
    archive = found[str(paths.archive / "stations/collection.json")]
    assert (archive.rule, archive.state, archive.why) == ("simulate", "up to date", "")
    sites = found[str(paths.sites)]
    assert (sites.rule, sites.state, sites.why) == ("landuse", "stale", "updated input files")
    assert found[str(paths.benchmark)].state == "missing"
    told = page(SMALLEST, list(found.values()))
    assert "landuse                                 0      1        0  updated input files" in told
    assert f"{paths.report}: missing" in told
    assert f"logs: logs/{paths.name}, " in told
    assert f"--configfile {SMALLEST}" in told
    assert {path for path in project.rglob("*") if ".snakemake" not in path.parts} == before


def test_a_file_that_follows_a_stale_one_is_stale():
    text = (
        "output_file\tdate\trule\tlog-file(s)\tstatus\tplan\n"
        "a.csv\tThu Jan  1\tlanduse\t-\tok\tupdate pending\n"
        "b.csv\tThu Jan  1\tpatches\tlogs/x/patches.log\tok\tno update\n"
    )
    assert read_summary(text) == [
        Output("a.csv", "landuse", "stale", UNSAID),
        Output("b.csv", "patches", "up to date", ""),
    ]
    told = page(None, read_summary(text)[1:])
    assert "nothing is left to do" in told


def test_a_run_that_goes_on_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = HeldFolder(Path())
    with folder.turn():
        folder.take(os.getpid())
    assert f"now: process {os.getpid()} of" in page(None, [])


def test_a_folder_without_a_workflow_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="Snakefile: the file does not exist"):
        outputs(None)
