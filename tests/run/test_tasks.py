"""The released command line, from a folder in the published layout to a table of results."""

from __future__ import annotations

import os
import runpy
import sys
from importlib.util import find_spec
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import rasterio

from mmaq.contracts.benchmark import read_benchmark
from mmaq.contracts.checkpoint import read_about
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.vocabulary import Head
from tests.forked import PROCESSES
from tests.landuse.small_country import metadata_row
from tests.run.published_folder import ROOT, SMALL, STORE_BANDS, call, make_folder, small

CHECKPOINT = "checkpoints/run/mmaq_run0.ckpt"


def test_pretraining_leaves_checkpoints_and_losses_of_the_asked_run(pretrained):
    checkpoints = pretrained / "checkpoints" / "run"
    names = {path.name for path in checkpoints.iterdir()}
    assert {
        "mmaq_run0.ckpt",
        "mmaq_run0_best.ckpt",
        "mmaq_run0_s2_only.ckpt",
        "mmaq_run0.safetensors",
    } <= names
    assert len(pd.read_csv(checkpoints / "mmaq_run0_losses.csv")) == 2 * 3
    config = read_about(checkpoints / "mmaq_run0.ckpt")["config"]
    assert config["encoders"]["s2"] == "resnet18"
    assert config["encoders"]["s2_input"] == config["encoders"]["s5p_input"] == 16
    assert (config["epochs"], config["batch_size"], config["transductive"]) == (2, 8, True)


def test_linear_evaluation_finds_what_the_columns_say(pretrained, folder, capsys):
    more = (
        "--ckpt_path",
        "checkpoints/run/mmaq_run0_best.ckpt",
        "--max_num_epochs",
        90,
        "--freeze",
    )
    call(pretrained, *small(folder, "linear_eval", *more))
    said = capsys.readouterr()
    assert "--max_epochs has no effect on --task linear_eval" in said.err
    assert "left out: give --eea_metadata" in said.err
    assert "mmaq_run0_best.ckpt has seen images of stations" in said.err
    rows = read_benchmark(pretrained / "results" / "run" / "linear_eval_mmaq.csv")
    assert set(rows["protocol"]) == set(get_args(Head))
    assert set(rows["split"]) == {"random"}
    assert set(rows["dataset"]) == {"run"}
    whole = (rows["group"] == "all") & (rows["label_fraction"] == 1) & (rows["modalities"] != "s5p")
    r2 = rows[whole & (rows["metric"] == "r2")].set_index("protocol")["value"]
    assert (r2[["linear", "fused"]] > 0.5).all()
    line = next(line for line in said.out.splitlines() if " linear " in line)
    assert f"{r2['linear']:.3f}" in line
    assert "0.586" in line, "the paper's figure stands beside ours"


@pytest.mark.parametrize(
    ("model", "protocol", "modalities"),
    [("mmaq", "finetune", "s2+s5p"), ("aqnet", "supervised", "s2+s5p+table")],
)  # fmt: skip
def test_fine_tuning(pretrained, folder, model, protocol, modalities):
    call(pretrained, *small(folder, "fine_tune", "--model", model, "--max_num_epochs", 1,
                            "--lr", 1e-4, "--seed", 3))  # fmt: skip
    rows = read_benchmark(pretrained / "results" / "run" / f"fine_tune_{model}.csv")
    assert set(rows["status"]) == {"ok"}
    assert set(rows["protocol"]) == {protocol}
    assert set(rows["modalities"]) == {modalities}
    assert set(rows["runs"]) == {1}
    assert np.isfinite(rows["value"]).all()


def test_another_method_is_pretrained_beside_the_first(pretrained, folder, capsys):
    more = ("--model", "barlowtwins", "--max_epochs", 1, "--batch_size", 8)
    call(pretrained, *small(folder, "pretrain", *SMALL, *more))
    assert "is up to date" in capsys.readouterr().err
    assert (pretrained / "checkpoints" / "run" / "barlow_twins_run0.ckpt").exists()
    assert (pretrained / "checkpoints" / "run" / "mmaq_run0.ckpt").exists()
    call(pretrained, *small(folder, "linear_eval", "--model", "barlowtwins"))
    rows = read_benchmark(pretrained / "results" / "run" / "linear_eval_barlow_twins.csv")
    assert set(rows["method"]) == {"barlow_twins"}


