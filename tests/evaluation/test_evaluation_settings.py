import pytest

import mmaq.evaluation
from mmaq.config import check_config
from mmaq.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seeds", [0, 1, 0]),
        ("splits", ["random", "random"]),
        ("references", ["gbm", "gbm"]),
        ("probes", ["mmaq", "mmaq"]),
    ],
)
def test_a_list_that_names_something_twice_is_refused(key, value):
    with pytest.raises(ConfigError, match=f"evaluate.{key}: .*names something twice"):
        check_config({"evaluate": {key: value}}, "config.yaml")


def test_the_room_offers_its_stages_and_nothing_else():
    assert all(callable(getattr(mmaq.evaluation, name)) for name in mmaq.evaluation.__all__)
    assert not hasattr(mmaq.evaluation, "evaluate")
