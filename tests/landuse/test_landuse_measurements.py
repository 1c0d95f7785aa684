"""NO2 means: what is counted, what is not, and the real Vienna files against plain arithmetic."""

import logging
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import TableError
from mmaq.config.data import Period
from mmaq.contracts.stations import read_station_table, station_of_sampling_point
from mmaq.landuse.measurements import read_no2, station_means
from tests.landuse.small_country import PERIOD, hours

STATION_OF = pd.Series({"SPO-A": "A", "SPO-A2": "A", "SPO-B": "B"})


@pytest.fixture
def means(tmp_path):
    def compute(*tables, period=PERIOD, min_coverage=0.75):
        paths = []
        for number, table in enumerate(tables):
            paths.append(tmp_path / f"{number}.parquet")
            table.to_parquet(paths[-1], index=False)
        return station_means(paths, STATION_OF, period, min_coverage).to_dict()

    return compute


def test_invalid_and_fill_values_do_not_count(means):
    table = hours("SPO-A", 20).astype({"Value": float})
    table.loc[:9, ["Value", "Validity"]] = [500, -1]
    table.loc[10:19, ["Value", "Validity"]] = [500, -99]
    table.loc[20:29, "Value"] = -999
    table.loc[30:39, ["Value", "Validity"]] = [20, 2]
    assert means(table) == {"A": pytest.approx(20)}


def test_codes_2_and_3_are_valid(means):
    below = hours("SPO-A", 2, Validity=np.resize([1, 2, 3], 240))
    assert means(below, min_coverage=1.0) == {"A": 2}


def test_other_pollutants_do_not_count(means, caplog):
    both = pd.concat([hours("SPO-A", 20), hours("SPO-A", 90, Pollutant=7)])
    with caplog.at_level(logging.WARNING):
        assert means(both, hours("SPO-B", 90, Pollutant=5001)) == {"A": 20}
    assert "1.parquet: holds no NO2" in caplog.text


def test_unverified_never_joins_verified(means, caplog):
    half = np.where(np.arange(240) < 200, 1, 3)
    table = hours("SPO-A", 0, Verification=half)
    table["Value"] = np.where(half == 1, 10.0, 90.0)
    assert means(table, hours("SPO-B", 50, Verification=2)) == {"A": 10}
    assert means(hours("SPO-B", 50, Verification=2), hours("SPO-A", 10, Verification=3)) == {
        "A": 10, "B": 50,
    }  # fmt: skip
    assert "unverified ones are used" in caplog.text


def test_period_is_in_utc_and_tables_in_utc_plus_one(means):
    wide = Period(start="2021-02-28", end="2021-03-11")
    table = hours("SPO-A", 0, period=wide)
    utc = table["Start"] - pd.Timedelta(hours=1)
    inside = (utc >= "2021-03-01") & (utc < "2021-03-11")
    table["Value"] = np.where(inside, 7.0, 1000.0)
    assert inside.sum() == 240
    assert means(table, min_coverage=1.0) == {"A": 7}


def test_daily_values_count_24_hours(means):
    daily = hours("SPO-A", 12, step=24)
    assert len(daily) == 10
    assert means(daily, min_coverage=1.0) == {"A": 12}
    assert means(daily, hours("SPO-A", 20)) == {"A": 20}, "hourly values are preferred"


def test_daily_values_fill_what_hourly_ones_lack(means):
    daily = hours("SPO-A", 20, step=24)
    two_days = Period(start="2021-03-04", end="2021-03-05")
    assert means(daily, hours("SPO-A", 50, two_days), min_coverage=1.0) == {"A": 26}
    early, late = Period(start="2021-03-01", end="2021-03-05"), Period(
        start="2021-03-06", end="2021-03-10"
    )  # fmt: skip
    changed = hours("SPO-A", 20, early, step=24), hours("SPO-A", 30, late)
    assert means(*changed, min_coverage=1.0) == {"A": 25}
    assert means(hours("SPO-A", 20, early, step=24), hours("SPO-A2", 30, late)) == {"A": 25}


def test_a_day_of_few_hours_is_its_daily_value(means):
    daily, hourly = hours("SPO-A", 20, step=24), hours("SPO-A", 50)
    few = hourly[:17]  # of the first day; a day of 18 is the mean of its hours
    assert means(daily, few, min_coverage=1.0) == {"A": 20}
    assert means(daily, hourly[:18])["A"] == pytest.approx((18 * 50 + 9 * 24 * 20) / (18 + 216))


