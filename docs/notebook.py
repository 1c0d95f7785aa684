"""A notebook as a page of the site: its cells are run in order, in this process, without a kernel.

What a cell prints, the value of its last line and its figures stand below it, as in Jupyter.
"""

from __future__ import annotations

import ast
import io
import re
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.artist import Artist
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Page:
    """A page in Markdown, and the figures (PNG) that it shows, by file name."""

    text: str
    figures: dict[str, bytes]


def run(path: Path, folder: Path) -> Page:
    """Run the notebook ``path`` (py:percent), whose relative paths are those of ``folder``.

    Raises what a cell raises.
    """
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    scope: dict[str, Any] = {"__name__": "__main__"}
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        with chdir(folder):
            parts += _execute(cell.source, path, scope)
        for number in pyplot.get_fignums():
            name = f"{path.stem}_{len(figures) + 1}.png"
            figures[name] = _drawn(pyplot.figure(number))
            parts.append(f"![Figure {len(figures)}]({name})")
        pyplot.close("all")
    parts.append(f"[This page as a notebook]({path.stem}.ipynb)")
    return Page("\n\n".join(parts), figures)


def _execute(source: str, path: Path, scope: dict[str, Any]) -> list[str]:
    """What a cell prints, and the value of its last line."""
    tree = ast.parse(source, str(path))
    value = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, str(path), "exec"), scope)
        if value is not None:
            shown = eval(compile(ast.Expression(value.value), str(path), "eval"), scope)
    parts = [f"```text\n{printed.getvalue().rstrip()}\n```"] if printed.getvalue() else []
    if hasattr(shown, "to_html"):  # a data frame
        parts.append(re.sub("<table[^>]*>", "<table>", shown.to_html()))  # in the theme's style
    elif shown is not None and not isinstance(shown, Artist):
        parts.append(f"```text\n{shown!r}\n```")
    return parts


def _drawn(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, dpi=110, bbox_inches="tight")
    return stream.getvalue()
