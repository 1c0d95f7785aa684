"""``python -m mmaq``: the same as ``mmaq``."""

from __future__ import annotations

from mmaq.cli import main

if __name__ == "__main__":
    main()
