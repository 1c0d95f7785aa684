"""The transfer tasks of the released command line, on a small folder of scenes."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.contracts.benchmark import read_benchmark
from tests.run.published_folder import call, small
from tests.transfer.published import Folder, box, plume_image

FUELS = ("Fossil Gas", "Fossil Oil")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder, rng = Folder(tmp_path_factory.mktemp("scenes") / "data"), np.random.default_rng(0)
    for plant in range(8):
        ring = box(10, 10, 45, 40)
        folder.add(f"P{plant}_2020-01-01", plume_image(rng, ring), [ring], FUELS[plant % 2])
    return folder.finish()


@pytest.mark.parametrize(
    ("task", "arguments", "protocol", "metric"),
    [
        ("transfer_learning", ["--freeze"], "frozen", "accuracy"),
        ("transfer_segmentation", ["--max_num_epochs", 1, "--batch_size", 4], "finetune", "miou"),
    ],
)
def test_the_commands_of_the_released_readme_run(
    folder, pretrained, scenes, task, arguments, protocol, metric, capsys
):
    settings = small(folder, task)[-1]
    call(
        pretrained, "--task", task, "--datatype", "multimodal", "--tf_datapath", scenes,
        "--config", settings, "--img_size", 32, *arguments,
    )  # fmt: skip
    table = read_benchmark(pretrained / "results/run" / f"{task}_mmaq.csv")
    assert table["protocol"].unique().tolist() == [protocol]
    assert (table["status"] == "ok").all()
    assert metric in capsys.readouterr().out
