"""`mmaq validate`: predictions beside an agency's own measurements."""

import numpy as np
import pytest
from sklearn.metrics import r2_score
from typer.testing import CliRunner

from mmaq.base.errors import TableError
from mmaq.cli import app
from mmaq.predict.validation import validate

PREDICTIONS = """site_id,lon,lat,no2,low,high,inputs
A,5,50,10,8,12,s2
B,5,51,20,15,24,s2
C,5,52,30,25,40,s2
D,6,50,,,,
E,6,51,9,,,table
"""
MEASUREMENTS = "site_id;no2;note\nC;41,5;tube\nA;11,0;\nB;18,0;\nE;12,5;\nF;;broken\n"


def compare(folder, measurements=MEASUREMENTS, predictions=PREDICTIONS):
    for name, text in (("m.csv", measurements), ("p.csv", predictions)):
        (folder / name).write_text(text, encoding="utf-8")
    return validate(measurements=folder / "m.csv", predictions=folder / "p.csv")


def test_figures_are_those_worked_out_by_hand(tmp_path):
    found = compare(tmp_path)
    measured, predicted = np.array([41.5, 11.0, 18.0, 12.5]), np.array([30.0, 10.0, 20.0, 9.0])
    assert (found.pollutant, found.sites, found.without) == ("no2", 4, 0)
    assert found.r2 == pytest.approx(r2_score(measured, predicted))
    assert found.rmse == pytest.approx(np.sqrt((11.5**2 + 1 + 4 + 3.5**2) / 4))
    assert found.bias == pytest.approx((-11.5 - 1 + 2 - 3.5) / 4)
    assert found.coverage90 == pytest.approx(2 / 3)  # E has no interval
    # rank 0.9 * 4 = 3.6 of the ascending indicators; the largest are those of C and E
    allowed = 2 * 0.24 * np.sqrt(0.96 * np.array([12.5, 41.5]) ** 2 / 5.2 + 0.04 * 200**2 / 5.5)
    third, fourth = np.array([3.5, 11.5]) / allowed
    assert found.mqi == pytest.approx(third + 0.6 * (fourth - third))


def test_a_unit_counts_only_where_there_is_a_measurement(tmp_path):
    text = "site_id;no2;unit\nC;41,5;µg/m3\nA;11,0;ug.m-3\nB;18,0;ug m-3\nE;12,5;µg/m³\nF;;ppb\n"
    assert compare(tmp_path, text) == compare(tmp_path)


def test_what_could_not_be_predicted_is_counted_and_of_other_pollutants_no_mqi_is_known(tmp_path):
    ozone = PREDICTIONS.replace("no2", "o3").replace(",low,high", ",under,over")
    found = compare(tmp_path, "site_id,o3,no2\nA,1,9\nD,2,9\nB,3,9\n", ozone)
    assert (found.pollutant, found.sites, found.without) == ("o3", 2, 1)
    assert np.isnan([found.mqi, found.coverage90]).all()


@pytest.mark.parametrize(
    ("measurements", "predictions", "fault"),
    [
        ("site_id,no2\nA,1\nZ,2\n", PREDICTIONS, r"m\.csv: line 3: site 'Z' is not in"),
        ("site_id,no2\nA,1\nA,2\n", PREDICTIONS, r"m\.csv: line 3: 'A' stands twice"),
        ("site_id,no2\nA,1\nB,-2\n", PREDICTIONS, r"m\.csv: line 3: .* impossible value -2"),
        ("site_id,no2\nA,1\nB,much\n", PREDICTIONS, r"m\.csv: line 3: .*'much'"),
        ("site_id,o3\nA,1\nB,2\n", PREDICTIONS, r"m\.csv: column 'no2' is missing"),
        ("site_id,no2\nA,\nB,NA\n", PREDICTIONS, r"m\.csv: column 'no2' holds no measurement"),
        ("site_id,no2,unit\nA,1,µg/m³\nB,2,ppb\n", PREDICTIONS, r"m\.csv: line 3: .*'ppb', not"),
        ("site_id,no2,units\nA,1,\nB,2,ug/m3\n", PREDICTIONS, r"m\.csv: line 2: .*'', not"),
        ("site_id,no2\nA,1\nD,2\n", PREDICTIONS, r"m\.csv: 1 of its measurements have"),
        (MEASUREMENTS, "site_id,lon\nA,1\n", r"p\.csv: it holds 0 of the columns no2"),
        (MEASUREMENTS, "site_id,no2,o3\nA,1,2\n", r"p\.csv: it holds 2 of the columns no2"),
    ],
)
def test_a_fault_is_one_line_that_names_the_file(tmp_path, measurements, predictions, fault):
    with pytest.raises(TableError, match=fault):
        compare(tmp_path, measurements, predictions)


def test_the_verb_prints_every_figure(tmp_path):
    compare(tmp_path)
    given = ["--measurements", tmp_path / "m.csv", "--predictions", tmp_path / "p.csv"]
    done = CliRunner().invoke(app, ["validate", *map(str, given)])
    assert done.exit_code == 0, done.exception
    lines = [line.rsplit(maxsplit=1) for line in done.output.replace(" µg/m³", "").splitlines()]
    told = {name.strip(): value for name, value in lines}
    assert told["sites"] == "4"
    assert told["coverage of 90 %"] == "0.667"
    assert set(told) >= {"R2", "RMSE", "bias", "MQI"}
