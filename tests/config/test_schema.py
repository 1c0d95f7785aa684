import math
import re
from datetime import date, timedelta
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mmaq.base.errors import ConfigError
from mmaq.config.base import Section
from mmaq.config.data import Period
from mmaq.config.generate import config_schema, config_yaml, write_config
from mmaq.config.load import check_config, load_config
from mmaq.config.readme import config_readme
from mmaq.config.schema import Config


def test_yaml_and_schema_on_disk_are_generated_from_the_classes(request):
    folder = request.config.rootpath / "config"
    remedy = "run `mmaq config write`"
    assert (folder / "config.yaml").read_text() == config_yaml(), remedy
    assert (folder / "schema.json").read_text() == config_schema(), remedy
    assert (folder / "README.md").read_text() == config_readme(), remedy


def test_the_page_of_the_configuration_has_every_key_and_every_file(request):
    page = config_readme()
    for section in _sections(Config()):
        for name in type(section).model_fields:
            inner = isinstance(getattr(section, name), Section)
            assert (f"{name}`\n" if inner else f"| `{name}` |") in page
    cells = [len(re.split(r"(?<!\\)\|", line)) for line in page.splitlines() if line[:3] == "| `"]
    assert set(cells) == {4, 6}  # the table of the files, and those of the keys
    for path in (request.config.rootpath / "config").glob("*.yaml"):
        assert f"| `{path.name}` |" in page


def test_yaml_reads_back_as_the_defaults(tmp_path):
    write_config(tmp_path)
    assert load_config(tmp_path / "config.yaml") == Config()


@pytest.mark.parametrize(
    "name",
    ["published.yaml", "europe.yaml", "pollutants.yaml", "paper.yaml", "full.yaml",
     "transfer.yaml"],
)  # fmt: skip
def test_shipped_configurations_are_valid(request, name, caplog):
    path = request.config.rootpath / "config" / name
    assert load_config(path).name == name.removesuffix(".yaml")
    assert not re.search(r":\s+['\"]?(\.\./|[/~])", path.read_text())  # none outside the clone
    assert not caplog.messages


@pytest.mark.parametrize(
    ("box", "held"),
    [
        ((3.5, 50.0, 14.5, 56.5), True),
        ((3.0, 50.0, 14.5, 56.5), False),
        ((3.5, 50.0, 14.6, 56.5), False),
        ((3.5, 49.0, 14.5, 56.5), False),
    ],
)
def test_the_grid_holds_a_box_or_not(box, held):
    assert Config().grid.holds(box) == held
    across = Config().grid.model_copy(update={"bbox": (170.0, -10.0, -170.0, 10.0)})
    assert across.holds((172.0, -5.0, 179.0, 5.0))
    assert across.holds((-179.0, -5.0, -171.0, 5.0))
    assert not across.holds((160.0, -5.0, 175.0, 5.0))


def test_norway_is_a_country():
    config = check_config(yaml.safe_load("acquire: {stations: {countries: [SE, NO]}}"), "x.yaml")
    assert config.acquire.stations.countries == ("SE", "NO")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("evaluate: {together: [[SE, NO]]}", "evaluate.together", (("SE", "NO"),)),
        ("pretrain: {loggers: {wandb: off}}", "pretrain.loggers.wandb", "off"),
        ("grid: {cloud_fraction: 'null'}", "grid.cloud_fraction", None),
        ("files: {sentinel2: '~', sentinel5p: ''}", "files.sentinel2", None),
        ("grid: {strict: on}", "grid.strict", True),
        ("period: {start: 2020-02-29}", "period.start", date(2020, 2, 29)),
    ],
)
def test_a_word_that_yaml_reads_as_something_else_is_what_was_meant(text, key, value):
    found = check_config(yaml.safe_load(text), "x.yaml")
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {cloud_fraction: no}", "grid.cloud_fraction: Value error, give a number"),
        ("acquire: {missing: yes}", "acquire.missing: Value error, give a number"),
        ("evaluate: {seeds: [0, on]}", "evaluate.seeds: Value error, give a number"),
        ("pretrain: {rates: {mmaq: off}}", "pretrain.rates: Value error, give a number"),
        ("grid: {bbox: [.nan, 50, 5, 51]}", "grid.bbox.0: Input should be a finite number"),
        ("files: {sentinel2: no}", "files.sentinel2: Input should be a valid string"),
        ("period: {start: 20210101}", "period.start: Value error, write a day as 2021-01-01"),
        ("period: {start: '20210101'}", "period.start: Value error, write a day as 2021-01-01"),
        ("period: {end: 9999-12-31}", "period.end: Input should be less than or equal to 9998"),
        ("evaluate: {seeds: [-1]}", "evaluate.seeds.0: Input should be greater than or equal to 0"),
        ("transfer: {seed: -1}", "transfer.seed: Input should be greater than or equal to 0"),
        ("evaluate: {seeds: [4294967296]}", "evaluate.seeds.0: Input should be less than"),
    ],
)
def test_what_yaml_reads_as_a_number_or_a_day_that_is_none_is_refused(text, message):
    with pytest.raises(ConfigError) as fault:
        check_config(yaml.safe_load(text), "x.yaml")
    assert f"x.yaml: {message}" in str(fault.value)


