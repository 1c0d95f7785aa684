"""How far test stations are from training, as the page shows it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance

from mmaq.base.geo import nearest_km
from mmaq.config.evaluation import Evaluate
from mmaq.report.distances import CELLS, training_distances
from mmaq.report.gallery import Gallery
from mmaq.report.sections import distances
from mmaq.report.svg import drawing


@pytest.fixture(scope="module")
def clustered():
    """A table of 120 stations in twelve towns, of which two stand at one place."""
    rng = np.random.default_rng(1)
    towns = rng.uniform([5, 50], [9, 54], (12, 2))
    places = towns[np.arange(120) % 12] + rng.normal(0, 0.05, (120, 2))
    places[1] = places[0]
    return pd.DataFrame(places, columns=["lon", "lat"]).assign(country="DE", no2=10.0)


@pytest.fixture(scope="module")
def found(clustered):
    return training_distances(clustered, Evaluate(buffer_km=30.0))


def test_every_station_has_a_distance_on_every_split(clustered, found):
    counts = found["split"].value_counts()
    assert set(counts[["random", "blocks", "knndm"]]) == {120}
    assert set(counts.index) == {"random", "blocks", "knndm", CELLS}
    km = found.groupby("split")["km"]
    assert km.min()["random"] > 0.05  # a copy is not in training
    assert km.min()["blocks"] >= 30.0
    assert km.median()["random"] < 10.0
    cells = found.loc[found["split"] == CELLS, "km"]
    away = {split: wasserstein_distance(part, cells) for split, part in km}
    assert away["knndm"] < min(away["random"], away["blocks"])
    places = clustered[["lon", "lat"]].to_numpy()
    assert cells.max() < nearest_km(places, np.array([[7.0, 40.0]])).item()


def test_the_page_says_what_was_found(found, tmp_path):
    with drawing():
        gallery = Gallery(tmp_path)
        made = distances.section(SimpleNamespace(distances=found), gallery)
    km = found.groupby("split")["km"]
    assert [line["words"] for line in made.content["lines"]] == [
        "Random folds", "Spatial blocks", "Distance-matched folds", "Cells of the countries"
    ]  # fmt: skip
    assert made.content["lines"][0]["median"] == f"{km.median()['random']:.1f}"
    data = pd.read_csv(tmp_path / "training_distances.csv")
    last = data.groupby("split")["km"].last()
    np.testing.assert_allclose(last, km.max()[last.index], rtol=1e-5)


def test_sites_without_coordinates_have_no_section(clustered, tmp_path):
    nowhere = training_distances(clustered.assign(lon=np.nan, lat=np.nan), Evaluate())
    assert nowhere.empty
    assert distances.section(SimpleNamespace(distances=nowhere), Gallery(tmp_path)) is None
