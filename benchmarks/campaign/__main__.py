"""Try to make MMAQ fail, in thousands of ways, and tell what came of it.

    python -m benchmarks.campaign WORK [--parts damaged kills disks surroundings untrusted maps]

Results lie in WORK, a line of JSON a case; the same command again does what is missing, and prints
tables in Markdown at its end. The status is 1 where anything came out wrong.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

PARTS = ("damaged", "kills", "disks", "surroundings", "untrusted", "maps")


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    work, failed = given.work.resolve(), []
    work.mkdir(parents=True, exist_ok=True)
    for name in given.parts:
        part = importlib.import_module(f"benchmarks.campaign.{name}")
        part.run(work / name)
        print(f"## {name}\n\n{part.summary(work / name)}")
        failed += part.wrong(work / name)
    for line in failed:
        print(line)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