def test_a_mean_is_weighted_by_hours(means):
    hourly, early = hours("SPO-A", 10), Period(start="2021-03-01", end="2021-03-05")
    daily = hours("SPO-A", 40, early, step=24)
    assert means(daily, hourly[-120:]) == {"A": 25}


@pytest.mark.parametrize("zone", ["Etc/GMT-1", "UTC", "America/New_York"])
@pytest.mark.parametrize("text", [False, True])
def test_times_with_a_zone_are_converted(means, zone, text):
    table = hours("SPO-A", 0)
    table["Value"] = np.arange(240.0)
    for name in ("Start", "End"):
        table[name] = table[name].dt.tz_localize("Etc/GMT-1").dt.tz_convert(zone)
        if text:
            table[name] = table[name].map(lambda stamp: stamp.isoformat())
    assert means(table, min_coverage=1.0) == {"A": np.arange(240.0).mean()}


def test_times_as_plain_text_are_the_services_own(means):
    table = hours("SPO-A", 7)
    for name in ("Start", "End"):
        table[name] = table[name].dt.strftime("%Y-%m-%d %H:%M:%S")
    assert means(table, min_coverage=1.0) == {"A": 7}


def test_only_rows_that_count_must_be_in_the_unit(means):
    table = hours("SPO-A", 20)
    invalid = hours("SPO-A", 90, Unit="ppb", Validity=-1)
    other_year = hours("SPO-A", 90, Period(start="2012-01-01", end="2012-01-02"), Unit="ppb")
    other_kind = hours("SPO-A", 90, Unit="ppb", AggType="var")
    assert means(pd.concat([table, invalid, other_year, other_kind])) == {"A": 20}


@pytest.mark.parametrize(
    "columns",
    [{"Unit": "µg/m3"}, {"Unit": "μg/m³"}, {"AggType": "Hour"}, {"Pollutant": "NO2"},
     {"Pollutant": "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8"}, {"Pollutant": "8"},
     {"Validity": "1"}, {"Verification": "1"}],
)  # fmt: skip
def test_other_spellings_of_the_same_are_read(means, columns):
    assert means(hours("SPO-A", 20, **columns)) == {"A": 20}


def test_values_beyond_belief_are_left_out_and_counted(means, caplog):
    table = hours("SPO-A", 20).astype({"Value": float})
    table.loc[:3, "Value"] = [9999.0, -99.0, 99999.0, np.nan]
    assert means(table) == {"A": 20}
    assert "0.parquet: 3 values beyond -10 to 2000 µg/m³, the first 9999: left out" in caplog.text


def test_hours_and_days_of_another_length_are_left_out_and_counted(means, caplog):
    """A negative one would take the other hours away, and a long one would outweigh them."""
    table = hours("SPO-A", 20).astype({"Value": float})
    table.loc[:2, "Value"] = 200.0
    table.loc[0, "End"] = table.loc[0, "Start"] - pd.Timedelta(hours=30)
    table.loc[1, "End"] = table.loc[1, "Start"]
    table.loc[2, "End"] += pd.Timedelta(days=100)
    table.loc[2, "Start"] -= pd.Timedelta(days=100)
    table.loc[3, "End"] = table.loc[3, "Start"] + pd.Timedelta(minutes=15)
    assert means(table) == {"A": 20}
    assert "2 values last no hour or day but, the first, 0 hours: left out" in caplog.text


def test_a_station_with_a_mean_below_zero_is_left_out_and_counted(means, caplog):
    assert means(hours("SPO-A", -3.2), hours("SPO-B", 10)) == {"B": 10}
    assert "1 stations have an impossible mean, the first A (-3.2 µg/m³)" in caplog.text
    with pytest.raises(TableError, match="no station has a mean that can be"):
        means(hours("SPO-A", -3.2))


def test_other_aggregations_do_not_count(means):
    with pytest.raises(TableError, match="no valid NO2 measurement lies in the period"):
        means(hours("SPO-A", 12, AggType="var"))


def test_sampling_points_of_a_station_are_averaged_hour_by_hour(means):
    assert means(hours("SPO-A", 10), hours("SPO-A2", 30)) == {"A": 20}
    first, second = hours("SPO-A", 10)[:120], hours("SPO-A2", 30)[120:]
    assert means(first, second, min_coverage=1.0) == {"A": 20}


def test_the_same_file_twice_changes_nothing(means):
    few = hours("SPO-A", 10)[:100]
    with pytest.raises(TableError, match=r"no station has valid NO2 for 0\.75 of the period"):
        means(few, few, few)
    assert means(few, few, min_coverage=0.4) == {"A": 10}


