from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mmaq.base.layout import Layout

names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)


def _paths(layout):
    return {
        layout.archive, layout.grid, layout.sites, layout.patches, layout.checkpoints,
        layout.benchmark, layout.metrics, layout.comparisons, layout.report, layout.figures,
        layout.grid_part("2021Q1"),
    }  # fmt: skip


def test_the_default_table_has_the_name_the_readme_gives():
    assert Layout("default").benchmark == Path("results/benchmark.csv")
    assert Layout("published").benchmark == Path("results/published/benchmark.csv")


@given(names, names)
def test_two_data_sets_share_no_path(one, other):
    if one != other:
        assert not _paths(Layout(one)) & _paths(Layout(other))
