from typing import get_args

import pytest

from mmaq.base.errors import ConfigError
from mmaq.config.evaluation import Evaluate, Finetune
from mmaq.config.load import check_config
from mmaq.config.parts import checkpoint_of, pretrained_runs
from mmaq.learn.stage import METHODS
from mmaq.vocabulary import METHODS as ROWS
from mmaq.vocabulary import Learned, SupervisedName


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pollutants", ["no2", "no2"]),
        ("heads", ["knn", "knn"]),
        ("label_fractions", [0.1, 0.1]),
        ("calibrated", ["mmaq", "mmaq"]),
        ("seeds", [0, 1, 0]),
        ("splits", ["random", "random"]),
        ("references", ["gbm", "gbm"]),
        ("probes", ["mmaq", "mmaq"]),
        ("finetune.methods", ["decur", "decur"]),
        ("supervised.methods", ["aqnet", "aqnet"]),
        ("supervised.scratch", ["mmaq", "mmaq"]),
    ],
)
def test_a_list_that_names_something_twice_is_refused(key, value):
    with pytest.raises(ConfigError, match=rf"evaluate\.{key}: .*names something twice"):
        check_config(_nested(key, value), "config.yaml")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pollutants", []),
        ("pollutants", ["pm25"]),
        ("label_fractions", [1.0]),
        ("mixes", ["mmaq", "decur"]),
        ("calibrated", ["aqnet"]),
        ("probes", ["aqnet"]),
        ("finetune.methods", ["random_init"]),
        ("supervised.methods", ["mmaq"]),
        ("supervised.scratch", ["random_init"]),
        ("supervised.batch_size", 1),
        ("supervised.epochs", 0),
        ("supervised.learning_rate", 0),
        ("supervised.encoder_rate", 0.3),
    ],
)
def test_what_cannot_be_evaluated_so_is_refused(key, value):
    with pytest.raises(ConfigError, match=rf"evaluate\.{key}"):
        check_config(_nested(key, value), "config.yaml")


def _nested(key, value):
    for part in reversed(f"evaluate.{key}".split(".")):
        value = {part: value}
    return value


def test_every_name_has_a_place_in_the_table_and_every_method_a_name():
    assert {*get_args(Learned), *get_args(SupervisedName)} == set(ROWS)
    assert {checkpoint_of(name) for name in get_args(Learned)} == set(METHODS)


def test_each_pretraining_that_is_needed_is_named_once():
    assert pretrained_runs(Evaluate()) == ("mmaq", "decur", "barlow_twins")
    tuned = Finetune(methods=("byol", "mmaq_s2"), all_inputs=("moco_v2",), mappable=("dino",))
    few = Evaluate(probes=("random_init", "simclr"), finetune=tuned, mixes=("vicreg",))
    assert pretrained_runs(few) == ("mmaq", "simclr", "vicreg", "byol", "moco_v2", "dino")
    none = Evaluate(probes=(), finetune=Finetune(methods=(), all_inputs=()), mixes=())
    assert pretrained_runs(none) == ()