def test_a_point_counts_once_however_often_its_file_is_there(means):
    one, other = hours("SPO-A", 10), hours("SPO-A2", 30)
    assert means(one, one, other) == {"A": 20}
    days = hours("SPO-A", 10, step=24), hours("SPO-A2", 30, step=24)
    assert means(*days, days[1], min_coverage=1.0) == {"A": 20}


@pytest.mark.parametrize("clock", [0, 1, -6])
def test_days_of_two_points_are_the_days_of_the_station(means, clock):
    """Whatever the clocks by which they begin."""
    days, others = hours("SPO-A", 10, step=24), hours("SPO-A2", 30, step=24)
    for name in ("Start", "End"):
        others[name] += pd.Timedelta(hours=clock)
    hourly = hours("SPO-A", 50)
    assert means(days, others, hourly, min_coverage=1.0) == {"A": 50}
    assert means(days, others, others, min_coverage=1.0) == {"A": 20}
    with pytest.raises(TableError, match="no station has valid NO2"):
        means(days[:6], others[:6])


def test_unknown_sampling_point_is_left_out(means, caplog):
    assert means(hours("SPO-A", 10), hours("SPO-X", 30)) == {"A": 10}
    assert "1 sampling points are not in the station table" in caplog.text


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 300), min_size=240, max_size=240), st.integers(0, 9999))
def test_mean_is_the_arithmetic_mean_in_any_row_order(tmp_path_factory, values, seed):
    path = tmp_path_factory.mktemp("order") / "m.parquet"
    table = hours("SPO-A", 0)
    table["Value"] = values
    table.sample(frac=1, random_state=seed).to_parquet(path)
    mean = station_means([path], STATION_OF, PERIOD, 1.0)["A"]
    assert mean == pytest.approx(np.mean(values), abs=1e-9)


def wrong_unit(path):
    hours("SPO-A", 1, Unit="mg.m-3").to_parquet(path)


def no_column(path):
    hours("SPO-A", 1).drop(columns="Validity").to_parquet(path)


def text_value(path):
    hours("SPO-A", 1).assign(Value="much").to_parquet(path)


def no_time(path):
    hours("SPO-A", 1).assign(Start="yesterday").to_parquet(path)


def number_for_time(path):
    hours("SPO-A", 1).assign(Start=[{"a": 1}] * 240).to_parquet(path)


def no_parquet(path):
    path.write_text("Start;End;Value")


def truncated(path):
    hours("SPO-A", 1).to_parquet(path)
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (wrong_unit, "NO2 has the unit 'mg.m-3', not 'ug.m-3'"),
        (no_column, "column 'Validity' is missing"),
        (text_value, "not an EEA Parquet file"),
        (no_time, "not EEA measurements"),
        (number_for_time, "not EEA measurements"),
        (no_parquet, "not an EEA Parquet file"),
        (truncated, "not an EEA Parquet file"),
        (lambda path: None, "the file does not exist"),
    ],
)
def test_bad_file_is_named_in_one_line(tmp_path, damage, message):
    path = tmp_path / "m.parquet"
    damage(path)
    with pytest.raises(TableError) as caught:
        read_no2(path, PERIOD)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def plain_mean(path, first, after):
    """Mean of the valid verified values whose hour, moved from UTC+1 to UTC, is in the period."""
    total, count = 0.0, 0
    columns = ["Start", "Validity", "Verification", "Value"]
    for row in parquet.read_table(path, columns=columns).to_pylist():
        start = row["Start"] - timedelta(hours=1)
        if row["Validity"] >= 1 and row["Verification"] == 1 and first <= start < after:
            total += float(row["Value"])
            count += 1
    return total / count


def test_vienna_means_agree_with_plain_arithmetic(real_data):
    folder = real_data / "stations" / "eea_no2_hourly_2024_AT"
    paths = sorted(folder.glob("*.parquet"))
    table = read_station_table(real_data / "stations" / "PanEuropean_metadata.zip")
    period = Period(start="2024-02-01", end="2024-11-30")
    found = station_means(paths, station_of_sampling_point(table), period, 0.75)
    assert len(found) == len(paths) == 10
    for path in paths:
        station = path.name.split(".")[2]
        expected = plain_mean(path, datetime(2024, 2, 1), datetime(2024, 12, 1))
        assert found[f"STA.09.{station}"] == pytest.approx(expected, rel=1e-12)
    assert 5 < found.min() < found.max() < 40
