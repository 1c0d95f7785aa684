"""A stage is given the keys that decide its result and can read no others."""

import pickle

import pytest
from pydantic import ValidationError

from mmaq.config.acquire import Acquire
from mmaq.config.data import Grid
from mmaq.config.evaluation import Evaluate
from mmaq.config.learning import SETTINGS, Loggers, MoCo, Pretrain
from mmaq.learn.stage import METHODS
from mmaq.vocabulary import SELF_SUPERVISED
from tests.learn.training_country import SMALL


def test_a_narrow_section_has_what_it_was_given_and_no_default():
    whole = Evaluate(folds=7, threads=3)
    narrow = Evaluate.narrow(whole.decisive("folds", "seeds"))
    assert (narrow.folds, narrow.seeds) == (7, (0, 1, 2))
    assert narrow.model_dump() == {"folds": 7, "seeds": (0, 1, 2)}
    for name in ("finetune", "threads", "bootstrap"):
        with pytest.raises(AttributeError, match=f"was not given the key {name} of Evaluate"):
            getattr(narrow, name)
    with pytest.raises(AttributeError, match="no attribute 'fold'"):
        narrow.fold  # noqa: B018


def test_what_decides_no_result_is_given_beside_it():
    whole = Evaluate(folds=7, threads=3)
    narrow = Evaluate.narrow(whole.decisive("folds"), whole)
    assert narrow.model_dump() == {"folds": 7, "threads": 3}
    with pytest.raises(ValueError, match="Evaluate has no decisive key threads"):
        whole.decisive("threads")
    with pytest.raises(ValueError, match="Evaluate has no decisive key fold"):
        whole.decisive("fold")


def test_sections_within_are_narrow_too():
    values = Evaluate().decisive("finetune")
    assert "methods" not in values["finetune"]
    narrow = Evaluate.narrow(values)
    assert narrow.finetune.epochs == Evaluate().finetune.epochs
    with pytest.raises(AttributeError, match="was not given the key methods of Finetune"):
        narrow.finetune.methods  # noqa: B018
    asked = Acquire.narrow(Acquire().searched())
    assert asked.searched() == Acquire().searched()
    with pytest.raises(AttributeError, match="was not given the key keep of AcquireSentinel5P"):
        asked.sentinel5p.keep  # noqa: B018


def test_a_narrow_section_is_checked():
    with pytest.raises(ValidationError, match="folds"):
        Evaluate.narrow({"folds": 1})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Evaluate.narrow({"fold": 3})
    with pytest.raises(ValidationError, match="whole multiples of resolution"):
        Grid.narrow({"bbox": (0, 0, 1, 1), "resolution": 0.3})


def test_a_worker_process_gets_it_as_narrow_as_it_is():
    narrow = Evaluate.narrow({"folds": 7})
    sent = pickle.loads(pickle.dumps(narrow))
    assert sent == narrow
    with pytest.raises(AttributeError, match="was not given the key seeds"):
        sent.seeds  # noqa: B018


def test_a_method_s_run_has_its_own_settings_alone():
    whole = Pretrain(rates={"decur": 0.5}, moco=MoCo(queue=64))
    mmaq, decur = whole.of("mmaq"), whole.of("decur")
    assert (mmaq.learning_rate, decur.learning_rate) == (whole.learning_rate, 0.5)
    changed = whole.model_copy(
        update={
            "moco": MoCo(queue=32), "rates": {"decur": 0.7}, "threads": 4, "memory_share": 0.1,
            "checkpoint_steps": 3, "loggers": Loggers(tensorboard=True),
        }
    )  # fmt: skip
    assert changed.of("mmaq").decisive() == mmaq.decisive()
    assert changed.of("mmaq").loggers.tensorboard
    assert changed.of("decur").decisive() != decur.decisive()
    assert changed.of("moco_v2").decisive() != whole.of("moco_v2").decisive()


@pytest.mark.parametrize("method", SELF_SUPERVISED)
def test_a_method_reads_its_settings_and_no_others(method):
    given = Pretrain(encoders=SMALL).of(method).decisive()
    METHODS[method](Pretrain.narrow(given))
    for name in SETTINGS[method]:
        less = {key: value for key, value in given.items() if key != name}
        with pytest.raises(AttributeError, match=f"was not given the key {name} of Pretrain"):
            METHODS[method](Pretrain.narrow(less))
