"""The page: whole, self-contained, honest about what is missing."""

import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mmaq.benchmark import read_benchmark, write_benchmark
from mmaq.errors import TableError
from mmaq.report import names
from mmaq.report.numbers import number
from mmaq.sites import read_sites, write_sites

VOID = {"meta", "link", "br", "img", "path", "use", "rect", "line", "input"}


class Structure(HTMLParser):
    """Collects ids and links, and checks that elements are closed in order."""

    def __init__(self):
        super().__init__()
        self.ids, self.hrefs, self.fetched, self.open = [], [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.hrefs.append(values["href"])
        else:
            self.fetched += [values[key] for key in ("src", "href", "data", "srcset")
                             if key in values]  # fmt: skip
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def parse(page):
    structure = Structure()
    structure.feed(page)
    return structure


def text_of(page):
    visible = re.sub(r"<(style|title)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", visible).split())


def test_page_fetches_nothing(page):
    structure = parse(page)
    assert structure.open == []
    assert all(value.startswith(("#", "data:")) for value in structure.fetched)
    assert not re.search(r"<script|@import|url\((?!#)", page)
    outside = [href for href in structure.hrefs if not href.startswith("#")]
    assert outside == ["https://ieeexplore.ieee.org/document/10647792"]
    assert page.count("http") == len(outside)


def test_ids_are_unique_and_references_resolve(page):
    ids = parse(page).ids
    assert len(ids) == len(set(ids))
    referenced = set(re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', page))
    assert referenced <= set(ids)


def test_every_section_is_there(page):
    for section in ("result", "ranking", "table", "paper", "skipped", "agreement", "map", "losses",
                    "times", "definitions"):  # fmt: skip
        assert f'<section id="{section}"' in page
        assert f'href="#{section}"' in page
    # a picture in two widths, three methods on two splits, two maps, four panels, bars twice
    assert page.count("<svg") == 2 + 6 + 2 + 4 + 2


def test_same_inputs_give_the_same_bytes(inputs, output, tmp_path):
    """Whatever the user's own style of drawing is."""
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "svg.fonttype": "path"}):
        inputs.write(tmp_path / "report.html")
    written = ["r2_by_method.png", "r2_by_method.svg", "report.html"]
    assert sorted(path.name for path in output.iterdir()) == written
    for name in written:
        assert (output / name).read_bytes() == (tmp_path / name).read_bytes()


def test_every_row_is_on_the_page(inputs, page):
    table = read_benchmark(inputs.benchmark)
    body = page[page.index('class="long"') :]
    rows = re.findall(r"<tr>(?:<td>.*?</td>)+</tr>", body)
    assert len(rows) == len(table)
    for row in table[table["metric"] == "r2"].itertuples():
        if row.status == "ok":
            assert number(row.value, 3) in page


def test_reasons_are_shown_and_escaped(page):
    assert "the store holds no &lt;embedding&gt; &amp; nothing like it" in page
    assert "<embedding>" not in page
    assert "Boosted trees, embedding (S2 + table): random folds, spatial blocks" in page


def test_data_set_name_is_escaped(inputs, tmp_path):
    page = inputs.but(dataset="<b>&").write(tmp_path / "report.html")
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


def test_nothing_is_printed_as_nan(inputs, page, tmp_path):
    assert not re.search(r"\b(nan|None|NaT|inf)\b", text_of(page))
    table = read_benchmark(inputs.benchmark)
    table[["low", "high", "seconds"]] = np.nan
    write_benchmark(table, tmp_path / "bare.csv")
    bare = inputs.but(benchmark=tmp_path / "bare.csv").write(tmp_path / "report.html")
    assert not re.search(r"\b(nan|None|NaT|inf)\b", text_of(bare))


def test_simulation_is_said_only_of_simulated_data(inputs, page, tmp_path):
    statement = "A ranking on the simulated country is evidence that the pipeline works."
    assert statement in text_of(page)
    real = inputs.but(simulated=False).write(tmp_path / "report.html")
    assert "These stations are simulated" not in text_of(real)


