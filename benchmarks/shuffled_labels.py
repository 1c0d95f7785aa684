"""Every reference and probe with labels that are shuffled among the stations.

    python -m benchmarks.shuffled_labels                        # the default country; some minutes
    python -m benchmarks.shuffled_labels --config config/published.yaml

Runs on the site table, patches and checkpoints of a finished run, in its folder, with the first
seed on every split. The upper 95 % bound of each R2 has to stay below 0.05: what exceeds it knows
something of test stations that it was not given.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmaq.base.errors import LeakError, Unavailable
from mmaq.cli.run import Run, begin
from mmaq.config.evaluation import Evaluate
from mmaq.estimators.embedding_trees import embedding_entry
from mmaq.estimators.entry import Entry
from mmaq.estimators.probes import probe_entries
from mmaq.estimators.references import reference_entries
from mmaq.evaluate.checks import check_null, shuffle_labels
from mmaq.evaluate.task import Task, read_task
from mmaq.learn.devices import limited_threads


def entries(run: Run, config: Evaluate, task: Task) -> list[Entry]:
    """Every reference and probe of the configuration."""
    known = reference_entries(task, run.paths.archive)
    found = [known[name] for name in config.references]
    for encoder in config.embedding_trees:
        found.append(embedding_entry(task, run.encoders(encoder), encoder, config.seeds))
    for method in config.probes:
        found += probe_entries(task, run.encoders(method), method, config)
    return found


def main() -> None:
    """Print a line for each method and split; status 1 where one exceeds the bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path)
    run = begin(parser.parse_args().config)
    settings = run.config.evaluate
    config = settings.model_copy(update={"seeds": settings.seeds[:1]})
    failed = False
    with limited_threads(config.threads):
        task = read_task(run.paths.sites, run.paths.patches, run.config.name, "no2")
        shuffled = shuffle_labels(task, config.seeds[0])
        for entry in entries(run, config, shuffled):
            name = f"{entry.method} {entry.protocol} {entry.modalities} {entry.label_fraction:g}"
            for split in config.splits:
                try:
                    upper = check_null(shuffled, entry, split, config)
                    print(f"{name} {split}: R2 below {upper:.3f}", flush=True)
                except LeakError as leak:
                    failed = True
                    print(f"{name} {split}: {leak}", flush=True)
                except Unavailable as reason:
                    print(f"{name} {split}: skipped: {reason}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
