"""Whether verdicts stay where only rounding differs: eight pairs, named before, of finished runs.

    python -m benchmarks.same_verdicts FOLDER [FOLDER ...]

Each folder is a working folder in which `snakemake results/benchmark.csv` has run, the first as it
is and the others for example with ATEN_CPU_CAPABILITY=avx2 or with two threads
(`--config 'pretrain={threads: 2}' 'evaluate={threads: 2}'`). Prints difference and verdict of each
pair and split in each run; the status is the number of pairs that went from better to worse or
back.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

LINEAR, TUNED = ("linear", "s2+s5p"), ("finetune", "s2+s5p")
PAIRS = [
    (("mmaq", *protocol), other)
    for protocol, others in (
        (LINEAR, [("decur", *LINEAR), ("barlow_twins", "linear", "s2"), ("random_init", *LINEAR)]),
        (TUNED, [("decur", *TUNED), ("barlow_twins", "finetune", "s2"),
                 ("mmaq", "scratch", "s2+s5p")]),
    )
    for other in [*others, ("gbm_pixels", "reference", "s2+s5p+table")]
]  # fmt: skip
"""MMAQ against DeCUR, Barlow Twins, untrained encoders and trees on pixels, linear and fine-tuned;
what fine-tuning makes of untrained encoders is training from scratch."""
SIDES = (["method", "protocol", "modalities"],
         ["other_method", "other_protocol", "other_modalities"])  # fmt: skip
OPPOSITE = {"better": "worse", "worse": "better", "open": "open"}


def verdicts(folder: Path) -> pd.DataFrame:
    """Difference and verdict of each pair and split, MMAQ's R2 less the other's."""
    table = pd.read_csv(folder / "results" / "comparisons.csv", keep_default_na=False)
    rows = {}
    for first, other in PAIRS:
        for sign, sides in ((1, SIDES), (-1, SIDES[::-1])):
            both = (table[sides[0]] == list(first)).all(axis=1) & (
                table[sides[1]] == list(other)
            ).all(axis=1)
            for found in table[both].itertuples():
                verdict = found.verdict if sign == 1 else OPPOSITE[found.verdict]
                key = (" ".join(first[:2]), " ".join(other[:2]), found.split)
                rows[key] = {"difference": sign * float(found.difference), "verdict": verdict}
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> int:
    """Print the pairs; count those that turned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    given = parser.parse_args()
    found = [verdicts(folder) for folder in given.folders]
    turned = 0
    for key in found[0].index:
        said = [f"{each.loc[key, 'difference']:+.3f} {each.loc[key, 'verdict']}" for each in found]
        kinds = {each.loc[key, "verdict"] for each in found}
        turned += {"better", "worse"} <= kinds
        print(" | ".join([*key, *said]))
    print(f"{turned} of {len(found[0])} went from better to worse")
    return turned


if __name__ == "__main__":
    sys.exit(main())
