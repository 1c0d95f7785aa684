"""The command line of the released code, as its README writes it: ``python run.py --help``."""

from __future__ import annotations

from pathlib import Path

from mmaq.run import main

if __name__ == "__main__":
    main(Path(__file__).parent / "config" / "paper.yaml")
