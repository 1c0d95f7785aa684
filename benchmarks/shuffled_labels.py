"""Every reference and probe with labels that are shuffled among the stations.

    python -m benchmarks.shuffled_labels                        # the default country; some minutes
    python -m benchmarks.shuffled_labels --config config/published.yaml
    python -m benchmarks.shuffled_labels --rows stack stack_without_mmaq

Runs on the site table, patches and checkpoints of a finished run, in its folder, with the first
seed on every split. The upper 95 % bound of each R2 has to stay below 0.05: what exceeds it knows
something of test stations that it was not given.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmaq.base.errors import LeakError, Unavailable
from mmaq.base.threads import limited_threads
from mmaq.cli.run import begin
from mmaq.config.evaluation import Evaluate
from mmaq.estimators import catalogue
from mmaq.estimators.base import Estimator
from mmaq.estimators.catalogue import probes
from mmaq.estimators.encoders import Pretrained
from mmaq.evaluate.checks import check_null, shuffle_labels
from mmaq.evaluate.task import read_task
from mmaq.stages import Run
from mmaq.vocabulary import MIXES


def all_estimators(run: Run, config: Evaluate) -> list[Estimator]:
    """Every reference, and every probe of the first run, of the configuration."""
    found = [catalogue.reference(name, run.paths.archive) for name in config.references]
    for method in config.mixes:
        encoder = Pretrained(method, *run.encoders(method)[:1])
        found += [catalogue.mixed(name, encoder) for name in MIXES]
    for method in config.probes:
        encoder = Pretrained(method, *run.encoders(method)[:1])
        found += probes(encoder, config.heads, config.label_fractions, False)
    return found


def main() -> None:
    """Print a line for each method and split; status 1 where one exceeds the bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path)
    parser.add_argument("--rows", nargs="+", help="of these methods alone")
    given = parser.parse_args()
    run = begin(given.config)
    settings = run.config.evaluate
    config = settings.model_copy(update={"seeds": settings.seeds[:1]})
    failed = False
    with limited_threads(config.threads):
        task = read_task(run.paths.sites, run.paths.patches, "no2")
        shuffled = shuffle_labels(task, config.seeds[0])
        for estimator in all_estimators(run, config):
            if given.rows and estimator.method not in given.rows:
                continue
            share = estimator.label_fraction
            name = " ".join(
                [estimator.method, estimator.protocol, estimator.modalities, f"{share:g}"]
            )
            for split in config.splits:
                try:
                    upper = check_null(shuffled, estimator, split, config)
                    print(f"{name} {split}: R2 below {upper:.3f}", flush=True)
                except LeakError as leak:
                    failed = True
                    print(f"{name} {split}: {leak}", flush=True)
                except Unavailable as reason:
                    print(f"{name} {split}: skipped: {reason}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
