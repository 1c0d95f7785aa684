"""A first file of one's own: short, from the schema, and valid as it is."""

from __future__ import annotations

from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ConfigError
from mmaq.config.generate import ASKED, LOCATED, MARK, first_yaml, write_first
from mmaq.config.load import load_config
from mmaq.config.schema import Config

SOURCES = get_args(Config.model_fields["source"].annotation)


@pytest.mark.parametrize("source", SOURCES)
def test_the_file_of_each_source_loads_and_holds_what_it_asks_for(tmp_path, source):
    assert set(ASKED) == set(SOURCES)
    path = tmp_path / "mine.yaml"
    write_first(path, source)
    config = load_config(path)
    assert (config.name, config.source) == ("mine", source)
    values = yaml.safe_load(path.read_text())
    keys = {f"{outer}.{key}" for outer, inner in values.items() if isinstance(inner, dict)
            for key in inner}  # fmt: skip
    assert keys >= {".".join(key.split(".")[:2]) for key in ASKED[source]}
    assert path.read_text().count("#") > len(keys)  # each has its description


@settings(max_examples=20)
@given(
    st.floats(-179, 170), st.floats(-89, 80), st.floats(0.01, 8), st.floats(0.01, 8),
    st.sampled_from(LOCATED),
)  # fmt: skip
def test_the_grid_holds_any_area_with_half_a_patch_around_it(west, south, wide, high, source):
    box = (west, south, west + wide, south + high)
    values = yaml.safe_load(first_yaml("mine", source, box))
    found, margin = values["grid"]["bbox"], Config().patches.s5p_size / 2 * Config().grid.resolution
    assert found[0] <= max(west - margin, -180) + 1e-6
    assert found[1] <= max(south - margin, -90) + 1e-6
    assert found[2] >= min(west + wide + margin, 180) - 1e-6
    assert found[3] >= min(south + high + margin, 90) - 1e-6


def test_a_default_that_stands_in_the_file_is_marked_and_no_other_value():
    lines = first_yaml("mine", "acquire", (9.5, 46.3, 17.2, 49.1)).splitlines()
    told = {line.strip() for line in lines if ":" in line and "#" not in line.lstrip()[:1]}
    assert "bbox: [9.5, 46.3, 17.2, 49.1]" in told
    assert "bbox: [9.1, 45.9, 17.6, 49.5]" in told
    assert f"countries: [LU]{MARK}" in told
    assert "unlabelled: 500" in told  # else nothing is pretrained


@pytest.mark.parametrize(
    ("name", "source", "box", "message"),
    [
        ("mine", "published", (1, 2, 3, 4), "source published takes no area"),
        ("mine", "acquire", (5, 2, 3, 4), "bbox must be west, south, east, north"),
        ("mine", "acquired", None, "source: Input should be"),
        ("figures", "simulate", None, "figures is a folder of the default data set"),
    ],
)
def test_what_makes_no_file_is_one_line(tmp_path, name, source, box, message):
    with pytest.raises(ConfigError, match=message):
        write_first(tmp_path / f"{name}.yaml", source, box)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_stays(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: precious\n")
    with pytest.raises(ConfigError, match="there already"):
        write_first(path, "simulate")
    assert path.read_text() == "name: precious\n"
