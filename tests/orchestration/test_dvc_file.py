"""dvc.yaml says what the workflow says: one is derived from the other."""

import copy

import pytest
import yaml

from mmaq.base.errors import ConfigError
from mmaq.config.load import load_config
from mmaq.config.schema import Config
from mmaq.orchestrate import sync as synchronised
from mmaq.orchestrate.dvc_file import dvc_yaml
from mmaq.orchestrate.stages import ALWAYS, COMMON, STAGES, keys_of
from mmaq.orchestrate.sync import sync
from mmaq.orchestrate.workflow import read_workflow

CHANGES = {
    "period": {"end": "2021-11-30"},
    "simulate": {"seed": 2},
    "acquire": {"unlabelled": 3},
    "files": {"ancillary": "elsewhere"},
    "published": {"osm": "elsewhere.csv"},
    "grid": {"qa": 0.5},
    "landuse": {"min_coverage": 0.5},
    "patches": {"min_clear": 0.4},
    "pretrain": {"seed": 11},
    "evaluate": {"folds": 4},
    "transfer": {"epochs": 7},
    "predict": {"split": "random"},
    "map": {"siting": "traffic"},
}
"""A change of each section that leaves the jobs as they are, but for their parameters."""


@pytest.fixture
def here(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)
    return request.config.rootpath


def _configuration(folder, changes):
    values = Config().model_dump(mode="json")
    for section, change in changes.items():
        values[section] |= change
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_the_file_is_written_from_the_workflow(here):
    written = dvc_yaml(here.joinpath("config/config.yaml").relative_to(here))
    assert (here / "dvc.yaml").read_text() == written, "run `mmaq dvc write`"


def test_every_file_of_rules_belongs_to_one_stage(here):
    files = sorted(str(path.relative_to(here)) for path in here.glob("rules/*.smk"))
    of_stages = [file for stage in STAGES for file in stage.files]
    assert sorted([COMMON, *of_stages]) == files
    rules = set(read_workflow(here / "config/config.yaml").rules.items())
    assert {name for name, file in rules if file == "Snakefile"} == {"all"}


def test_a_rule_of_no_stage_is_refused(here, monkeypatch):
    monkeypatch.setattr("mmaq.orchestrate.dvc_file.STAGES", STAGES[:-1])
    with pytest.raises(
        ConfigError, match=r"rules/report\.smk: its rule report belongs to no stage"
    ):
        dvc_yaml(here / "config/config.yaml")


def test_each_stage_depends_on_the_sections_that_change_its_jobs(here, tmp_path):
    assert set(CHANGES) == set(Config.model_fields) - set(ALWAYS)
    before = read_workflow(_configuration(tmp_path, {})).jobs
    for section, change in CHANGES.items():
        after = read_workflow(_configuration(tmp_path, {section: change})).jobs
        assert [job.outputs for job in before] == [job.outputs for job in after]
        changed = {
            job.file for job, old in zip(after, before, strict=True) if job.params != old.params
        }
        touched = {section, *(f"{section}.{key}" for key in change)}
        for stage in STAGES:
            reads = bool(touched & set(keys_of(stage, Config())))
            assert reads == bool(changed & set(stage.files)), (section, stage.name)


def test_a_published_table_depends_on_its_section():
    config = Config(source="published", published={"samples": "a.csv", "eea_metadata": "b.zip"})
    (patches,) = (stage for stage in STAGES if stage.name == "patches")
    assert "published" in keys_of(patches, config)
    assert "published" not in keys_of(patches, Config())


def test_the_archive_depends_on_how_many_scenes_there_are(here, tmp_path):
    before = read_workflow(_configuration(tmp_path, {})).jobs
    for name in ("scenes", "plants"):
        after = read_workflow(_configuration(tmp_path, {"transfer": {name: 50}})).jobs
        changed = {
            job.file for job, old in zip(after, before, strict=True) if job.params != old.params
        }
        assert changed == {"rules/archive.smk"}
        assert f"transfer.{name}" in keys_of(STAGES[0], Config())


def test_scenes_of_ones_own_are_read_where_they_lie(here, tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "labels.csv").touch()
    given = _configuration(tmp_path, {"transfer": {"images": str(scenes)}})
    stages = yaml.safe_load(dvc_yaml(given))["stages"]
    assert str(scenes) in stages["patches"]["deps"]
    assert "simulate_plants" not in stages["archive"]["cmd"]


def test_folders_and_tables_of_ones_own_are_what_the_archive_rests_on(here, tmp_path):
    own = {"sentinel2": "own/s2", "ancillary": "own/maps", "stations": "own/eea",
           "unlabelled": "own/sites.csv"}  # fmt: skip
    path = _configuration(tmp_path, {"files": own})
    values = {**yaml.safe_load(path.read_text()), "source": "files", "name": "mine"}
    path.write_text(yaml.safe_dump(values))
    stages = yaml.safe_load(dvc_yaml(path))["stages"]
    assert set(own.values()) <= set(stages["archive"]["deps"])
    assert not [each for each in stages["patches"]["deps"] if each.startswith("own/")]


