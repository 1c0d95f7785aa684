"""The command line of the verb that people use by itself."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmaq import __version__
from mmaq.base.errors import ConfigError
from mmaq.cli import app
from mmaq.sentinel5p.level3 import read_level3
from tests.sentinel5p.archives import make_granules

BOX = ["--bbox", "4", "50", "6", "51.5"]


def call(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=True)


def test_files_are_gridded_as_the_options_say(tmp_path, caplog):
    paths = make_granules(tmp_path / "l2")
    out = tmp_path / "l3.nc"
    with caplog.at_level(logging.INFO):
        done = call("grid", *paths, *BOX, "--resolution", 0.1, "--qa", 0.9, "--out", out)
    assert done.exit_code == 0, done.exception
    found = read_level3(out)
    assert (found.grid.shape, found.grid.west, found.grid.resolution) == ((15, 20), 4.0, 0.1)
    assert "4 granules read, 0 refused; of 480 pixels" in caplog.text
    call("grid", *paths, *BOX, "--qa", 0.5, "--out", tmp_path / "more.nc")
    assert read_level3(tmp_path / "more.nc").weight.sum() * 0.05**2 > found.weight.sum() * 0.1**2


def test_a_file_of_changes_and_options_go_together(tmp_path):
    paths = make_granules(tmp_path / "l2")
    config = tmp_path / "c.yaml"
    config.write_text("grid: {bbox: [4, 50, 6, 51.5], rows: [0, 4]}\n")
    out = tmp_path / "l3.nc"
    assert call("grid", *paths, "--config", config, "--out", out).exit_code == 0
    whole = tmp_path / "whole.nc"
    assert call("grid", *paths, *BOX, "--out", whole).exit_code == 0
    assert 0 < read_level3(out).count.sum() < read_level3(whole).count.sum()


def test_strict_stops_at_a_broken_granule(tmp_path):
    paths = make_granules(tmp_path / "l2")
    paths[0].write_bytes(b"broken")
    out = tmp_path / "l3.nc"
    assert call("grid", *paths, *BOX, "--strict", "--out", out).exit_code == 1
    assert not out.exists()
    assert call("grid", *paths, *BOX, "--out", out).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--qa", 3], "the command line: grid.qa: Input should be less than or equal to 1"),
        (["--resolution", 0.07], "whole multiples of resolution"),
    ],
)
def test_impossible_options_are_refused_in_one_line(tmp_path, options, message):
    done = call("grid", *make_granules(tmp_path / "l2"), *BOX, *options)
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_the_version_is_told_by_the_command_and_by_the_module():
    assert call("--version").output == f"{__version__}\n"
    done = subprocess.run(
        [sys.executable, "-m", "mmaq", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize("verb", [("grid", "a.nc"), ("fit",), ("predict",), ("export",)])
def test_a_folder_is_refused_where_a_file_is_to_be_written(tmp_path, verb):
    done = call(*verb, "--out", tmp_path)
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception) == f"{tmp_path}: it is a folder. Name a file."


@pytest.mark.parametrize(
    ("verb", "config", "told"),
    [
        ("simulate", "files: {stations: a, ancillary: b}\nsource: files\n", "`mmaq acquire`"),
        ("acquire", "name: mine\n", "`mmaq simulate`"),
        ("plants", "files: {stations: a, ancillary: b}\nsource: files\n", "Set transfer.images"),
        ("plants", "transfer: {tasks: []}\n", "and transfer.tasks"),
    ],
)
def test_the_archive_of_another_source_is_not_written_to(tmp_path, monkeypatch, verb, config, told):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(config)
    done = call(verb, "--config", "mine.yaml")
    assert isinstance(done.exception, ConfigError)
    assert told in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs(shell):
    words = {"COMP_WORDS": "mmaq pre", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "mmaq pre"}
    action = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = CliRunner().invoke(
        app, [], prog_name="mmaq", env={**words, **action, "_MMAQ_COMPLETE": f"complete_{shell}"}
    )
    assert {"pretrain", "predict"} <= set(re.findall(r"\w+", done.output))
    assert "patches" not in done.output


def test_an_encoder_is_handed_on_with_what_it_was_trained_on(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("mmaq.learn.plain.export_plain", lambda *all_of: given.extend(all_of))
    config = tmp_path / "c.yaml"
    config.write_text("name: mine\nsource: files\nfiles: {stations: a, ancillary: b}\n")
    assert call("export", "--config", config).exit_code == 0
    source, out, data, attribution = given
    folder = Path("checkpoints/mine")
    assert source == folder / "mmaq_run0_s2_only.safetensors"
    assert out == folder / "mmaq_run0_s2_torchvision.safetensors"
    assert "Sentinel-2 L2A of 2021-01-01 to 2021-12-31, data set mine." in data
    assert attribution == "Contains modified Copernicus Sentinel data 2021."
    given.clear()
    assert call("export").exit_code == 0
    assert "no image of the Earth" in given[2]
    assert given[3] == ""


def test_a_first_file_is_written_and_checked(tmp_path):
    path = tmp_path / "austria.yaml"
    made = call("config", "init", path, "--source", "acquire", "--bbox", 9.5, 46.3, 17.2, 49.1)
    assert made.exit_code == 0, made.exception
    assert "valid, data set 'austria'" in call("config", "check", path).output


def test_what_follows_run_is_snakemake_s(monkeypatch):
    given = []
    monkeypatch.setattr("mmaq.orchestrate.run.run_snakemake", lambda passed: given.extend(passed))
    words = ["-n", "--config", "a=b", "--cores", "2", "--allowed-rules", "x", "--", "y", "--help"]
    assert call("run", *words).exit_code == 0
    assert given == words
