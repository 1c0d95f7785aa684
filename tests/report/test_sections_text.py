"""What sections say in words: result, paper, skipped rows, costs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmaq.contracts.benchmark import read_benchmark, write_benchmark
from mmaq.report import names
from mmaq.report.gallery import Gallery
from mmaq.report.numbers import number
from mmaq.report.pairs import r2_pairs
from mmaq.report.sections import comparisons, costs, neighbours, paper, result, skipped
from mmaq.report.sections.costs import costs as seconds_by_method
from mmaq.report.svg import drawing
from tests.report.test_page import text_of


@pytest.fixture
def gallery(tmp_path):
    with drawing():
        yield Gallery(tmp_path / "figures")


def test_simulation_is_said_only_of_simulated_data(bare_page, odd_page):
    statement = "A ranking on the simulated country is evidence that the pipeline works."
    assert statement in text_of(bare_page)
    assert "These stations are simulated" not in text_of(odd_page)


def test_what_is_transductive_depends_on_the_sites(bare_page, odd_page):
    assert "by default something is transductive" in text_of(bare_page)
    assert "all pretrained rows are transductive" in text_of(odd_page)


def test_papers_figures_stand_beside_ours(page):
    words = text_of(page)
    assert "1 \u2212 32.601 / 39.524 = 17.5&nbsp;%" in words
    assert "17&nbsp;% below AQNet" in words
    for figure in ("0.586", "0.751", "32.6", "0.692", "39.5", "0.504", "0.575", "0.414", "0.428",
                   "0.531", "0.356", "0.287", "61.8", "75.5"):  # fmt: skip
        assert figure in words
    assert "reported, not measured" in words
    assert "0.74" in words


def test_both_readings_of_the_fuel_figures_are_shown(material):
    lines = paper.beside_transfer(material.table, "random")
    fuel = [(line.seed, line.current) for line in lines if line.metric == "accuracy"]
    assert fuel == [("95.9", "88.4"), ("88.4", "95.9")]
    assert [line.here.text for line in lines] == ["0.612", "0.734", "0.612", "0.734"]
    plume = [line for line in lines if line.named == "mIoU"]
    assert {line.metric for line in plume} == {"foreground IoU"}


def test_the_paper_stands_beside_the_best_inputs_of_its_protocol(material):
    (line,) = [line for line in paper.beside_paper(material.table, "random")
               if line.words == "MMAQ, linear probe"]  # fmt: skip
    rows = material.table.query(
        "method == 'mmaq' and protocol == 'linear' and split == 'random' and metric == 'r2' "
        "and group == 'all' and label_fraction == 1"
    )
    assert len(rows) == 2
    assert line.here_r2.text == number(rows["value"].max(), 3)


def test_other_pollutants_have_their_own_row(material):
    ozone = material.table[material.table["method"] == "gbm"].assign(task="o3", value=0.4321)
    lines = paper.beside_aqnet(pd.concat([material.table, ozone]), "random")
    by_task = {line.words: line for line in lines}
    assert by_task["O₃"].best.text == "0.432"
    assert by_task["O₃"].best_words == "Boosted trees"
    assert by_task["PM10"].best.text == "\u2013"
    assert "Oracle" not in by_task["NO₂"].best_words


def test_reasons_of_skipped_rows(material):
    (group,) = skipped.skipped(material.table)
    assert group.rows == ["Boosted trees, embedding (S2 + table): random folds, spatial blocks"]
    few = material.table.assign(status="skipped", reason="too few", label_fraction=0.01)
    few = few[(few["method"] == "gbm") & (few["split"] == "random")]
    (group,) = skipped.skipped(few)
    assert group.rows == ["Boosted trees (table) on 1 % of the labels: random folds"]


def test_published_table_without_images(bare, tmp_path):
    """No learned row: still a page that says why."""
    table = read_benchmark(bare.benchmark)
    learned = ~table["method"].isin(["mean", "gbm", "gbm_geo_kriging"])
    table.loc[learned, ["value", "low", "high"]] = np.nan
    table.loc[learned, ["status", "reason"]] = ["skipped", "no s2 patches: images are absent"]
    write_benchmark(table, tmp_path / "published.csv")
    page = bare.but(benchmark=tmp_path / "published.csv", simulated=False)
    words = text_of(page.write(tmp_path / "report.html"))
    assert "No learned method could run on this split" in words
    assert "The best reference is Boosted trees, maps, kriging" in words
    assert "no pretrained method ran" in words
    assert "no s2 patches: images are absent" in words


def test_remarks_of_rows_that_ran_are_shown_once(material, gallery):
    table = material.table.assign(
        reason=np.where(material.table["method"] == "gbm", "two features are missing", "")
    )
    assert result.notes(table) == ["Boosted trees: two features are missing"]


def test_costs_are_those_of_a_methods_jobs(material, gallery):
    """Not of its rows: each of those holds the time of the embedding that they share."""
    table = seconds_by_method(material.table, material.timings)
    assert table.loc["mmaq", "pretraining"] == pytest.approx(214.0)
    assert table.loc["mmaq", "probes"] == pytest.approx(21.0)
    assert table.loc["mmaq", "finetune"] == pytest.approx(118.0 + 109.0)
    assert table.loc["aqnet", "from scratch"] == pytest.approx(33.0)
    assert table.loc["mmaq", "from scratch"] == pytest.approx(47.0)
    assert table.loc["gbm", "reference"] == pytest.approx(2 * (3.7 + 100 * len("table")))
    assert list(table.sum(axis=1)) == sorted(table.sum(axis=1), reverse=True)
    made = costs.section(material, gallery)
    first = made.content["lines"][0]
    assert first.words == "Boosted trees, pixels"
    assert len(first.times) == len(made.content["heads"])
    assert sorted(made.content["heads"]) == sorted(
        ["pretraining", "probes", "fine-tuning", "from random weights", "reference"]
    )


def test_costs_of_nothing_are_no_section(nothing, gallery):
    assert costs.section(nothing, gallery) is None


def test_losses_to_blocks_are_those_of_the_table(material, gallery):
    made = neighbours.section(material, gallery)
    data = pd.read_csv(gallery.folder / "random_to_blocks.csv", keep_default_na=False)
    assert made.content["count"] == len(data)
    assert not data["method"].str.startswith("oracle").any()
    r2 = material.table.query("metric == 'r2' and group == 'all' and label_fraction == 1")
    for row in data.itertuples():
        mine = r2[(r2["method"] == row.method) & (r2["protocol"] == row.protocol)
                  & (r2["modalities"] == row.modalities)].set_index("split")["value"]  # fmt: skip
        assert row.lost == pytest.approx(mine["random"] - mine["blocks"], abs=1e-5)
    assert list(data["lost"]) == sorted(data["lost"], reverse=True)
    one = replace(material, table=material.table[material.table["split"] == "blocks"])
    assert neighbours.section(one, gallery) is None


def test_boosted_trees_on_an_embedding_are_learned():
    assert names.kind("gbm_embedding", "reference") == "pretrained"
    assert names.is_learned("gbm_embedding")
    assert not names.is_learned("gbm")
    assert names.kind("gbm", "reference") == "reference"


def test_what_the_embedding_adds_is_one_sentence_from_either_side():
    # the file has the pair in the order of the names; here the other way round
    pair = {
        "task": "no2", "metric": "r2", "split": "blocks", "method": "stack_without_mmaq",
        "protocol": "reference", "modalities": "s2", "other_method": "stack",
        "other_protocol": "reference", "other_modalities": "s2", "difference": 0.004, "low": -0.01,
        "high": 0.02, "block_low": -0.03, "block_high": 0.04, "verdict": "open",
    }  # fmt: skip
    said = comparisons.embedding_adds(r2_pairs(pd.DataFrame([pair])))
    assert said is not None
    figures = "R² -0.004 (-0.020 to +0.010 over stations, -0.040 to +0.030 over blocks), open."
    assert said.replace("\u2212", "-").endswith(figures)
    other = pd.DataFrame([{**pair, "other_method": "ridge"}])
    assert comparisons.embedding_adds(r2_pairs(other)) is None
