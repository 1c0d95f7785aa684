"""What Snakemake would run again after an edit or another setting, in its own words.

The outputs of the tiny land are made up and recorded (``--touch``), and the package is a copy: an
edit of it is seen by no other test.
"""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import ROOT, TINY, Workflow

pytestmark = pytest.mark.slow

SEVERAL = {
    "probes": ["mmaq", "decur", "mmcl"],
    "finetune": {"methods": ["mmaq", "decur"], "all_inputs": []},
}
"""Methods whose jobs are not to be stale together."""

MAPPED = {"fit", "map_area", "exposure", "map_page"}
"""What follows where the estimator of the map is fitted anew."""


class Recorded(Workflow):
    """A finished workflow without content, of a copy of this project."""

    def __init__(self, folder):
        project = folder / "project"
        for name in ("mmaq", "rules", "workflow", "config"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, project / name, ignore=ignored)
        for name in ("Snakefile", "environment.yaml"):
            shutil.copy(ROOT / name, project)
        super().__init__(folder / "run", project)
        self.folder.mkdir()
        config = yaml.safe_load(TINY.read_text())
        config["evaluate"] |= SEVERAL
        self.config = folder / "several.yaml"
        self.config.write_text(yaml.safe_dump(config))
        self.all_jobs = self._say("all", "--dry-run", "--quiet", "host")
        for line in self.all_jobs.splitlines():
            key, _, paths = line.strip().partition(": ")
            for path in paths.split(", ") if key == "output" else ():
                made = self.folder / path
                made.parent.mkdir(parents=True, exist_ok=True)
                made.touch() if made.suffix else made.mkdir()
        self._say("all", "--touch", "--forceall")

    def would_run(self, *settings):
        """Jobs of a dry run: their rules, with the methods where they have one."""
        given = ("--config", *settings) if settings else ()
        jobs, rule = set(), ""
        for line in self._say("all", "--dry-run", "--quiet", "host", *given).splitlines():
            if line.startswith("rule "):
                rule = line.split()[1].rstrip(":")
                jobs.add((rule, ""))
            elif line.strip().startswith("wildcards: "):
                wildcards = dict(pair.split("=") for pair in line.strip()[11:].split(", "))
                jobs.discard((rule, ""))
                jobs.add((rule, wildcards.get("method", "")))
        return jobs - {("all", "")}

    @contextmanager
    def edited(self, *edits):
        """The project with files changed: (path, old, new), or (path, "", text) of a new file."""
        before: dict[Path, str | None] = {}
        for name, old, new in edits:
            path = self.project / name
            text = path.read_text() if path.exists() else ""
            before.setdefault(path, text or None)
            assert old in text
            path.write_text(text.replace(old, new, 1) if old else new)
        try:
            yield
        finally:
            for path, text in before.items():
                path.unlink() if text is None else path.write_text(text)

    def _say(self, *arguments):
        done = self.run(*arguments, config=self.config)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return Recorded(tmp_path_factory.mktemp("recorded"))


def _rules(jobs):
    return {rule for rule, _ in jobs}


NEWER = (
    (
        "mmaq/learn/methods/newer.py",
        "",
        "from mmaq.learn.methods.simclr import SimCLR\n\n\nclass Newer(SimCLR):\n    pass\n",
    ),
    (
        "mmaq/learn/stage.py",
        "\nMETHODS",
        "from mmaq.learn.methods.newer import Newer\n\nMETHODS",
    ),
    ("mmaq/learn/stage.py", '    "mmcl": MMCL,\n', '    "mmcl": MMCL,\n    "newer": Newer,\n'),
    ("mmaq/vocabulary.py", '"dino", "mmcl",\n]', '"dino", "mmcl", "newer",\n]'),
    ("mmaq/vocabulary.py", '    "mmcl": (', '    "newer": ("s2",),\n    "mmcl": ('),
    ("mmaq/config/learning.py", '    "mmcl": ("mmcl",),', '    "mmcl": ("mmcl",), "newer": (),'),
)
"""A method that is added to the project."""


def test_docstrings_comments_and_an_added_method_make_nothing_stale_and_a_template_the_report(
    recorded,
):
    edits = (
        (
            "mmaq/base/errors.py",
            '"""A key of the configuration',
            '"""Some key of the configuration',
        ),
        ("mmaq/learn/losses/mmaq.py", "def mmaq_terms(", "# The terms.\ndef mmaq_terms("),
        ("mmaq/learn/lars.py", '"""', '"""Of old: '),
        ("mmaq/report/templates/report.css.j2", "", "body { color: red }\n"),
    )
    with recorded.edited(*edits, *NEWER):
        assert recorded.would_run() == {("report", "")}
        assert ("pretrain", "newer") in recorded.would_run("evaluate={probes: [newer]}")


def test_an_edited_loss_makes_its_own_methods_stale(recorded):
    """Those of the two edited losses; MMAQ's file has grown by what no loss reaches."""
    edits = (
        ("mmaq/learn/losses/decur.py", "/ 3", "/ 4"),
        ("mmaq/learn/losses/mmaq.py", "def weigh_terms(", "EXTRA = 1\n\n\ndef weigh_terms("),
        ("mmaq/learn/losses/contrastive.py", "1 - image_share", "0.9 - image_share"),
    )
    with recorded.edited(*edits):
        jobs = recorded.would_run()
    assert {method for rule, method in jobs if rule == "pretrain"} == {"decur", "mmcl"}
    assert {method for _, method in jobs if method} == {"decur", "mmcl"}


def test_an_edited_optimiser_reruns_pretraining_and_what_follows(recorded):
    with recorded.edited(("mmaq/learn/lars.py", "EPSILON = 1e-", "EPSILON = 2e-")):
        assert _rules(recorded.would_run()) == MAPPED | {
            "pretrain", "evaluate_probes", "evaluate_mixes", "evaluate_finetune",
            "evaluate_transfer", "benchmark_table", "report",
        }  # fmt: skip


def test_a_changed_bootstrap_and_what_decides_no_result_train_nothing(recorded):
    """But for the method that is to be fine-tuned besides, which leaves the others."""
    settings = (
        "pretrain={loggers: {tensorboard: true}, checkpoint_steps: 7, collapse: {rank: 1.1}, "
        "memory_share: 0.4, threads: 2, moco: {queue: 64}, rates: {dino: 1.5}}",
        "evaluate={threads: 2, bootstrap: 60, finetune: {methods: [mmaq, decur, mmcl]}}",
        "transfer={threads: 2}",
    )
    jobs = recorded.would_run(*settings)
    joined = {("benchmark_table", ""), ("report", ""), ("map_page", "")}
    assert jobs == joined | {("evaluate_finetune", "mmcl")}


def test_a_method_s_own_settings_train_it_alone(recorded):
    jobs = recorded.would_run("pretrain={common_share: 0.5}")
    assert {method for rule, method in jobs if rule == "pretrain"} == {"mmaq", "decur"}


def test_the_list_of_jobs_can_be_read(recorded):
    assert "rule pretrain" in recorded.all_jobs
    assert "mmaq/learn" not in recorded.all_jobs