def test_papers_figures_stand_beside_ours(page):
    words = text_of(page)
    assert "1 \u2212 32.601 / 39.524 = 17.5&nbsp;%" in words
    assert "17&nbsp;% below AQNet" in words
    for figure in ("0.586", "0.751", "32.6", "0.692", "39.5", "0.504", "0.575", "0.414", "0.428"):
        assert figure in words
    assert "reported, not measured" in words
    assert "0.74" in words


def test_published_table_without_images(inputs, tmp_path):
    """No learned row, no losses, no timings, no predictions: still a page that says why."""
    table = read_benchmark(inputs.benchmark)
    learned = ~table["method"].isin(["mean", "ridge", "gbm", "gbm_geo"])
    table.loc[learned, ["value", "low", "high"]] = np.nan
    table.loc[learned, ["status", "reason"]] = ["skipped", "no s2 patches: images are absent"]
    write_benchmark(table, tmp_path / "published.csv")
    page = inputs.but(
        benchmark=tmp_path / "published.csv", losses=None, timings=[], predictions=[],
        dataset="published", simulated=False,
    ).write(tmp_path / "out" / "report.html")  # fmt: skip
    words = text_of(page)
    assert "No learned method could run on this split" in words
    assert "The best reference is Boosted trees, maps" in words
    assert "no pretrained method ran" in words
    assert "no s2 patches: images are absent" in words
    for section in ("agreement", "losses", "times"):
        assert f'id="{section}"' not in page
    assert (tmp_path / "out" / "r2_by_method.svg").exists()


def test_table_of_skipped_rows_alone(inputs, tmp_path):
    table = read_benchmark(inputs.benchmark)
    table[["value", "low", "high"]] = np.nan
    table[["status", "reason"]] = ["skipped", "nothing works"]
    write_benchmark(table, tmp_path / "skipped.csv")
    page = inputs.but(benchmark=tmp_path / "skipped.csv").write(tmp_path / "out" / "report.html")
    assert "No row of the benchmark has a measured R²" in page
    assert not (tmp_path / "out" / "r2_by_method.svg").exists()


def test_rows_by_group_and_label_fraction_have_their_own_table(inputs, tmp_path):
    table = read_benchmark(inputs.benchmark)
    group = table[table["method"] == "gbm"].assign(group="traffic", value=0.123)
    fraction = table[table["method"] == "gbm"].assign(label_fraction=0.05, value=0.111)
    write_benchmark(pd.concat([table, group, fraction]), tmp_path / "more.csv")
    page = inputs.but(benchmark=tmp_path / "more.csv").write(tmp_path / "report.html")
    words = text_of(page)
    assert "by group and share of labels" in words
    assert "traffic" in words
    assert "5 %" in words
    assert "0.123" in words


@pytest.mark.parametrize(
    ("unlabelled", "words"),
    [
        (True, "by default something is transductive"),
        (False, "all pretrained rows are transductive"),
    ],
)
def test_what_is_transductive_depends_on_the_sites(inputs, tmp_path, unlabelled, words):
    sites = read_sites(inputs.sites)
    write_sites(sites if unlabelled else sites[sites["no2"].notna()], tmp_path / "sites.parquet")
    page = inputs.but(sites=tmp_path / "sites.parquet", predictions=[], losses=None, timings=[])
    assert words in text_of(page.write(tmp_path / "report.html"))


def test_names_cover_the_contract():
    from mmaq import benchmark

    assert set(names.METHODS) == {*benchmark.METHODS, *benchmark.REFERENCES}
    assert set(names.PROTOCOLS) == set(benchmark.PROTOCOLS)
    assert set(names.SPLITS) == set(benchmark.SPLITS)
    assert set(names.METRICS) == set(benchmark.METRICS)


@pytest.mark.parametrize("argument", ["benchmark", "sites", "losses", "predictions"])
def test_missing_file_leaves_no_page(inputs, tmp_path, argument):
    absent = tmp_path / "absent.parquet"
    changed = inputs.but(**{argument: [absent] if argument == "predictions" else absent})
    with pytest.raises(TableError, match=r"absent\.parquet: .*does not exist"):
        changed.write(tmp_path / "out" / "report.html")
    assert not (tmp_path / "out" / "report.html").exists()
