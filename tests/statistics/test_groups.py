import numpy as np

from mmaq.statistics.groups import MIN_STATIONS, station_groups
from tests.estimators.stations_made_up import make_table


def test_every_group_holds_its_stations_and_no_others():
    table, _, _ = make_table(120, np.random.default_rng(0))
    groups = station_groups(table)
    assert {name.split(":")[0] for name in groups} == {"country", "area", "type"}
    assert (groups["country:DE"] == (table["country"] == "DE")).all()
    assert (groups["area:urban"] == (table["urban"] == 1)).all()
    assert (groups["type:traffic"] == (table["traffic"] == 1)).all()
    kinds = [member for name, member in groups.items() if name.startswith("type:")]
    assert (np.sum(kinds, axis=0) == 1).all()


def test_small_groups_and_a_single_country_have_no_figures_of_their_own():
    table, _, _ = make_table(120, np.random.default_rng(0))
    table["country"] = "DE"
    table["traffic"] = 0.0
    table.loc[: MIN_STATIONS - 2, "traffic"] = 1.0
    groups = station_groups(table)
    assert not [name for name in groups if name.startswith("country:")]
    assert "type:traffic" not in groups
    table.loc[MIN_STATIONS - 1, "traffic"] = 1.0
    assert "type:traffic" in station_groups(table)


def test_a_missing_class_is_in_no_group():
    table, _, _ = make_table(60, np.random.default_rng(1))
    table[["rural", "suburban", "urban"]] = np.nan
    assert not [name for name in station_groups(table) if name.startswith("area:")]
