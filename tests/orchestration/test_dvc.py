"""DVC and Snakemake on one data set: each says of every change what the other says."""

from __future__ import annotations

import json
import shutil

import pytest

from mmaq.contracts.benchmark import read_benchmark
from tests.orchestration.project import Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
JOINED = {"benchmark_table", "report"}
EVALUATION = JOINED | {"evaluate_references", "evaluate_probes"}


def stages_run(said):
    """Stages that `dvc repro` ran."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


def stale(project):
    """Stages that DVC finds changed by themselves; what follows them comes after."""
    said = project.dvc("status", "--json")
    return set(json.loads(said[said.index("{") :]))


@pytest.fixture(scope="module")
def first(first_version):
    """The project after `dvc repro` from nothing, as it is in its version v1."""
    return first_version.project


@pytest.fixture(scope="module")
def second(first):
    """A probe setting is changed, Snakemake runs what follows, then DVC; its version is v2."""
    first.change("evaluate", folds=3)
    assert first.would_run() == EVALUATION
    assert stale(first) == {"evaluate", "report"}  # whose distances are those of the folds
    first.snakemake("--cores", "1")
    first.said = first.dvc("repro")  # whose stages call Snakemake, which finds nothing to do
    first.git("commit", "--quiet", "--all", "--message", "Three folds")
    first.git("tag", "v2")
    remote = str(first.folder.parent / "remote")
    first.dvc("remote", "add", "--default", "store", remote)
    first.dvc("push")
    first.git("commit", "--quiet", "--all", "--message", "A remote")
    return first


def test_repro_builds_everything_and_git_holds_none_of_it(first, first_version):
    stages = ["archive", "grid", "patches", "pretrain", "evaluate", "report"]
    assert stages_run(first_version.said) == stages
    table = read_benchmark(first.folder / "results/small/benchmark.csv")
    assert (table["status"] == "ok").all()
    assert first.git("status", "--porcelain") == ""
    held = first.git("ls-files")
    assert "dvc.lock" in held
    assert not [name for name in held.split() if name.startswith(("data/", "results/"))]


def test_a_second_repro_does_nothing(first):
    with open(first.folder / "README.md", "a") as readme:
        readme.write("<!-- a comment -->\n")
    said = first.dvc("repro")
    assert stages_run(said) == []
    assert "Data and pipelines are up to date" in said
    first.git("checkout", "--quiet", "README.md")


@pytest.mark.parametrize(
    ("new", "rules"),
    [
        ("SLIVER = 2e-12", {"grid_part", "grid", "patches", "pretrain", *EVALUATION}),
        # DVC compares whole files; the run in which Snakemake finds nothing to do is a short one.
        ("# Relative.\nSLIVER = 1e-12", set()),
    ],
    ids=["gridding code", "comment in code"],
)
def test_both_say_the_same_of_a_change(first, new, rules):
    """Of one in the code; one of a setting is how ``second`` is made."""
    file = first.folder / "mmaq/sentinel5p/overlap.py"
    before = file.read_text()
    try:
        file.write_text(before.replace("SLIVER = 1e-12", new, 1))
        assert stale(first) == {"grid"}
        assert first.would_run() == rules
    finally:
        file.write_text(before)


def test_repro_after_snakemake_runs_the_changed_stages_and_both_are_content(second):
    assert stages_run(second.said) == ["evaluate", "report"]
    assert stale(second) == set()
    assert second.would_run() == set()


def test_dvc_tells_what_the_change_did(second):
    compared = json.loads(second.dvc("metrics", "diff", "--json", "v1", "v2"))
    figures = compared["results/small/metrics.json"]
    assert set(figures["no2.mean.reference.none.random.r2"]) == {"old", "new", "diff"}
    second.dvc("plots", "diff", "v1", "v2")
    page = (second.folder / "dvc_plots/index.html").read_text()
    assert all(f'"rev": "{version}"' in page for version in ("v1", "v2"))
    assert '"field": "loss"' in page


def test_a_clone_has_nothing_to_do_after_pull_and_sync(second):
    clone = Project(second.folder.parent / "clone")
    second.git("clone", "--quiet", str(second.folder), str(clone.folder))
    clone.dvc("pull")
    said = clone.mmaq("sync")
    assert "up to date: archive, grid, patches, pretrain, evaluate, report" in said
    assert clone.would_run() == set()
    assert stale(clone) == set()
    clone.change("grid", qa=0.5)
    said = clone.mmaq("sync", fails=True)
    assert "stage grid is not what dvc.lock says; in order: archive. Run `dvc checkout`" in said
    assert "grid_part" in clone.would_run()


def test_an_older_version_has_nothing_to_do_after_checkout_and_sync(second):
    later = read_benchmark(second.folder / "results/small/benchmark.csv")
    second.git("checkout", "--quiet", "v1")
    second.dvc("checkout")
    second.mmaq("sync")
    assert second.would_run() == set()
    assert "up to date" in second.dvc("status")
    earlier = read_benchmark(second.folder / "results/small/benchmark.csv")
    assert not earlier["value"].equals(later["value"])
