"""Sections with plots: comparisons, groups, intervals, labels, examples, maps, transfer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.contracts.patches import open_store
from mmaq.report.choose import keys_of, leading, once
from mmaq.report.gallery import Gallery
from mmaq.report.pairs import r2_pairs
from mmaq.report.sections import (
    agreement,
    comparisons,
    examples,
    groups,
    intervals,
    labels,
    losses,
    maps,
    ranking,
    transfer,
)
from mmaq.report.svg import drawing

TUNED = ("mmaq", "finetune", "s2+s5p")


@pytest.fixture
def gallery(tmp_path):
    with drawing():
        yield Gallery(tmp_path / "figures")


def only(material, split):
    return replace(
        material, table=material.table[material.table["split"] == split],
        predictions=material.predictions[material.predictions["split"] == split],
        comparisons=material.comparisons[material.comparisons["split"] == split],
    )  # fmt: skip


@pytest.mark.parametrize(
    "section",
    [agreement, comparisons, examples, groups, intervals, labels, losses, ranking, transfer],
)
def test_without_data_there_is_no_section(nothing, gallery, section):
    assert section.section(nothing, gallery) is None
    assert list(gallery.folder.iterdir()) == []


def test_leading_methods(material):
    found = leading(material.table, 4)
    assert found[0] == TUNED
    assert found[1][:2] == ("mmaq", "fused")
    assert found[2][0] == "gbm_pixels"
    assert found[3][0] == "gbm"
    assert len(leading(material.table, 99)) == len(set(leading(material.table, 99)))
    assert not any(key[0].startswith("oracle") for key in leading(material.table, 99))
    assert leading(material.table, 9, {("oracle", "reference", "")}) == []


def test_a_method_on_two_modalities_is_two_methods(material):
    whole = once(material.predictions, ("mmaq", "linear", "s2+s5p"), "random")
    alone = once(material.predictions, ("mmaq", "linear", "s2"), "random")
    assert len(whole) == len(alone) == 120
    assert not np.allclose(whole["prediction"], alone["prediction"])


def test_pairs_are_seen_from_both_sides(material):
    table = material.comparisons
    both = r2_pairs(table)
    assert len(both) == 2 * len(table)
    assert len(r2_pairs(both)) == len(both)
    again = r2_pairs(both.sample(frac=1, random_state=0))
    assert len(again) == len(both)
    for verdict, opposite in (("better", "worse"), ("open", "open")):
        assert (both["verdict"] == verdict).sum() == (both["verdict"] == opposite).sum()


def test_matrix_says_what_the_table_says(material, gallery):
    made = comparisons.section(only(material, "random"), gallery)
    (paired,) = made.content
    r2 = material.table.query(
        "metric == 'r2' and group == 'all' and label_fraction == 1 and split == 'random'"
    )
    value = dict(zip(keys_of(r2), r2["value"], strict=True))
    assert [value[key] for key in paired.keys] == sorted(
        (value[key] for key in paired.keys), reverse=True
    )
    for row, key in zip(paired.matrix, paired.keys, strict=True):
        for duel, other in zip(row, paired.keys, strict=True):
            if duel is None:
                assert key == other
                continue
            gap = value[key] - value[other]
            said = "better" if gap > 0.1 else "worse" if gap < -0.1 else "open"
            assert duel.verdict == said
    data = pd.read_csv(gallery.folder / "paired_differences_random.csv", keep_default_na=False)
    counts = data["verdict"].value_counts()
    assert f"against {len(data)} others: better than {counts.get('better', 0)}" in paired.sentence
    assert set(keys_of(data)) == {TUNED}
    pairs = material.comparisons.query("task == 'no2' and metric == 'r2' and split == 'random'")
    assert pairs["stations"].nunique() == 1
    assert f"compared at the {pairs['stations'].iloc[0]} stations that both" in paired.sentence


def test_a_pair_that_was_not_compared_is_a_dash(material, gallery):
    table = material.comparisons
    few = table[(table["method"] == "mmaq") | (table["other_method"] == "mmaq")]
    made = comparisons.section(only(replace(material, comparisons=few), "blocks"), gallery)
    duels = [duel for row in made.content[0].matrix for duel in row if duel]
    assert {"none"} < {duel.verdict for duel in duels}


def test_groups_show_the_tables_figures(material, gallery):
    made = groups.section(only(material, "blocks"), gallery)
    (shown,) = made.content
    assert len(shown.plots) == 3
    words = str(shown.plots[0].wide)
    for name in ("rural", "suburban", "urban", "traffic", "industrial", "background", "DE", "NL"):
        assert f">{name}  " in words
    data = pd.read_csv(gallery.folder / "mae_by_group_blocks.csv", keep_default_na=False)
    table = material.table.query("metric == 'mae' and split == 'blocks' and group == 'area:urban'")
    mine = table[[key == TUNED for key in keys_of(table)]]["value"].item()
    drawn = data[[key == TUNED for key in keys_of(data)]].set_index("group")["value"]
    assert drawn["area:urban"] == pytest.approx(mine, rel=1e-4)
    assert "all" not in drawn.index


def test_one_country_alone_is_no_group(material, gallery):
    one = replace(material, sites=material.sites.assign(country="DE"))
    made = groups.section(only(one, "random"), gallery)
    assert ">DE" not in str(made.content[0].plots[0].wide)


def test_coverage_is_that_of_the_benchmark(material, gallery):
    made = intervals.section(only(material, "random"), gallery)
    (line,) = [line for line in made.content["table"] if line.words.startswith("MMAQ")]
    rows = material.predictions[[key == TUNED for key in keys_of(material.predictions)]]
    rows = rows[rows["split"] == "random"]
    inside = rows["measured"].between(rows["low"], rows["high"]).mean()
    assert line.coverage == f"{inside:.3f}"
    assert (line.width, line.score) == ("28.0", "42.0")
    assert line.within == (0.85 <= inside <= 0.95)
    data = pd.read_csv(gallery.folder / "coverage_by_group_random.csv", keep_default_na=False)
    mine = data[[key == TUNED for key in keys_of(data)]].set_index("group")
    assert mine.loc["all", "value"] == pytest.approx(inside, rel=1e-5)
    assert len(made.content["plots"][0].plots) == 3


@pytest.mark.parametrize("group", ["all", "country:DE", "area:urban"])
def test_a_coverage_has_one_interval_on_the_page(material, gallery, group):
    table = material.table.copy()
    tuned = np.array([key == TUNED for key in keys_of(table)]) & (table["split"] == "blocks")
    mine = tuned & (table["metric"] == "coverage90") & (table["group"] == group)
    table.loc[mine, ["value", "low", "high"]] = (0.8765, 0.7654, 0.9432)
    made = intervals.section(replace(material, table=table), gallery)
    data = pd.read_csv(gallery.folder / "coverage_by_group_blocks.csv", keep_default_na=False)
    drawn = data[[key == TUNED for key in keys_of(data)]].set_index("group").loc[group]
    assert list(drawn[["value", "low", "high"]]) == [0.8765, 0.7654, 0.9432]
    if group == "all":
        assert "0.765 to 0.943" in [line.bounds for line in made.content["table"]]


def test_a_method_without_all_intervals_is_not_drawn(material, nothing, gallery):
    rows = material.predictions.copy()
    tuned = np.array([key == TUNED for key in keys_of(rows)])
    first = rows.index[tuned & (rows["split"] == "random")][0]
    rows.loc[first, "high"] = np.nan
    intervals.section(replace(material, predictions=rows), gallery)
    drawn = {
        split: keys_of(pd.read_csv(gallery.folder / f"coverage_by_group_{split}.csv"))
        for split in ("random", "blocks")
    }
    assert TUNED not in drawn["random"]
    assert TUNED in drawn["blocks"]
    rows["high"] = np.nan
    assert intervals.section(replace(nothing, predictions=rows), gallery) is None


def test_calibration_without_predictions_is_a_table_alone(material, nothing, gallery):
    made = intervals.section(replace(nothing, table=material.table), gallery)
    assert made.content["plots"] == []
    assert len(made.content["table"]) == 4


def test_label_efficiency_has_a_line_for_each_probe(material, gallery):
    made = labels.section(material, gallery)
    assert len(made.content) == 2
    data = pd.read_csv(gallery.folder / "label_efficiency_random.csv")
    assert set(data["label_fraction"]) == {0.01, 0.1, 1.0}
    assert set(keys_of(data)) == {
        ("random_init", "linear", "s2+s5p"), ("mmaq", "linear", "s2+s5p"), ("mmaq", "linear", "s2")
    }  # fmt: skip
    assert ">10 %<" in str(made.content[0].wide)


def test_one_share_of_the_labels_is_no_line(material, gallery):
    whole = material.table[material.table["label_fraction"] == 1.0]
    assert labels.section(replace(material, table=whole), gallery) is None


def test_examples_are_the_best_and_the_worst(material, inputs, gallery):
    store = open_store(inputs.store)
    made = examples.section(replace(material, store=store), gallery)
    points = once(material.predictions, TUNED, "random").set_index("site_id")
    error = points["prediction"] - points["measured"]
    worst = [example.site for example in made.content["worst"]]
    assert worst[:3] == list(error.nsmallest(3).index)
    assert worst[3:] == list(error.nlargest(3).index)
    best = made.content["best"]
    assert len(best) == 6
    assert error.abs().idxmin() in [example.site for example in best]
    levels = [points.loc[example.site, "measured"] for example in best]
    assert levels == sorted(levels)
    for example in best:
        assert example.measured == f"{points.loc[example.site, 'measured']:.1f}"
        assert example.predicted == f"{points.loc[example.site, 'prediction']:.1f}"
        assert example.picture.startswith("data:image/png;base64,")
    assert len({example.picture for example in best}) == 6
    assert made.content["metres"] == 80


def test_examples_need_pictures(material, gallery):
    assert examples.section(material, gallery) is None


def test_residual_map_is_of_the_best_that_knows_no_truth(material, gallery):
    made = maps.section(material, gallery)
    assert made.content["of"] == "MMAQ, fine-tuned (S2 + S5P), random folds"
    data = pd.read_csv(gallery.folder / "residual_map.csv")
    assert (data["error"] - (data["prediction"] - data["measured"])).abs().max() < 1e-3
    oracle = material.predictions[material.predictions["method"] == "oracle"]
    assert maps.section(replace(material, predictions=oracle), gallery).content["residuals"] is None


def test_station_unknown_to_the_site_table(material, gallery):
    lost = material.predictions.replace({"site_id": {"S0001": "nowhere"}})
    with pytest.raises(TableError, match="site 'nowhere' is not in the site table"):
        maps.section(replace(material, predictions=lost), gallery)


def test_sites_without_places_have_no_map(material, gallery):
    sites = material.sites.assign(lon=np.nan, lat=np.nan, block="")
    assert maps.section(replace(material, sites=sites), gallery) is None


def test_transfer_tasks_have_a_table_and_a_plot_each(material, gallery):
    made = transfer.section(material, gallery)
    assert [table.task for table in made.content["tables"]] == ["fuel", "plume"]
    plume = made.content["tables"][1]
    assert plume.metrics == ["miou", "foreground_iou"]
    assert plume.lines[0].words == "MMAQ, fine-tuned"
    assert plume.lines[0].cells[0][1].text == "0.734"
    assert plume.lines[0].cells[0][1].interval == "0.684 to 0.784"


def test_ranking_keeps_references_and_hides_the_rest(material, gallery, monkeypatch):
    monkeypatch.setattr(ranking, "FIRST", 3)
    made = ranking.section(material, gallery)
    (shown,) = made.content["rankings"]
    words = str(shown.plot.wide)
    assert "Mean of training stations" in words
    assert "Untrained encoder" not in words
    assert "Untrained encoder" in str(shown.rest.wide)
    assert shown.count == 12
    data = pd.read_csv(gallery.folder / "r2_by_method_all.csv")
    assert len(data) == 24


def test_each_pollutant_is_ranked(material, gallery):
    ozone = material.table[material.table["method"] == "gbm"].assign(task="o3")
    made = ranking.section(replace(material, table=ozone), gallery)
    assert [shown.task for shown in made.content["rankings"]] == ["o3"]
    assert (gallery.folder / "r2_by_method_o3.svg").exists()
