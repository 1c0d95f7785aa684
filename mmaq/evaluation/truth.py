"""The truth of a simulated archive, which only the two ceilings of the table may read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow

from mmaq.archive import TRUTH, has_collection, read_product
from mmaq.errors import ArchiveError
from mmaq.evaluation.unavailable import Unavailable

INPUT = "input_"
REMEDY = "Run `mmaq simulate` again"


def read_truth(archive: Path | None, site_id: np.ndarray) -> pd.DataFrame:
    """``no2_true`` (ug/m3) and the ``input_*`` columns of the given stations, in their order.

    Raises:
        Unavailable: the archive holds no truth, as that of any real data set.
        ArchiveError: the table cannot be read, lacks a column or does not know a station.
    """
    if archive is None or not has_collection(archive, TRUTH):
        raise Unavailable("the truth of these data is not known")
    asset = read_product(archive, TRUTH, "truth").asset("stations")
    asset.verify()
    try:
        table = pd.read_parquet(asset.path)
    except (arrow.ArrowInvalid, OSError) as fault:
        raise ArchiveError(asset.path, f"not a Parquet file ({fault})", REMEDY) from None
    inputs = [name for name in table if name.startswith(INPUT)]
    for name in ("site_id", "no2_true"):
        if name not in table:
            raise ArchiveError(asset.path, f"column {name!r} is missing", REMEDY)
    if not inputs:
        raise ArchiveError(asset.path, f"no column begins with {INPUT!r}", REMEDY)
    table = table.set_index("site_id")
    missing = [site for site in site_id if site not in table.index]
    if missing:
        raise ArchiveError(asset.path, f"station {missing[0]!r} is not in it", REMEDY)
    return table.loc[site_id, ["no2_true", *inputs]].reset_index(drop=True)
