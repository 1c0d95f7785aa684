"""What the command line takes, refuses, and sets."""

from __future__ import annotations

import pytest

from mmaq.base.errors import ConfigError
from mmaq.learn.stage import METHODS
from mmaq.run import settings
from mmaq.run.arguments import MODELS, parse_arguments
from mmaq.run.settings import make_run
from tests.run.published_folder import PAPER, call

TABLE = ("--samples_file", "somewhere/samples.csv")


def run_of(task, *more):
    return make_run(parse_arguments(["--task", task, *TABLE, *map(str, more)]), PAPER)


def test_without_options_the_run_is_the_papers():
    run = run_of("pretrain")
    pretrain = run.config.pretrain
    assert (pretrain.method, pretrain.epochs, pretrain.batch_size) == ("mmaq", 500, 128)
    assert pretrain.learning_rate == 0.2
    assert (pretrain.encoders.s2, pretrain.encoders.s2_input) == ("resnet50", 224)
    assert pretrain.transductive
    assert pretrain.loggers.wandb == "off"
    assert run.config.patches.s2_size == 120
    published = run.config.published
    assert (published.samples, published.images) == ("somewhere/samples.csv", "somewhere")
    assert published.eea_metadata is published.osm is None
    assert str(run.checkpoints) == "checkpoints/run"


@pytest.mark.parametrize("spelling", ["--lr", "--learning_rate"])
@pytest.mark.parametrize(
    ("task", "model", "section"),
    [("pretrain", "mmaq", "pretrain"), ("fine_tune", "decur", "evaluate.finetune"),
     ("fine_tune", "aqnet", "evaluate.supervised")],
)  # fmt: skip
def test_learning_options_reach_the_section_of_the_task(task, model, section, spelling):
    epochs = "--max_epochs" if task == "pretrain" else "--max_num_epochs"
    run = run_of(task, "--model", model, spelling, 0.03, epochs, 7, "--batch_size", 9)
    found = run.config
    for name in section.split("."):
        found = getattr(found, name)
    assert (found.learning_rate, found.epochs, found.batch_size) == (0.03, 7, 9)


def test_the_seed_and_the_sizes_of_the_encoders():
    run = run_of("pretrain", "--seed", 4, "--network", "vit_small", "--img_size", 64)
    assert run.config.pretrain.seed == 4
    assert run.config.pretrain.encoders.s2 == "vit_small"
    assert run.config.pretrain.encoders.s5p_input == 64
    assert run_of("linear_eval", "--seed", 4).config.evaluate.seeds == (4,)


def test_every_method_can_be_named_also_as_the_released_code_spells_it():
    for name in METHODS:
        assert run_of("pretrain", "--model", name).config.pretrain.method == name
    for theirs, ours in (
        ("barlowtwins", "barlow_twins"), ("mocov2", "moco_v2"),
        ("mm_barlow_twins", "barlow_twins_multimodal"), ("mm_bar", "barlow_twins_multimodal"),
    ):  # fmt: skip
        assert run_of("linear_eval", "--model", theirs).model == ours
    assert set(MODELS["fine_tune"]) == {*METHODS, "mmaq_s2", "aqnet", "two_stream"}
    assert set(MODELS["linear_eval"]) == {*METHODS, "mmaq_s2", "random_init"}


REFUSED = [
    (("transfer_learning", "--tf_datapath", "x", "--model", "aqnet"), "aqnet is no model"),
    (("transfer_segmentation",), "its data are missing. Give --tf_datapath"),
    (("pretrain", "--model", "mmaq_s2"), "mmaq_s2 is no model of --task pretrain"),
    (("pretrain", "--model", "mmsimclr"), "mmsimclr is no model"),
    (("linear_eval", "--model", "aqnet"), "aqnet is no model of --task linear_eval"),
    (("pretrain", "--datatype", "rgb_unimodal"), "--datatype: 'rgb_unimodal' is not read"),
    (("pretrain", "--channels", "3"), "--channels: Sentinel-2 encoders read all 12 bands, not 3"),
    (("pretrain", "--ckpt_path", "x.ckpt"), "--ckpt_path: pretraining starts anew"),
    (("fine_tune", "--freeze"), "--freeze: fine-tuning trains the encoders"),
    (("pretrain", "--max_epochs", "0"), "the command line: pretrain.epochs: Input should be"),
    (("pretrain", "--network", "vgg"), "the command line: pretrain.encoders.s2: Input should be"),
    (("pretrain", "--name", "default"), "--name: default is the simulated country's"),
    (("pretrain", "--name", "../x"), "the command line: name:"),
    (("pretrain", "--config", "nowhere.yaml"), "nowhere.yaml: the file does not exist"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[one for _, one in REFUSED])
def test_what_is_not_there_is_refused_in_one_line(arguments, message):
    with pytest.raises(ConfigError) as caught:
        run_of(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [["--num_workers", "4"], ["--max_epoch", "3"], ["--lr", "many"]]
)
def test_unknown_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run_of("pretrain", *arguments)
    assert caught.value.code == 2
    assert "run.py: error:" in capsys.readouterr().err


def test_a_table_is_needed():
    with pytest.raises(ConfigError, match="Give --samples_file"):
        parse_arguments(["--task", "pretrain"])


def test_options_without_effect_are_named(caplog):
    run_of("linear_eval", "--max_num_epochs", 90, "--network", "resnet18", "--freeze")
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"--{name} has no effect on --task linear_eval of mmaq"
                    for name in ("max_epochs", "network")]  # fmt: skip
    caplog.clear()
    run_of("fine_tune", "--model", "aqnet", "--wandb_project", "P")
    assert "--wandb_project has no effect on --task fine_tune of aqnet" in caplog.text


def test_weights_and_biases(monkeypatch, caplog):
    monkeypatch.setattr(settings, "find_spec", lambda name: object())
    loggers = run_of("pretrain", "--wandb_project", "P").config.pretrain.loggers
    assert (loggers.wandb, loggers.wandb_project) == ("online", "P")
    loggers = run_of("pretrain", "--wandb_project", "P", "--offline").config.pretrain.loggers
    assert loggers.wandb == "offline"
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    assert run_of("pretrain", "--wandb_project", "P").config.pretrain.loggers.wandb == "off"
    assert "wandb is not installed" in caplog.text


@pytest.mark.parametrize("task", ["linear_eval", "fine_tune"])
def test_a_missing_checkpoint_is_one_line_and_touches_nothing(tmp_path, capsys, task):
    with pytest.raises(SystemExit) as caught:
        call(tmp_path, "--task", task, *TABLE, "--model", "decur")
    assert caught.value.code == 1
    assert "decur_run0.ckpt: the checkpoint does not exist. Make it by" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