def test_what_a_stage_makes_another_reads(here):
    stages = yaml.safe_load((here / "dvc.yaml").read_text())["stages"]
    assert list(stages) == [stage.name for stage in STAGES]
    made: list[str] = []
    for name, stage in stages.items():
        for path in stage["deps"]:
            assert (here / path).exists() or path.startswith(tuple(made)), (name, path)
        made += stage["outs"]
    assert {"data/default/archive", "data/default/grid/l3_mean.nc"} <= set(made)
    assert {"data/default/patches/s2.npy", "checkpoints/mmaq_run0.ckpt"} <= set(made)
    assert {"results/benchmark.csv", "results/metrics.json", "results/report.html"} <= set(made)
    assert {"results/comparisons.csv", "results/figures"} <= set(made)
    assert {"results/map/city.tif", "results/map/city.html"} <= set(made)
    assert not [path for path in made if "predictions" in path]  # for the asking
    # Each kind of input is made where it belongs: scenes are raw data, their store is prepared.
    assert "data/default/plant_scenes" in stages["archive"]["outs"]
    assert "data/default/plant_scenes" in stages["patches"]["deps"]
    assert "data/default/plants/images.npy" in stages["patches"]["outs"]
    assert "data/default/plants/images.npy" in stages["evaluate"]["deps"]


def test_a_data_set_of_ones_own_has_its_own_paths_and_configuration(here, tmp_path, monkeypatch):
    values = {**Config().model_dump(mode="json"), "name": "mine"}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    stages = yaml.safe_load(dvc_yaml(path))["stages"]
    assert stages["report"]["outs"] == [
        "results/mine/figures",
        "results/mine/report.html",
    ]
    for stage in stages.values():
        assert f"--configfile {path} --allowed-rules" in stage["cmd"]
        assert stage["cmd"].startswith("mmaq run --profile "), "a killed run's lock stays"
        assert list(stage["params"][0]) == [str(path)]


def test_a_download_goes_on_from_what_is_there(here, tmp_path):
    values = Config().model_dump(mode="json")
    acquired = {**values, "source": "acquire", "name": "mine"}
    acquired["grid"]["bbox"] = acquired["acquire"]["bbox"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(acquired))
    stages = yaml.safe_load(dvc_yaml(path))["stages"]
    assert stages["archive"]["outs"] == [
        {"data/mine/archive": {"persist": True}},
        {"data/mine/manifest": {"persist": True}},
    ]
    dropped = copy.deepcopy(acquired)
    dropped["acquire"]["sentinel5p"]["keep"] = False
    path.write_text(yaml.safe_dump(dropped))
    stages = yaml.safe_load(dvc_yaml(path))["stages"]
    assert "acquire" in stages["grid"]["params"][0][str(path)]
    assert "data/mine/manifest/sentinel-5p-l2-no2.json" in stages["grid"]["deps"]
    assert all(list(out.values()) == [{"persist": True}] for out in stages["grid"]["outs"])


def test_a_configuration_that_leaves_keys_out_is_refused(here, tmp_path):
    path = tmp_path / "partial.yaml"
    path.write_text("grid: {qa: 0.5}\n")
    assert load_config(path).grid.qa == 0.5
    with pytest.raises(ConfigError, match="leaves out name, and DVC would not see"):
        dvc_yaml(path)
    values = Config().model_dump(mode="json")
    del values["grid"]["resolution"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=r"leaves out grid\.resolution"):
        dvc_yaml(path)


def test_sync_needs_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"dvc\.yaml: the file does not exist"):
        sync()
    with pytest.raises(ConfigError, match="Snakefile: the file does not exist"):
        read_workflow(tmp_path / "config.yaml")


def test_sync_touches_all_stages_before_the_first_stale_one_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start, begun = r"mmaq run --profile \${P:-local}", {"a": "one -- 1", "b": "two three -- 2 3"}
    stages = {name: {"cmd": f"{start} --allowed-rules {end}"} for name, end in begun.items()}
    stages |= {"own": {"cmd": "python mine.py"}, "late": {"cmd": f"{start} --allowed-rules x -- y"}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    given = []
    monkeypatch.setattr(synchronised, "_stale", lambda: {"late"})
    monkeypatch.setattr(synchronised, "_run", lambda command, environment: given.append(command))
    with pytest.raises(ConfigError, match=r"stage late is not .* in order: a, b, own"):
        sync()
    whole = (
        "snakemake --touch --forceall --cores 1 --profile ${P:-local} "
        "--allowed-rules one two three -- 1 2 3"
    )
    assert given == [["sh", "-c", whole]]