def test_with_coordinates_there_are_blocks(pretrained, folder, tmp_path):
    stations = pd.read_csv(folder / "pollutant_ssl.csv")["AirQualityStation"]
    rows = [metadata_row(name, 6e5, 5.9e6, Longitude=k % 6 * 2.0, Latitude=40.0 + k // 6 * 2)
            for k, name in enumerate(stations)]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "eea.csv", sep="\t", index=False)
    more = ("--name", "placed", "--eea_metadata", tmp_path / "eea.csv", "--model", "random_init")
    call(pretrained, *small(folder, "linear_eval", *more, "--ckpt_path", CHECKPOINT))
    rows = read_benchmark(pretrained / "results" / "placed" / "linear_eval_random_init.csv")
    assert set(rows["split"]) == {"random", "blocks"}
    assert set(rows["status"]) == {"ok"}


def test_without_coordinates_blocks_alone_are_refused(pretrained, folder, tmp_path, capsys):
    settings = tmp_path / "blocks.yaml"
    settings.write_text("evaluate: {splits: [blocks]}")
    with pytest.raises(SystemExit):
        call(pretrained, *small(folder, "fine_tune"), "--config", settings)
    assert "evaluate.splits: blocks need coordinates" in capsys.readouterr().err


def test_a_checkpoint_of_another_method_is_refused(pretrained, folder, capsys):
    with pytest.raises(SystemExit):
        call(
            pretrained, *small(folder, "linear_eval", "--model", "decur"), "--ckpt_path", CHECKPOINT
        )
    assert "it was pretrained by mmaq" in capsys.readouterr().err


def _run(command, where):
    """What ``python COMMAND`` does in the folder ``where``; it says so in a file there."""
    os.chdir(where)
    os.dup2(os.open("said.txt", os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")


@pytest.mark.slow
def test_the_command_of_the_readme(folder, tmp_path):
    command = [
        ROOT / "run.py", "--task", "pretrain", "--datatype", "multimodal",
        "--samples_file", folder / "pollutant_ssl.csv", "--max_epochs", "1", "--learning_rate",
        "0.2", "--wandb_project", "MMAQ_Pretraining", "--offline", *SMALL,
    ]  # fmt: skip
    process = PROCESSES.Process(target=_run, args=([*map(str, command)], tmp_path))
    process.start()
    process.join()
    said = (tmp_path / "said.txt").read_text()
    assert process.exitcode == 0, said
    config = read_about(tmp_path / "checkpoints" / "run" / "mmaq_run0_best.ckpt")["config"]
    assert config["learning_rate"] == 0.2
    assert "loggers" not in config, "where a run logs decides nothing that it learns"
    left_out = "--wandb_project is left out: wandb is not installed" in said
    assert left_out == (find_spec("wandb") is None)


@pytest.mark.slow
def test_a_folder_made_of_real_pixels(real_data, tmp_path):
    files = sorted((real_data / "s2" / "bigearthnet").glob("*.tif"))
    pixels = []
    for file in files:
        with rasterio.open(file) as data:
            assert list(data.descriptions) == STORE_BANDS
            pixels.append(data.read())
    rng = np.random.default_rng(0)
    folder = tmp_path / "published"
    folder.mkdir()
    make_folder(folder, np.stack(pixels), rng)
    call(tmp_path, *small(folder, "pretrain", *SMALL, "--max_epochs", 1, "--batch_size", 5))
    store = open_store(tmp_path / "data" / "run" / "patches")
    ids = read_sites(tmp_path / "data" / "run" / "sites.parquet")["site_id"]
    for position, row in enumerate(store.rows("s2", ids)):
        side = store.s2.shape[-1]
        cut = slice(60 - side // 2, 60 + side // 2)
        np.testing.assert_array_equal(store.s2[row], pixels[position][:, cut, cut])
    call(tmp_path, *small(folder, "linear_eval"))
    rows = read_benchmark(tmp_path / "results" / "run" / "linear_eval_mmaq.csv")
    assert set(rows["status"]) == {"ok"}
    assert set(rows["protocol"]) == set(get_args(Head))
    assert np.isfinite(rows["value"]).all()
