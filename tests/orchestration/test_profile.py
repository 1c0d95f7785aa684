"""profiles/slurm: what a site says in one short file, and what becomes of it; profiles/default."""

import sys

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser

from mmaq.orchestrate.workflow import read_workflow


@pytest.fixture
def profile(request, tmp_path, monkeypatch):
    """The profile of a site that differs from the example."""
    source = request.config.rootpath / "profiles/slurm"
    folder = tmp_path / "profiles/slurm"
    folder.mkdir(parents=True)
    (folder / "profile.yaml").write_text((source / "profile.yaml").read_text())
    monkeypatch.chdir(tmp_path)

    def parsed(**changes):
        site = yaml.safe_load((source / "site.example.yaml").read_text())
        (folder / "site.yaml").write_text(yaml.safe_dump(site | changes))
        with open(folder / "profile.yaml") as stream:
            return ProfileConfigFileParser().parse(stream)

    return parsed


def _of(profile, rule):
    """Resources of a rule, by name."""
    entries = [entry.split(":", 1) for entry in profile["set-resources"]]
    return dict(entry.split("=", 1) for name, entry in entries if name == rule)


def test_the_example_asks_for_no_partition_and_no_account(profile):
    found = profile()
    assert found["executor"] == "slurm"
    assert found["slurm-status-command"] == "sacct"
    assert found["default-resources"] == ["runtime=240 * attempt"]
    assert _of(found, "pretrain") == {
        "gpu": "0", "gres": "gpu:1", "devices": "1", "nodes": "1"
    }  # fmt: skip


def test_a_site_names_its_partitions_account_and_kind_of_gpu(profile):
    found = profile(account="me", partition="short", gpu_partition="gpus", gres="gpu:a100")
    assert {"slurm_account=me", "slurm_partition=short"} < set(found["default-resources"])
    probes = _of(found, "evaluate_probes")
    assert probes == {"gpu": "0", "gres": "gpu:a100:1", "slurm_partition": "gpus"}


@pytest.mark.parametrize(
    ("gpus", "nodes", "tasks"),
    [(4, 1, {"tasks_per_node": "4"}), (4, 2, {"tasks_per_node": "4"}), (1, 3, {"tasks": "3"})],
)
def test_pretraining_on_several_gpus_is_a_task_each(profile, gpus, nodes, tasks):
    found = _of(profile(pretrain={"gpus": gpus, "nodes": nodes}), "pretrain")
    shape = {"gres": f"gpu:{gpus}", "devices": str(gpus), "nodes": str(nodes), "mpi": "srun"}
    assert found == {"gpu": "0", **shape, **tasks}


def test_every_rule_that_takes_a_gpu_gets_one(request, profile):
    rules = request.config.rootpath / "rules"
    takes = [
        part.split(":")[0]
        for file in rules.glob("*.smk")
        for part in file.read_text().split("rule ")[1:]
        if "gpu=GPUS" in part
    ]
    assert "pretrain" in takes
    for rule in takes:
        assert _of(profile(), rule)["gres"] == "gpu:1", rule


def test_arrays_are_of_rules_that_there_are_and_that_do_not_share_a_limit(request, profile):
    names = profile()["slurm-array-jobs"].split(",")
    root = request.config.rootpath
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert set(names) <= set(read_workflow(root / "config/config.yaml").rules)
    assert "grid_and_drop_part" not in names


@pytest.mark.parametrize(
    ("words", "quiet"),
    [
        (["-n", "results/benchmark.csv"], ["rules", "host"]),
        (["--dry-run"], ["rules", "host"]),
        (["--cores", "2"], None),
    ],
)
def test_a_dry_run_is_a_page_and_a_run_tells_all(request, monkeypatch, words, quiet):
    monkeypatch.setattr(sys, "argv", ["snakemake", *words])
    with open(request.config.rootpath / "profiles/default/profile.yaml") as stream:
        found = ProfileConfigFileParser().parse(stream)
    assert found.get("quiet") == quiet
    assert found["resources"] == ["gpu=1", "cdse=4"]
