"""The verb that compares predictions with measurements of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

app = typer.Typer()


@app.command()
def validate(
    measurements: Annotated[
        Path, typer.Option(help="CSV with columns site_id and the pollutant, µg/m³.")
    ],
    predictions: Annotated[Path, typer.Option(help="What `mmaq predict` wrote.")],
) -> None:
    """Compare predictions with measurements that took no part in the fit.

    Prints R², RMSE, bias, the share of measurements inside the 90 % intervals, and the modelling
    quality indicator (MQI) of FAIRMODE, whose objective is met up to 1.
    """
    from mmaq.predict.validation import validate as compare

    found = compare(measurements=measurements, predictions=predictions)
    lines = {
        "pollutant": found.pollutant, "sites": f"{found.sites}",
        "without a prediction": f"{found.without}", "R2": _text(found.r2, 3),
        "RMSE": f"{_text(found.rmse, 2)} µg/m³", "bias": f"{_text(found.bias, 2)} µg/m³",
        "coverage of 90 %": _text(found.coverage90, 3), "MQI": _text(found.mqi, 2),
    }  # fmt: skip
    for name, value in lines.items():
        typer.echo(f"{name:22}{value}")


def _text(figure: float, digits: int) -> str:
    return "unknown" if np.isnan(figure) else f"{figure:.{digits}f}"
