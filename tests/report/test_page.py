"""The page: whole, self-contained, honest about what is missing."""

import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.contracts.benchmark import main_rows, read_benchmark, write_benchmark
from mmaq.contracts.sites import read_sites, write_sites
from mmaq.report import names
from mmaq.report.numbers import number

VOID = {"meta", "link", "br", "img", "path", "use", "rect", "line", "input"}
ALWAYS = ("result", "ranking", "table", "paper", "definitions")
SECTIONS = (
    *ALWAYS, "comparisons", "neighbours", "distances", "transfer", "groups", "intervals",
    "agreement", "map", "examples", "labels", "losses", "costs", "skipped",
)  # fmt: skip


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


def test_every_section_is_there_and_in_the_menu(page):
    for section in SECTIONS:
        assert page.count(f'<section id="{section}"') == 1
        assert f'<a href="#{section}">' in page


def test_a_page_of_the_least_says_only_what_it_has(bare_page):
    page = bare_page
    for section in SECTIONS:
        there = section in (
            *ALWAYS,
            "neighbours",
            "distances",
            "intervals",
            "map",
            "costs",
            "skipped",
        )
        assert (f'<section id="{section}"' in page) == there, section
        assert (f'<a href="#{section}">' in page) == there, section
    assert parse(page).open == []


def test_each_plot_lies_beside_the_page_with_its_data(output, page):
    plots = {path.stem for path in (output / "figures").glob("*.svg")}
    assert plots == {path.stem for path in (output / "figures").glob("*.csv")}
    assert [path.name for path in (output / "figures").glob("*.png")] == ["r2_by_method.png"]
    shown = set(re.findall(r'<title id="([\w-]+)-title">', page))
    assert {name.removesuffix("-narrow") for name in shown} == plots
    for path in (output / "figures").glob("*.csv"):
        assert len(pd.read_csv(path)), path.name


def test_same_inputs_give_the_same_bytes(bare, bare_output, tmp_path):
    """Whatever the user's own style of drawing is; and what a run no longer draws goes."""
    stale = tmp_path / "figures" / "stale.svg"
    stale.parent.mkdir()
    stale.touch()
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "svg.fonttype": "path"}):
        bare.write(tmp_path / "report.html")
    first, second = sorted(bare_output.rglob("*.*")), sorted(tmp_path.rglob("*.*"))
    assert [path.name for path in first] == [path.name for path in second]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_every_row_over_all_stations_is_on_the_page(inputs, page):
    table = read_benchmark(inputs.benchmark)
    main = main_rows(table)
    body = page[page.index('class="long"') :]
    body = body[: body.index("</table>")]
    assert len(re.findall(r"<tr>(?:<td>.*?</td>)+</tr>", body)) == len(main)
    assert f"has {len(table) - len(main)} more, by group and share of labels" in text_of(page)
    for row in main[main["metric"] == "r2"].itertuples():
        if row.status == "ok":
            assert number(row.value, 3) in page


def test_rows_by_group_and_share_are_not_in_the_main_table(bare, tmp_path):
    table = read_benchmark(bare.benchmark)
    one = table[(table["method"] == "gbm") & (table["metric"] == "r2")]
    group = one.assign(group="area:urban", value=-0.87654)
    fraction = one.assign(label_fraction=0.05, value=-0.86543)
    write_benchmark(pd.concat([table, group, fraction]), tmp_path / "more.csv")
    page = bare.but(benchmark=tmp_path / "more.csv").write(tmp_path / "report.html")
    before_groups = page[: page.index('<section id="paper"')]
    for figure in ("0.88", "0.877", "0.87654", "0.87", "0.865", "0.86543"):
        assert f"\u2212{figure}" not in before_groups
        assert f"-{figure}" not in before_groups


def test_names_are_escaped(page, odd_page):
    assert "the store holds no &lt;embedding&gt; &amp; nothing like it" in page
    assert "<embedding>" not in page
    assert "<b>&" not in odd_page
    assert "&lt;b&gt;&amp;&#34;" in odd_page


def test_names_of_sites_are_escaped(bare, inputs, tmp_path):
    name = "<img src=x onerror=1>"
    sites = read_sites(inputs.sites).replace({"site_id": {"S0003": name}})
    write_sites(sites, tmp_path / "sites.parquet")
    paths = []
    for path in inputs.predictions:
        paths.append(tmp_path / path.name)
        table = pd.read_parquet(path).replace({"site_id": {"S0003": name}})
        chosen = table["protocol"] == "finetune"
        far = chosen & (table["site_id"] == name)
        table.loc[far, "prediction"] += 500.0  # the worst of all, so that the page shows it
        table[chosen].to_parquet(paths[-1])
    index = inputs.store / "index.parquet"
    store = tmp_path / "patches"
    store.mkdir()
    for path in inputs.store.iterdir():
        (store / path.name).write_bytes(path.read_bytes())
    pd.read_parquet(index).replace({"site_id": {"S0003": name}}).to_parquet(store / index.name)
    changed = bare.but(sites=tmp_path / "sites.parquet", predictions=paths, store=store)
    page = changed.write(tmp_path / "report.html")
    assert name not in page
    assert page.count("&lt;img src=x onerror=1&gt;") >= 1


def test_nothing_is_printed_as_nan(page, bare_page, odd_page):
    for each in (page, bare_page, odd_page):
        assert not re.search(r"\b(nan|None|NaT|inf)\b", text_of(each))


def test_table_of_skipped_rows_alone(inputs, tmp_path):
    table = read_benchmark(inputs.benchmark)
    table[["value", "low", "high"]] = np.nan
    table[["status", "reason"]] = ["skipped", "nothing works"]
    write_benchmark(table, tmp_path / "skipped.csv")
    page = inputs.but(benchmark=tmp_path / "skipped.csv").write(tmp_path / "out" / "report.html")
    assert "No row of the benchmark has a measured R²" in page
    assert "nothing works" in page
    assert not (tmp_path / "out" / "figures" / "r2_by_method.svg").exists()


def test_names_cover_the_contract():
    from mmaq.contracts import benchmark

    assert set(names.METHODS) == {*benchmark.METHODS, *benchmark.REFERENCES}
    assert set(names.PROTOCOLS) == set(benchmark.PROTOCOLS)
    assert set(names.SPLITS) == set(benchmark.SPLITS)
    assert set(names.METRICS) == set(benchmark.METRICS)
    assert set(names.TASKS) == set(benchmark.TASKS)


@pytest.mark.parametrize("argument", ["benchmark", "sites", "losses", "predictions", "comparisons"])
def test_missing_file_leaves_no_page(inputs, tmp_path, argument):
    absent = tmp_path / "absent.parquet"
    changed = inputs.but(**{argument: [absent] if argument == "predictions" else absent})
    with pytest.raises(TableError, match=r"absent\.parquet: .*does not exist"):
        changed.write(tmp_path / "out" / "report.html")
    assert not (tmp_path / "out").exists()
