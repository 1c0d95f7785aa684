"""Colours of the report, by role, for a light and a dark page.

Series colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), which readers with any
colour-vision deficiency can distinguish; every series differs in shape or label as well. Figures
are drawn in the light colours; inside the page each becomes the CSS variable of its role.
"""

from __future__ import annotations

LIGHT = {
    "ink": "#1b2430", "muted": "#5a6572", "line": "#c9ced6", "grid": "#e9ecf0",
    "paper": "#fffffe", "panel": "#f4f6f8", "accent": "#0b5f8a",
    "plate": "#f6f7f8",
    "pretrained": "#0072b2", "unpretrained": "#b0578d", "reference": "#c65102",
    "ceiling": "#6c7683",
    "series1": "#0173b3", "series2": "#d45e01", "series3": "#00805d", "series4": "#b1588e",
    "series5": "#7a6a00", "series6": "#3d5566",
}  # fmt: skip

DARK = {
    "ink": "#e7eaee", "muted": "#a6b0bb", "line": "#46505c", "grid": "#2b333d",
    "paper": "#151a20", "panel": "#1d242c", "accent": "#6cc0ee",
    "plate": "#dde2e7",
    "pretrained": "#56b4e9", "unpretrained": "#e39cc6", "reference": "#f3954e",
    "ceiling": "#939da9",
    "series1": "#57b5ea", "series2": "#f4964f", "series3": "#33c39b", "series4": "#e49dc7",
    "series5": "#e0cd3f", "series6": "#b4c3cf",
}  # fmt: skip

DIVERGING = ("#0b4f8c", "#4d8fc4", "#9dbfda", "#b9bcc0", "#e3b48a", "#d27a2e", "#8f4205")
"""Error classes from too low (blue) over right (grey) to too high (orange)."""

SEQUENTIAL = ("#fde333", "#a6da35", "#2fb47c", "#1f8a8d", "#31688e", "#443a83", "#5b0d6b")
"""Concentration classes, light to dark; lightness alone orders them. Maps lie on a light plate."""


def css_variables(colours: dict[str, str]) -> str:
    """``colours`` as CSS declarations."""
    return " ".join(f"--{role}: {value};" for role, value in colours.items())
