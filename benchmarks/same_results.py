"""Whether two finished runs hold the same results, to the byte.

    python benchmarks/same_results.py OTHER [--here FOLDER] [--name NAME]

OTHER and FOLDER (default: here) are working folders in which the workflow has run, as a clone of an
older version beside this one. Compared are the raw archive, the grid, the site table, the patch
store, the test predictions and the benchmark table. Left out is what no two runs share: seconds,
the digest of the code in a grid part, and absolute paths. Prints a line a difference; its status
is the number of differing files, at most 100.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

DIGEST = re.compile(rb"[0-9a-f]{64}")
"""The digest of the code in the description of a grid part, as it was kept up to 13d81cd."""


def files(folder: Path, name: str) -> Iterator[Path]:
    """Results below a working folder, relative to it."""
    data, table = Path("data") / name, Path("results")
    table = table if name == "default" else table / name
    for part in ("archive", "grid", "patches", "evaluation", "sites.parquet"):
        path = folder / data / part
        for found in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if found.is_file():
                yield found.relative_to(folder)
    for found in (table / "benchmark.csv", table / "comparisons.csv"):
        if (folder / found).exists():
            yield found


def difference(one: Path, other: Path) -> str | None:
    """What differs between two versions of a file, or None."""
    if not other.exists():
        return "is missing"
    if one.read_bytes() == other.read_bytes():
        return None
    if one.suffix == ".csv":
        return _of_tables(*(pd.read_csv(path, dtype=str) for path in (one, other)))
    if one.suffix == ".parquet":
        return _of_tables(*(pd.read_parquet(path) for path in (one, other)))
    if one.suffix == ".nc":
        return _of_grids(*(xr.load_dataset(path, decode_cf=False) for path in (one, other)))
    return "differs"


def _of_tables(one: pd.DataFrame, other: pd.DataFrame) -> str | None:
    one, other = (table.drop(columns="seconds", errors="ignore") for table in (one, other))
    if list(one) != list(other) or len(one) != len(other):
        return f"has shape {other.shape}, not {one.shape}, or other columns"
    for column in one:
        different = ~((one[column] == other[column]) | (one[column].isna() & other[column].isna()))
        if different.any():
            row = int(different.idxmax())
            told = f"{one[column][row]} here, {other[column][row]} there"
            return f"{column} differs in {different.sum()} of {len(one)} rows; row {row}: {told}"
    return None


def _of_grids(one: xr.Dataset, other: xr.Dataset) -> str | None:
    if set(one.variables) != set(other.variables) or one.attrs != other.attrs:
        return "has other variables or attributes"
    for name in one.variables:
        values = [data[name].to_numpy() for data in (one, other)]
        if name == "about":
            values = [np.array(DIGEST.sub(b"", text.tobytes())) for text in values]
        if not np.array_equal(*values, equal_nan=values[0].dtype.kind == "f"):
            return f"variable {name} differs"
    return None


def main() -> int:
    """Compare, and give the number of differing files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--here", type=Path, default=Path())
    parser.add_argument("--name", default="default")
    given = parser.parse_args()
    known = dict.fromkeys([*files(given.here, given.name), *files(given.other, given.name)])
    told = 0
    for path in known:
        reason = "is missing here"
        if (given.here / path).exists():
            reason = difference(given.here / path, given.other / path)
        if reason:
            told += 1
            print(f"{path}: {reason}")
    print(f"{len(known)} files, {told} of them differ")
    return min(told, 100)


if __name__ == "__main__":
    sys.exit(main())