def test_no_number_may_be_a_truth_value_or_without_end():
    for section in _sections(Config()):
        given = section.model_dump()
        for name, value in given.items():
            wrong = (True, math.nan, math.inf) if type(value) in (int, float) else ()
            for each in wrong:
                with pytest.raises(ValidationError, match=name):
                    type(section).model_validate({**given, name: each})


def _sections(section):
    yield section
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _sections(value)


def test_every_key_is_described_and_every_section_refuses_unknown_keys():
    for section in _sections(Config()):
        assert type(section).model_config["extra"] == "forbid"
        for name, field in type(section).model_fields.items():
            described = field.description or isinstance(getattr(section, name), Section)
            assert described, f"{type(section).__name__}.{name}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gird": {}}, "x.yaml: unknown key gird. Did you mean grid."),
        ({"grid": {"resolutoin": 1}}, "unknown key grid.resolutoin. Did you mean resolution."),
        ({"pretrain": {"views": {"zzz": 1}}}, "unknown key pretrain.views.zzz. Use one of: "),
        ({"transfer": {"folds": 3, "holdouts": 4}}, "3 folds cannot be held out 4 times"),
        ({"grid": {"qa": 3}}, "grid.qa: Input should be less than or equal to 1 (got 3)"),
        ({"grid": {"bbox": [4, 1, 5, 0]}}, "bbox must be west, south, east, north"),
        ({"period": {"start": "2021-02-01", "end": "2021-01-01"}}, "end lies before start"),
        ({"source": "published"}, "needs published.samples"),
        ({"source": "acquire"}, "grid.bbox must hold acquire.bbox"),
        ({"source": "files"}, "needs files.stations"),
        ({"name": "../up"}, "name: String should match pattern"),
    ],
)
def test_faults_are_one_line_with_key_and_remedy(values, message):
    with pytest.raises(ConfigError) as fault:
        check_config(values, "x.yaml")
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("- 1\n- 2\n", "holds no mapping"), ("a: [1", "not valid YAML")],
)
def test_broken_files_are_refused(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "absent.yaml")


def test_empty_file_means_defaults(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("# nothing\n")
    assert load_config(path) == Config()


def test_values_cannot_be_changed_after_the_check():
    with pytest.raises(ValidationError):
        Config().grid.qa = 0.5


@given(st.dates(), st.integers(0, 800), st.sampled_from(["month", "quarter", "year"]))
def test_parts_cover_the_period_once(start, days, length):
    start = min(start, date(9000, 1, 1))
    period = Period(start=start, end=start + timedelta(days=days))
    parts = list(period.parts(length).values())
    assert parts[0][0] == period.start
    assert parts[-1][1] == period.end
    for (_, end), (following, _) in pairwise(parts):
        assert following - end == timedelta(days=1)


def test_yaml_keeps_types():
    values = yaml.safe_load(config_yaml())
    assert isinstance(values["pretrain"]["weight_decay"], float)


def test_trees_on_an_embedding_need_an_encoder_to_be_fitted():
    values = {"predict": {"method": "gbm_embedding"}}
    assert check_config(values, "here").fitted_encoders == "mmaq"
    assert check_config({"predict": {"method": "gbm"}}, "here").fitted_encoders is None
    with pytest.raises(ConfigError, match=r"gbm_embedding needs evaluate\.mixes"):
        check_config({**values, "evaluate": {"mixes": []}}, "here")


ACQUIRE = {"source": "acquire", "grid": {"bbox": [5.3, 49.0, 7.0, 50.6]}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"simulate": {"unlabelled": 0}}, False),
        ({"simulate": {"unlabelled": 0}, "pretrain": {"transductive": True}}, True),
        (ACQUIRE, False),
        (ACQUIRE | {"acquire": {"unlabelled": 10}}, True),
        (ACQUIRE | {"acquire": {"unlabelled_table": "sites.csv"}}, True),
    ],
)
def test_without_unlabelled_sites_nothing_is_pretrained(values, expected):
    assert check_config(values, "here").pretrains is expected
