"""How much of the variance of measured NO2 the table, the column and the surroundings explain.

    python benchmarks/world_variance.py [--seed 1] [--extent 600] [--stations 1000]

5-fold forests on the simulated country; prints Markdown tables for docs/simulated_world.md.
"""

from __future__ import annotations

import argparse
from datetime import timedelta

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from mmaq.config.data import Period, Simulate
from mmaq.contracts.sites import FEATURES
from mmaq.simulate.stations import measure
from mmaq.simulate.truth import local_fields
from mmaq.simulate.world.air import breathe
from mmaq.simulate.world.make import make_world
from mmaq.simulate.world.world import World
from mmaq.vocabulary import AREAS, TYPES

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)


def make_table(seed: int, extent: float, stations: int) -> pd.DataFrame:
    """Sites with their eight features, true fields, true and measured mean."""
    period = Period()
    config = Simulate(seed=seed, extent_km=extent, stations=stations, unlabelled=0)
    world = make_world(config, period)
    sites = world.sites
    days = [period.start + timedelta(n) for n in range((period.end - period.start).days + 1)]
    x, y = sites["x"].to_numpy(), sites["y"].to_numpy()
    air = breathe(world, x, y, sites["canyon"].to_numpy(), days)
    measured = measure(air, np.random.default_rng([world.seed, 11]))
    valid = measured.present & (measured.validity == 1)
    table = pd.concat([sites, local_fields(world, sites, air.column)], axis=1)
    table["population_density"] = _disc(world, x, y)
    table["no2"] = (measured.value * valid).sum(axis=0) / valid.sum(axis=0)
    table["no2_true"] = air.surface.mean(axis=0)
    return table


def _disc(world: World, x: np.ndarray, y: np.ndarray, radius: float = 1000.0) -> np.ndarray:
    """Mean density within ``radius``, as the site table has it."""
    step = np.arange(-radius, radius + 1, 250.0)
    dx, dy = np.meshgrid(step, step)
    inside = np.hypot(dx, dy) <= radius
    shifts = zip(dx[inside], dy[inside], strict=True)
    return np.mean([world.grid.sample(world.population, x + a, y + b) for a, b in shifts], axis=0)


def explained(table: pd.DataFrame, columns: list[str], trees: bool = False) -> float:
    """R2 of pooled 5-fold predictions of a forest, or of boosted trees."""
    model = (
        HistGradientBoostingRegressor(max_iter=120, learning_rate=0.06, max_leaf_nodes=8)
        if trees
        else RandomForestRegressor(300, min_samples_leaf=2, max_features=0.5, random_state=0)
    )
    folds = KFold(5, shuffle=True, random_state=0)
    return r2_score(table["no2"], cross_val_predict(model, table[columns], table["no2"], cv=folds))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--extent", type=float, default=600.0)
    parser.add_argument("--stations", type=int, default=1000)
    asked = parser.parse_args()
    table = make_table(asked.seed, asked.extent, asked.stations)
    eight, column = list(FEATURES), ["input_column"]
    fields = [name for name in table if name.startswith("input_")]
    around = [name for name in fields if name not in column]
    shown = [name for name in fields if "traffic" not in name and "busy" not in name]
    print("| inputs | R² |\n|---|---|")
    for name, columns, trees in (
        ("table, boosted trees (`gbm`)", eight, True), ("table", eight, False),
        ("column", column, False), ("surroundings", around, False),
        ("table + column", eight + column, False), ("table + surroundings", eight + around, False),
        ("table + what images show (no traffic volumes)", eight + shown, False),
        ("all (`oracle_inputs`)", eight + fields, False),
        ("all, boosted trees", eight + fields, True),
    ):  # fmt: skip
        print(f"| {name} | {explained(table, columns, trees):.2f} |")
    print(f"| truth (`oracle`) | {r2_score(table['no2'], table['no2_true']):.2f} |\n")
    print_kinds(table)
    print(f"\nmean {table['no2'].mean():.1f}, sd {table['no2'].std():.1f} µg/m³")
    for name in ("altitude", "population_density", "input_column", "no2"):
        print(name, ", ".join(f"{value:.4g}" for value in table[name].quantile(QUANTILES)))


def print_kinds(table: pd.DataFrame) -> None:
    """Count, mean and spread of each kind of station."""
    print("| area | type | stations | NO2, µg/m³ |\n|---|---|---|---|")
    area = table[list(AREAS)].idxmax(axis=1)
    kind = table[list(TYPES)].idxmax(axis=1)
    for (a, t), part in table.groupby([area, kind])["no2"]:
        print(f"| {a} | {t} | {len(part)} | {part.mean():.1f} ± {part.std():.1f} |")


if __name__ == "__main__":
    main()
