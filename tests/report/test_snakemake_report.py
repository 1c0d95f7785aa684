"""The real rule makes the page, and Snakemake's own report explains each plot."""

import os
import zipfile
from pathlib import Path

import jinja2
import pandas as pd
import pytest

from mmaq.base.files import write_json
from tests.forked import run_snakemake

ROOT = Path(__file__).parents[2]
WRITTEN = ("benchmark", "comparisons")
CAPTIONS = ROOT / "workflow/report"
SNAKEFILE = """
from mmaq.base.layout import Layout
from mmaq.base.digest import code_digest as code
from mmaq.config.schema import Config

PATHS = Layout("default")
CONFIG = Config()
config.update(CONFIG.model_dump(mode="json"))
LOGS, TIMINGS, EVALUATED = "logs", "timings", "data"
MEASURING = ("pollutants", "folds", "seeds", "buffer_km", "block_degrees", "together")
EVALUATION_PARTS, STORE = ["probes"], ["data/patches/store.json"]

def section(name, *keys):
    return getattr(CONFIG, name).decisive(*keys)

def loss_curves():
    return []

def timing_files():
    return {{"grid": ["timings/grid.tsv"]}}

include: "{root}/rules/report.smk"
"""


@pytest.fixture(scope="module")
def finished(inputs, bare, tmp_path_factory):
    """A folder in which the rule has run, on the least that makes a page."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "Snakefile").write_text(SNAKEFILE.format(root=ROOT))
    for path, place in (
        (bare.benchmark, "results/benchmark.csv"),
        (inputs.comparisons, "results/comparisons.csv"),
        (bare.sites, "data/default/sites.parquet"),
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(path.read_bytes())
    tables = {name: pd.read_csv(folder / f"results/{name}.csv") for name in WRITTEN}
    rows = {name: len(table) for name, table in tables.items()}
    write_json(folder / "results/metrics.json", {"rows": rows})
    pd.read_parquet(inputs.predictions[0]).iloc[:0].to_parquet(folder / "data/probes.parquet")
    (folder / "timings").mkdir()
    (folder / "timings/grid.tsv").write_text("s\tmax_rss\n2.0\t5.0\n")
    (folder / "data/patches").mkdir()
    for path in inputs.store.iterdir():
        (folder / "data/patches" / path.name).write_bytes(path.read_bytes())
    _snakemake(folder, "--cores", "1", "results/report.html")
    return folder


def _snakemake(folder, *arguments):
    done = run_snakemake([*arguments, "--profile", "none"], ROOT, folder, os.environ)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_the_rule_makes_the_page_and_its_plots(finished):
    page = (finished / "results/report.html").read_text()
    assert "<svg" in page
    assert "Wall time and largest memory of each rule" in page
    plots = {path.name for path in (finished / "results/figures").iterdir()}
    assert {"r2_by_method.svg", "r2_by_method.csv", "r2_by_method.png"} <= plots


def test_snakemakes_report_has_a_caption_for_each_plot(finished):
    _snakemake(finished, "results/report.html", "--report", "out.zip")
    with zipfile.ZipFile(finished / "out.zip") as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("report.html")
                   and "/data/" not in name]  # fmt: skip
        page = archive.read(name).decode()
    for words in (
        "its line the 95 % interval over test stations and runs",  # the ranking
        "Neighbouring stations share scenes and air",  # random to blocks
        "Measured concentration at the stations",  # the map
        "The whole report on one page",
    ):
        assert " ".join(words.split()) in " ".join(page.replace("\\n", " ").split())


def test_no_plot_is_without_a_caption(output):
    template = jinja2.Template((CAPTIONS / "figure.rst").read_text())
    plots = [path.stem for path in (output / "figures").glob("*.svg")]
    assert len(plots) > 30
    for plot in plots:
        caption = template.render(snakemake={"wildcards": {"plot": plot}})
        said, _, _ = caption.partition("The data of the plot")
        assert said.strip(), plot
        assert f"{plot}.csv" in caption
