"""Where each contract lies on disk for one configuration: the one place that knows paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "default"

RAW = Path("data/raw")
"""Folder of published tables: they are fetched once, for all data sets."""

FIGURES, ESTIMATORS, MAPS, EXPOSURE = "figures", "estimators", "map", "exposure"

RESERVED = (FIGURES, ESTIMATORS, MAPS, EXPOSURE, "tensorboard", "wandb")
"""Folders of the default data set beside those of the others, whose names these cannot be."""


def run_name(method: str, run: int | str) -> str:
    """What the files of one pretraining run are called."""
    return f"{method}_run{run}"


@dataclass(frozen=True)
class Layout:
    """Paths of the data set ``name``, relative to the working folder.

    The default's table is ``results/benchmark.csv``; any other data set has folders of its own,
    so that two never overwrite each other.
    """

    name: str

    @property
    def data(self) -> Path:
        """Folder of everything between the raw archive and the patch store."""
        return Path("data") / self.name

    @property
    def archive(self) -> Path:
        """Contract 1: folder of the raw archive (its ``catalog.json`` is written last)."""
        return self.data / "archive"

    @property
    def manifests(self) -> Path:
        """Folder of what a search at the services found; ``sites.csv`` there lists the places."""
        return self.data / "manifest"

    def manifest(self, collection: str) -> Path:
        """What a search at the services found of one collection."""
        return self.manifests / f"{collection}.json"

    @property
    def passing(self) -> Path:
        """Folder of granules that are dropped once they are gridded."""
        return self.data / "acquire_cache" / "gridding"

    @property
    def grid(self) -> Path:
        """Level-3 mean of the Sentinel-5P column."""
        return self.data / "grid" / "l3_mean.nc"

    def grid_part(self, part: str) -> Path:
        """Level-3 sums of one part of the period, for example ``2021Q1``."""
        return self.data / "grid" / "parts" / f"{part}.nc"

    def grid_mean(self, span: str) -> Path:
        """Level-3 mean of a year, quarter or month, for example ``2021M03``."""
        return self.data / "grid" / "means" / f"{span}.nc"

    @property
    def sites(self) -> Path:
        """Contract 2: the site table."""
        return self.data / "sites.parquet"

    @property
    def patches(self) -> Path:
        """Contract 3: folder of the patch store."""
        return self.data / "patches"

    @property
    def plant_scenes(self) -> Path:
        """Folder of simulated scenes of power plants, in the published layout."""
        return self.data / "plant_scenes"

    @property
    def plants(self) -> Path:
        """Folder of the store of scenes of power plants."""
        return self.data / "plants"

    @property
    def checkpoints(self) -> Path:
        """Contract 4: folder of checkpoints and their exports."""
        return self._own(Path("checkpoints"))

    def encoders(self, method: str, run: int) -> Path:
        """The encoders of one pretraining run, as exported."""
        return self.checkpoints / f"{run_name(method, run)}.safetensors"

    def losses(self, method: str) -> Path:
        """The loss curves of a method's first run."""
        return self.checkpoints / f"{run_name(method, 0)}_losses.csv"

    def estimator(self, method: str, protocol: str) -> Path:
        """Contract 6: what predicts NO2 anywhere, as the row of the benchmark does."""
        return self.results / ESTIMATORS / f"{method}_{protocol}.safetensors"

    @property
    def results(self) -> Path:
        """Folder of the benchmark table and the report."""
        return self._own(Path("results"))

    @property
    def benchmark(self) -> Path:
        """Contract 5: the benchmark table."""
        return self.results / "benchmark.csv"

    @property
    def metrics(self) -> Path:
        """The main figures of the benchmark table, in a form that is compared by version."""
        return self.results / "metrics.json"

    @property
    def comparisons(self) -> Path:
        """Paired comparisons of the methods with each other."""
        return self.results / "comparisons.csv"

    @property
    def predictions(self) -> Path:
        """NO2 with its interval at every site."""
        return self.results / "predictions.csv"

    def map(self, area: str) -> Path:
        """The map of an area; what belongs to it lies beside it under other suffixes."""
        return self.results / MAPS / f"{area}.tif"

    def map_page(self, area: str) -> Path:
        """The page of a map."""
        return self.map(area).with_suffix(".html")

    def map_truth(self, area: str) -> Path:
        """How far the map of an area of a simulated country is from the truth."""
        return self.map(area).with_name(f"{area}_truth.csv")

    def exposure(self, area: str) -> Path:
        """Who breathes what in an area and its districts; their polygons lie beside it."""
        return self.results / EXPOSURE / f"{area}.csv"

    def tiles(self, area: str) -> Path:
        """Folder of the tiles of an unfinished map."""
        return self.data / MAPS / area

    @property
    def report(self) -> Path:
        """The self-contained report page."""
        return self.results / "report.html"

    @property
    def figures(self) -> Path:
        """Folder of the report's plots, as SVG and with their data as CSV."""
        return self.results / FIGURES

    def _own(self, root: Path) -> Path:
        return root if self.name == DEFAULT_NAME else root / self.name
