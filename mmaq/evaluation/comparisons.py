"""Stage: paired comparisons of all methods with each other, from their test predictions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as arrow

from mmaq.benchmark import SPLITS, TASKS
from mmaq.errors import TableError
from mmaq.evaluation.checks import check_measured
from mmaq.evaluation.paired import ENTRY, FIGURES, OTHER, compare_pairs
from mmaq.evaluation.predictions import PREDICTIONS
from mmaq.files import replacing
from mmaq.sites import read_sites

COLUMNS = ("dataset", "task", "split", "metric", *ENTRY, *OTHER, *FIGURES)

log = logging.getLogger(__name__)


def compare_methods(
    predictions: Sequence[Path], sites: Path, draws: int, dataset: str, out: Path
) -> None:
    """Write the difference in R2 of each pair of methods on each task and split (CSV).

    The columns are COLUMNS; ``compare_pairs`` says what they hold. Methods that were fitted on a
    share of the labels take no part.

    Args:
        predictions: test predictions of all parts of the evaluation.
        sites: contract 2.
        draws: number of resamples.
        dataset: name of the data set in the rows.
        out: the table of comparisons.

    Raises:
        TableError: a file is absent or broken.
        LeakError: a prediction stands beside another measurement than the site table's.
    """
    table = pd.concat([_read(path) for path in predictions], ignore_index=True)
    known = read_sites(sites)
    check_measured(table, known)
    blocks = known.set_index("site_id")["block"]
    groups = dict(list(table[table["label_fraction"] == 1.0].groupby(["task", "split"])))
    rows = [pd.DataFrame(columns=list(COLUMNS))]
    for task, split in sorted(groups, key=lambda key: (TASKS.index(key[0]), SPLITS.index(key[1]))):
        pairs = compare_pairs(groups[task, split], blocks, draws)
        rows.append(pairs.assign(dataset=dataset, task=task, split=split, metric="r2"))
    joined = pd.concat([part for part in rows if len(part)] or rows)[list(COLUMNS)]
    with replacing(out) as temporary:
        joined.to_csv(temporary, index=False, float_format="%.6g")
    log.info("%s: %d pairs of methods", out, len(joined))


def _read(path: Path) -> pd.DataFrame:
    remedy = "Run `mmaq evaluate` again"
    try:
        return pd.read_parquet(path, columns=list(PREDICTIONS))
    except FileNotFoundError:
        raise TableError(path, "the file of predictions does not exist", remedy) from None
    except (arrow.ArrowInvalid, OSError) as fault:
        raise TableError(path, f"not a table of predictions ({fault})", remedy) from None
