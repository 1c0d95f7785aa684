"""Pretrainings and their tests on several simulated countries, in parallel and resumable.

What the benchmark table does once for one country, a grid or a ranking does for many settings,
runs and countries. Every result is a file of its own: a second start makes what is missing.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmaq.base.layout import Layout, run_name
from mmaq.config.evaluation import Evaluate
from mmaq.config.learning import Pretrain

SEEDS = (2, 3, 4)
"""Countries that choices may rest on; the table shows seed 1."""


SCRATCH, AQNET = "scratch", "aqnet"
UNTRAINED = ("random_init", SCRATCH, AQNET)


@dataclass(frozen=True)
class Trial:
    """Some runs of one method with one setting on one country.

    Attributes:
        seed: of the simulated country.
        cell: name of the setting.
        method: a pretraining method, or one of ``UNTRAINED``.
        changes: keys of the section ``pretrain`` that differ from the defaults, as plain values.
        runs: how many pretrainings.
    """

    seed: int
    cell: str
    method: str
    changes: Mapping[str, Any]
    runs: int

    @property
    def country(self) -> Layout:
        """Paths of the country's data."""
        return Layout(f"country-{self.seed}")

    @property
    def pretrained(self) -> str:
        """The method whose encoders are tested; what nobody pretrained has those of MMAQ."""
        return "mmaq" if self.method in UNTRAINED else self.method

    def config(self, run: int) -> Pretrain:
        """One run's settings."""
        whole = Pretrain.model_validate({**Pretrain().model_dump(), **self.changes})
        return whole.of(self.pretrained, run)

    def folder(self, work: Path) -> Path:
        """Where its files lie."""
        return work / f"country-{self.seed}" / self.cell

    def encoders(self, work: Path) -> list[Path]:
        """The encoders of each run (contract 4)."""
        folder = self.folder(work)
        return [
            folder / f"{run_name(self.pretrained, run)}.safetensors" for run in range(self.runs)
        ]

    def tested(self, work: Path, protocol: str) -> Path:
        """Test predictions of one protocol."""
        return self.folder(work) / f"{protocol}_{self.method}_{self.runs}.parquet"


def make_countries(seeds: Iterable[int]) -> None:
    """Make the site tables and patches of simulated countries, by the workflow."""
    for seed in seeds:
        name = f"country-{seed}"
        target = Layout(name).patches / "index.parquet"
        if not target.exists():
            command = [
                sys.executable, "-m", "snakemake", "--nolock", "--cores", "all", "--quiet", "all",
                "--config", f"name={name}", f"simulate={{seed: {seed}}}", "--", str(target),
            ]  # fmt: skip
            subprocess.run(command, check=True)


def pretrain_run(trial: Trial, run: int, work: Path) -> None:
    """Pretrain one run; it goes on where it was stopped."""
    from mmaq.learn.stage import pretrain

    country = trial.country
    pretrain(
        store=country.patches, sites=country.sites, config=trial.config(run),
        out=trial.folder(work), run=run,
    )  # fmt: skip


def probe(trial: Trial, work: Path, config: Evaluate) -> None:
    """Test the configured heads on the encoders of all runs."""
    from mmaq.evaluate.stage import evaluate_probes

    out = trial.tested(work, "probes")
    evaluate_probes(
        sites=trial.country.sites, store=trial.country.patches, config=config,
        checkpoints=trial.encoders(work), method=trial.method, calibrated=False, out=out,
        fits=out.with_suffix(".csv"),
    )  # fmt: skip


def tune(trial: Trial, split: str, work: Path, config: Evaluate, inputs: str = "") -> None:
    """Test fine-tuning, or training from scratch, of all runs on one split.

    ``inputs`` is "" for the images, or "_all" for all that is known of a station.
    """
    from mmaq.evaluate.stage import evaluate_finetune, evaluate_supervised

    out = trial.tested(work, f"tuned{inputs}_{split}")
    common = {
        "sites": trial.country.sites, "store": trial.country.patches,
        "config": config.model_copy(update={"splits": (split,)}),
        "out": out, "fits": out.with_suffix(".csv"),
    }  # fmt: skip
    networks = {"encoders": trial.config(0).encoders, "runs": trial.runs}
    if trial.method == SCRATCH:
        evaluate_supervised(**common, **networks, protocol=f"scratch{inputs}", method="mmaq")
    elif trial.method == AQNET:
        evaluate_supervised(**common, **networks, protocol="supervised", method="aqnet")
    else:
        checkpoints = trial.encoders(work)
        evaluate_finetune(
            **common, checkpoints=checkpoints, protocol=f"finetune{inputs}", method=trial.method,
            calibrated=False,
        )  # fmt: skip


Job = tuple[Path, Callable[..., None], tuple[Any, ...]]
"""The file that it makes, the function and its arguments."""


def pretrainings(trials: Sequence[Trial], work: Path) -> list[Job]:
    """A job for each pretraining that some trial needs."""
    jobs = {
        path: (path, pretrain_run, (trial, run, work))
        for trial in trials
        for run, path in enumerate(trial.encoders(work))
        if trial.method not in (SCRATCH, AQNET)
    }
    return list(jobs.values())


def run_jobs(jobs: Sequence[Job], workers: int, what: str) -> None:
    """Do the jobs whose file is missing, so many at once, each on one core."""
    left = [job for job in jobs if not job[0].exists()]
    if not left:
        return
    start = multiprocessing.get_context("spawn")
    # A process that trains many networks one after the other keeps more and more memory. (Python
    # 3.11's ProcessPoolExecutor stops for ever with max_tasks_per_child.)
    with start.Pool(workers, _start, maxtasksperchild=3) as pool:
        for _ in tqdm(pool.imap_unordered(_do, left), what, len(left), unit="job"):
            pass


def _do(job: Job) -> None:
    _, function, given = job
    function(*given)


def _start() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
