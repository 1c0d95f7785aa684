"""`mmaq map` as people type it, and the areas that there are to map."""

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from mmaq.base.errors import CheckpointError, ConfigError
from mmaq.cli import app
from mmaq.config.map import Area, Map
from mmaq.config.schema import Config

BOX = (6.0, 49.4, 6.3, 49.6)
NAMED = Map(areas=(Area(name="city"), Area(name="mine", bbox=BOX)))


def call(*arguments):
    done = CliRunner().invoke(app, ["map", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception


def test_an_area_without_a_box_is_one_of_a_simulated_country():
    assert set(Config(map=NAMED).mapped) == {"city", "mine"}
    own = {"stations": "a", "ancillary": "b"}
    assert set(Config(map=NAMED, source="files", files=own).mapped) == {"mine"}
    assert set(Config(map=NAMED, simulate={"area_km": 0}).mapped) == {"mine"}
    table = {"samples": "a.csv", "eea_metadata": "b.zip"}
    assert set(Config(map=NAMED, source="published", published=table).mapped) == {"mine"}


@pytest.mark.parametrize("box", [(6.3, 49.4, 6.0, 49.6), (6.0, 49.6, 6.3, 49.4), (6, 49, 7, 89)])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(ValidationError, match="west, south, east, north"):
        Area(name="mine", bbox=box)


def test_two_areas_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="two areas have one name"):
        Map(areas=(Area(name="city"), Area(name="city", bbox=BOX)))


def test_a_fault_is_told_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--area: no area is named 'nowhere'"):
        call("--area", "nowhere")
    (tmp_path / "none.yaml").write_text("simulate: {area_km: 0}")
    with pytest.raises(ConfigError, match=r"map\.areas: there is no area to map"):
        call("--config", "none.yaml")
    (tmp_path / "mine.yaml").write_text(f"map: {{areas: [{{name: mine, bbox: {list(BOX)}}}]}}")
    with pytest.raises(CheckpointError, match=r"absent\.safetensors: the estimator does not exist"):
        call("--config", "mine.yaml", "--estimator", "absent.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"none.yaml", "mine.yaml"}
