import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from mmaq.base.errors import CheckpointError, TableError
from mmaq.config.evaluation import Evaluate
from mmaq.prediction.head import Linear, fit_head
from mmaq.prediction.inputs import subsets
from mmaq.prediction.stage import predict as predict_sites
from mmaq.prediction.stage import predictor as fit_predictor
from mmaq.prediction.stage import read_predictor
from mmaq.statistics.splits import Fold


def _predict(land, out, chosen=None):
    predict_sites(
        sites=land / "sites.parquet",
        store=land / "patches",
        predictor=land / "mmaq_no2.safetensors",
        chosen=chosen,
        threads=1,
        out=out,
    )
    return pd.read_csv(out, keep_default_na=True)


@pytest.fixture(scope="module")
def predicted(land, tmp_path_factory):
    table = _predict(land, tmp_path_factory.mktemp("out") / "predictions.csv")
    return table.merge(pd.read_csv(land / "truth.csv"), on="site_id")


def test_every_site_has_a_figure_and_says_what_it_rests_on(predicted):
    assert len(predicted) == 240
    found = predicted["modalities"].value_counts().to_dict()
    assert found == {
        "s2+s5p+table+type": 200, "s2+s5p+table": 20, "s5p+table": 10, "table": 10
    }  # fmt: skip
    assert (predicted["low"] <= predicted["no2"]).all()
    assert (predicted["no2"] <= predicted["high"]).all()
    assert (predicted["low"] >= 0).all()


def test_who_has_less_gets_a_wider_interval(predicted):
    half = (predicted["high"] - predicted["no2"]).groupby(predicted["modalities"]).median()
    assert half["s2+s5p+table+type"] < half["s2+s5p+table"] < half["table"]


def test_the_intervals_hold_unmeasured_places(predicted):
    unmeasured = predicted[predicted["modalities"] != "s2+s5p+table+type"]
    inside = unmeasured["truth"].between(unmeasured["low"], unmeasured["high"])
    assert len(unmeasured) == 40
    assert inside.mean() >= 0.8  # 0.9 within two standard errors of 40 sites


def test_a_list_of_sites_is_answered_in_its_order(land, predicted, tmp_path):
    wanted = predicted["site_id"].sample(7, random_state=1).tolist()
    pd.DataFrame({"site_id": wanted, "note": "x"}).to_csv(tmp_path / "list.csv", index=False)
    few = _predict(land, tmp_path / "few.csv", tmp_path / "list.csv")
    assert few["site_id"].tolist() == wanted
    same = predicted.set_index("site_id").loc[wanted]
    np.testing.assert_allclose(few["no2"], same["no2"], rtol=1e-4)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("site_id\nST9999\n", "site 'ST9999' is not in"),
        ("name\nST0001\n", "column 'site_id' is missing"),
        ("", "not a readable table"),
    ],
)
def test_a_wrong_list_is_refused_and_nothing_is_written(land, tmp_path, text, fault):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(TableError, match=fault):
        _predict(land, tmp_path / "out.csv", tmp_path / "list.csv")
    assert not (tmp_path / "out.csv").exists()


def test_encoders_without_heads_are_refused(land, tmp_path):
    with pytest.raises(CheckpointError, match="encoders and no heads"):
        predict_sites(
            sites=land / "sites.parquet",
            store=land / "patches",
            predictor=land / "mmaq.safetensors",
            chosen=None,
            threads=1,
            out=tmp_path / "out.csv",
        )


def test_a_predictor_comes_back_as_it_was_written(land):
    model = read_predictor(land / "mmaq_no2.safetensors")
    assert {head.inputs for head in model.heads} == set(subsets(("s2", "s5p", "table", "type")))
    assert {head.stations for head in model.heads} == {200}
    assert [len(head.inputs) for head in model.heads] == sorted(
        len(head.inputs) for head in model.heads
    )


def test_a_truncated_predictor_is_named(land, tmp_path):
    whole = (land / "mmaq_no2.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"cut\.safetensors: not a readable"):
        read_predictor(tmp_path / "cut.safetensors")


def test_too_few_stations_make_no_predictor(land, tmp_path):
    table = pd.read_parquet(land / "sites.parquet")
    table.loc[table["no2"].notna().cumsum() > 20, "no2"] = np.nan
    table.to_parquet(tmp_path / "sites.parquet")
    with pytest.raises(TableError, match="20 stations are too few"):
        fit_predictor(
            sites=tmp_path / "sites.parquet",
            store=land / "patches",
            checkpoint=land / "mmaq.safetensors",
            config=Evaluate(),
            dataset="made_up",
            out=tmp_path / "out.safetensors",
        )
    assert not (tmp_path / "out.safetensors").exists()


def test_a_linear_head_is_a_ridge_on_standardised_columns():
    rng = np.random.default_rng(0)
    x = rng.normal([5, -3, 100], [1, 4, 30], (80, 3))
    y = x @ [1.0, 2.0, 0.1] + rng.normal(0, 1, 80)
    linear = Linear.fit([x], y)
    standard = (x - x.mean(0)) / x.std(0)
    slopes = linear.slope * x.std(0)
    # the penalty that was chosen is the one that these slopes solve
    gram, residual = standard.T @ standard, standard.T @ (y - y.mean())
    penalty = float(((residual - gram @ slopes) @ slopes) / (slopes @ slopes))
    reference = Ridge(alpha=penalty).fit(standard, y)
    np.testing.assert_allclose(slopes, reference.coef_, rtol=1e-6)
    np.testing.assert_allclose(linear.predict([x]), reference.predict(standard), rtol=1e-9)


def test_the_interval_is_that_of_stations_left_out():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(100, 2)), rng.normal(20, 5, 100)
    folds = [Fold(np.setdiff1d(np.arange(100), part), part) for part in np.split(np.arange(100), 5)]
    head = fit_head({"a": x}, ("a",), y, folds)
    errors = [
        Linear.fit([x[fold.train]], y[fold.train]).predict([x[fold.test]]) - y[fold.test]
        for fold in folds
    ]
    sizes = np.sort(np.abs(np.concatenate(errors)))
    assert head.radius == sizes[90]  # the 91st of 100: ceil(101 * 0.9)
    assert head.r2 < 0.1
