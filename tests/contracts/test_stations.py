"""The EEA's station table in both of its forms."""

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import TableError
from mmaq.contracts.stations import is_station_table, one_row_a_station, read_metadata

EEA = {
    "Countrycode": "NL", "AirQualityStation": "STA-1", "SamplingPoint": "SPO-1",
    "AirPollutantCode": "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8",
    "ObservationDateBegin": "2010-01-01T00:00:00", "Longitude": "4.88", "Latitude": "52.37",
    "Altitude": "3", "AirQualityStationType": "traffic", "AirQualityStationArea": "rural-remote",
}  # fmt: skip

VIEWER = {
    "Country": "Netherlands", "Air Quality Network": "NET", "Air Quality Station EoI Code": "NL1",
    "Air Quality Station Name": "Één", "Sampling Point Id": "SPO-1", "Air Pollutant": "NO2",
    "Operational Activity Begin": "31/12/2010 00:00:00", "Operational Activity End": "",
    "Longitude": "4.88", "Latitude": "52.37", "Altitude": "3",
    "Air Quality Station Type": "Traffic", "Air Quality Station Area": "Rural-Remote",
}  # fmt: skip


def written(tmp_path, *rows, separator=",", encoding="utf-8"):
    path = tmp_path / "table.csv"
    pd.DataFrame(list(rows)).to_csv(path, sep=separator, index=False, encoding=encoding)
    return path


@pytest.mark.parametrize(
    ("row", "separator", "site"),
    [(EEA, "\t", "STA-1"), (EEA, ",", "STA-1"), (VIEWER, ",", "NL1"), (VIEWER, ";", "NL1")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_forms_are_read(tmp_path, row, separator, site, encoding):
    path = written(tmp_path, row, separator=separator, encoding=encoding)
    assert is_station_table(path)
    found = one_row_a_station(read_metadata(path)).iloc[0]
    assert found[["site_id", "sampling_point", "country"]].tolist() == [site, "SPO-1", "NL"]
    assert found[["lon", "lat", "altitude"]].tolist() == [4.88, 52.37, 3.0]
    assert found[["area", "type", "pollutant"]].tolist() == ["rural", "traffic", 8]
    assert found["begin"].startswith("2010-")


def test_namibia_is_a_country_and_no_altitude_is_none(tmp_path):
    path = written(tmp_path, {**EEA, "Countrycode": "NA", "Altitude": "NA"}, separator="\t")
    found = read_metadata(path).iloc[0]
    assert found["country"] == "NA"
    assert pd.isna(found["altitude"])


@pytest.mark.parametrize("end", [" 00:00:00", " 00:00", " 0:00", ""])
@pytest.mark.parametrize("day", ["01/02/2015", "01.02.2015", "1-2-2015"])
def test_dates_that_excel_has_saved_are_dates(tmp_path, day, end):
    viewer = {**VIEWER, "Operational Activity Begin": day + end}
    assert read_metadata(written(tmp_path, viewer))["begin"].tolist() == ["2015-02-01T00:00:00"]
    rows = [
        {**EEA, "ObservationDateBegin": begin, "Altitude": altitude}
        for begin, altitude in ((day + end, "2"), ("2014-12-31T00:00:00+01:00", "1"))
    ]
    path = written(tmp_path, *rows, separator="\t")
    assert one_row_a_station(read_metadata(path))["altitude"].tolist() == [2.0]


@pytest.mark.parametrize("begin", ["12/31/2010", "soon", "2010"])
def test_a_begin_that_is_no_date_is_refused(tmp_path, begin):
    for row, name in ((EEA, "ObservationDateBegin"), (VIEWER, "Operational Activity Begin")):
        with pytest.raises(TableError, match=f"line 3: observation begins at {begin!r}"):
            read_metadata(written(tmp_path, row, {**row, name: begin}))
        assert read_metadata(written(tmp_path, {**row, name: ""}))["begin"].isna().all()


def test_a_height_that_is_no_number_is_missing_and_counted(tmp_path, caplog):
    bad = {**EEA, "Altitude": "n.a.", "InletHeight": "roof"}
    found = read_metadata(written(tmp_path, {**EEA, "InletHeight": "2.5"}, bad))
    np.testing.assert_array_equal(found["altitude"], [3.0, np.nan])
    np.testing.assert_array_equal(found["inlet_height"], [2.5, np.nan])
    told = "1 cells of altitude are no numbers and taken for missing, the first line 3: 'n.a.'"
    assert told in caplog.text


def test_area_and_type_by_address_or_none(tmp_path):
    base = "http://dd.eionet.europa.eu/vocabulary/aq/"
    types = {"AirQualityStationType": f"{base}stationclassification/traffic"}
    areas = {"AirQualityStationArea": f"{base}areaclassification/rural-nearcity"}
    nothing = {"AirQualityStationType": "NULL", "AirQualityStationArea": ""}
    found = read_metadata(written(tmp_path, {**EEA, **types, **areas}, {**EEA, **nothing}))
    assert found[["area", "type"]].iloc[0].tolist() == ["rural", "traffic"]
    assert found[["area", "type"]].iloc[1].isna().all()


def test_decimal_commas_and_faults_name_their_line(tmp_path):
    commas = {"Longitude": "4,88", "Latitude": "52,37"}
    assert read_metadata(written(tmp_path, {**EEA, **commas}))["lon"].tolist() == [4.88]
    path = written(tmp_path, EEA, {**EEA, "Longitude": "east"})
    with pytest.raises(TableError, match="line 3: column 'lon' holds 'east' at 'STA-1'"):
        read_metadata(path)
    lacking = {name: value for name, value in EEA.items() if name != "AirQualityStationArea"}
    with pytest.raises(TableError, match="column 'AirQualityStationArea' is missing"):
        read_metadata(written(tmp_path, lacking))
    assert not is_station_table(written(tmp_path, {"site_id": "a"}))
    assert not is_station_table(tmp_path / "none.csv")
