"""An estimator that is fitted and asked: what each prediction rests on, and wrong input."""

import json
import shutil
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from safetensors import safe_open

from mmaq import estimators
from mmaq.base.errors import CheckpointError, TableError
from mmaq.config.evaluation import Predict
from mmaq.contracts.context import potential
from mmaq.contracts.estimator import KEY, Tier, read_estimator, write_estimator
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites, write_sites
from mmaq.estimators.base import Fitted, Places
from mmaq.estimators.catalogue import fitted_kind
from mmaq.predict.stage import ask, load, predict, surroundings_of
from tests.predict.conftest import fit_to


def _predict(fitted_land, out, chosen=None, estimator="mmaq_fused.safetensors"):
    predict(
        sites=fitted_land / "sites.parquet", store=fitted_land / "patches",
        estimator=fitted_land / estimator,
        chosen=chosen, threads=1, out=out,
    )  # fmt: skip
    return pd.read_csv(out, keep_default_na=True)


@pytest.fixture(scope="module")
def predicted(fitted_land, tmp_path_factory):
    table = _predict(fitted_land, tmp_path_factory.mktemp("out") / "predictions.csv")
    return table.merge(pd.read_csv(fitted_land / "truth.csv"), on="site_id")


def test_every_site_has_a_figure_and_says_what_it_rests_on(predicted):
    assert len(predicted) == 240
    # nobody declared a type of the 40 unmeasured sites, and 20 of these lack an image
    found = predicted["inputs"].value_counts().to_dict()
    assert found == {"s2+s5p+table+type": 200, "s2+s5p+table": 20, "table+geo+context": 20}
    assert (predicted["low"] <= predicted["no2"]).all()
    assert (predicted["no2"] <= predicted["high"]).all()
    assert (predicted["low"] >= 0).all()


def test_who_has_less_gets_a_wider_interval(fitted_land):
    """At the same places, of the two tiers of each method, with type and without."""
    _, tiers = load(fitted_land / "mmaq_fused.safetensors")
    table = read_sites(fitted_land / "sites.parquet")
    places = Places(table[40:].reset_index(drop=True), open_store(fitted_land / "patches"))
    widths = []
    for fitted, intervals, _ in tiers:
        low, high = intervals.bounds(places, fitted.mean(places))
        widths.append((high - low).mean())
    assert widths[0] < widths[1]
    assert widths[2] < widths[3]


def test_the_intervals_hold_unmeasured_places(predicted):
    unmeasured = predicted[predicted["inputs"] != "s2+s5p+table+type"]
    inside = unmeasured["truth"].between(unmeasured["low"], unmeasured["high"])
    assert len(unmeasured) == 40
    assert inside.mean() >= 0.8  # 0.9 within two standard errors of 40 sites


def test_where_no_tier_can_answer_nothing_is_said(fitted_land):
    pollutant, tiers = load(fitted_land / "mmaq_fused.safetensors")
    table = read_sites(fitted_land / "sites.parquet")
    places = Places(table, open_store(fitted_land / "patches"))
    found = ask(tiers[:2], places, pollutant)
    without = np.arange(len(table)) < 20
    assert (places.patch_rows("s2") < 0).tolist() == without.tolist()
    assert found.loc[without, ["no2", "low", "high"]].isna().all(axis=None)
    assert set(found.loc[without, "inputs"]) == {""}
    assert found.loc[~without, ["no2", "low", "high"]].notna().all(axis=None)


def test_a_tier_that_the_store_cannot_serve_leaves_the_next_one(fitted_land, tmp_path):
    """Of a store without any image the second tier answers everywhere, and bounds end at 0."""
    from tests.estimators.stations_made_up import make_store

    table = read_sites(fitted_land / "sites.parquet")
    rng = np.random.default_rng(0)
    make_store(tmp_path / "none", table, np.zeros(240), rng, absent=("s2", "s5p"))
    pollutant, tiers = load(fitted_land / "mmaq_fused.safetensors")
    found = ask(tiers, Places(table, open_store(tmp_path / "none")), pollutant)
    assert found["inputs"].value_counts().to_dict() == {
        "table+geo+context+type": 200,
        "table+geo+context": 40,
    }
    assert found["no2"].notna().all()


def test_a_list_of_sites_is_answered_in_its_order(fitted_land, predicted, tmp_path):
    wanted = predicted["site_id"].sample(7, random_state=1).tolist()
    pd.DataFrame({"site_id": wanted, "note": "x"}).to_csv(tmp_path / "list.csv", index=False)
    few = _predict(fitted_land, tmp_path / "few.csv", tmp_path / "list.csv")
    assert few["site_id"].tolist() == wanted
    same = predicted.set_index("site_id").loc[wanted]
    # a prediction does not depend on what else is asked; a sum over a batch rounds by its size
    np.testing.assert_allclose(few["no2"], same["no2"], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("site_id\nST9999\n", "site 'ST9999' is not in"),
        ("name\nST0001\n", "column 'site_id' is missing"),
        ("site_id\nST0001\nST0002\nST0001\n", "line 4: 'ST0001' stands twice"),
        ("", "the table is empty"),
    ],
)
def test_a_wrong_list_is_refused_and_nothing_is_written(fitted_land, tmp_path, text, fault):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(TableError, match=fault):
        _predict(fitted_land, tmp_path / "out.csv", tmp_path / "list.csv")
    with pytest.raises(TableError, match=fault):
        fit_to(fitted_land, Predict(method="gbm"), tmp_path / "out", chosen=tmp_path / "list.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["list.csv"]


def test_chosen_sites_that_measure_nothing_are_counted(fitted_land, tmp_path, caplog):
    ids = read_sites(fitted_land / "sites.parquet")["site_id"]
    ids[20:100].to_csv(tmp_path / "list.csv", index=False)
    fit_to(fitted_land, Predict(method="mean"), tmp_path / "out", chosen=tmp_path / "list.csv")
    told = f"{tmp_path / 'list.csv'}: 20 of 80 sites have no no2 and take no part"
    assert told in [each.message for each in caplog.records]
    assert read_estimator(tmp_path / "out")[1][0].stations == 60


def test_encoders_alone_are_refused(fitted_land, checkpoint, tmp_path):
    fault = r"mmaq\.safetensors: it holds no estimator of version 4\. Make it with `mmaq fit`"
    with pytest.raises(CheckpointError, match=fault):
        _predict(fitted_land, tmp_path / "out.csv", estimator=checkpoint)
    assert not list(tmp_path.iterdir())


def test_what_was_fitted_is_told_in_the_file(fitted_land):
    pollutant, tiers = read_estimator(fitted_land / "mmaq_fused.safetensors")
    assert pollutant == "no2"
    assert [(each.method, each.protocol, each.inputs) for each in tiers] == [
        ("mmaq", "fused", "s2+s5p+table+type"), ("mmaq", "fused", "s2+s5p+table"),
        ("gbm_context_kriging", "reference", "table+geo+context+type"),
        ("gbm_context_kriging", "reference", "table+geo+context"),
    ]  # fmt: skip
    assert [each.stations for each in tiers] == [200] * 4
    images = {"s2": {"side": 8}, "s5p": {"side": 6}}
    assert [each.patches for each in tiers] == [images, images, {}, {}]
    assert all(each.intervals is not None for each in tiers)


def test_a_file_holds_no_code(fitted_land):
    """Metadata is JSON, tensors are numbers, and trees are LightGBM's text."""
    path = fitted_land / "mmaq_fused.safetensors"
    with safe_open(path, framework="np") as file:
        assert set(file.metadata()) == {KEY}
        json.loads(file.metadata()[KEY])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    texts = {name for name, value in arrays.items() if value.dtype == np.uint8}
    trees = {f"{tier}.0.trees.{run}" for tier in (2, 3) for run in range(3)}
    assert texts == trees | {f"{tier}.intervals.sizes.0" for tier in range(4)}
    assert all(arrays[name].tobytes().decode().startswith("tree\n") for name in texts)
    assert {value.dtype.kind for name, value in arrays.items() if name not in texts} <= {
        "b",
        "f",
        "i",
    }


def _changed(fitted_land, out, change):
    pollutant, tiers = read_estimator(fitted_land / "mmaq_fused.safetensors")
    write_estimator(out, pollutant, [change(tiers[0]), *tiers[1:]])
    return out


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda tier: replace(tier, kind="oracle"), "it holds an unknown kind 'oracle'"),
        (lambda tier: replace(tier, about={}), "what it learned is damaged"),
        (lambda tier: replace(tier, arrays={}), "what it learned is damaged"),
        (lambda tier: replace(tier, intervals=({}, {})), "what it learned is damaged"),
        (lambda tier: replace(tier, kind="trees", about={"features": "table"},
                              arrays={"trees.0": np.frombuffer(b"no tree", np.uint8)}),
         "what it learned is damaged"),
    ],
)  # fmt: skip
def test_a_file_with_other_contents_is_refused(fitted_land, tmp_path, change, fault):
    path = _changed(fitted_land, tmp_path / "changed.safetensors", change)
    with pytest.raises(CheckpointError, match=rf"changed\.safetensors: {fault}"):
        load(path)


def test_what_was_learned_of_other_features_is_refused(fitted_land, tmp_path):
    def narrower(tier):
        return replace(tier, arrays={name: each[..., :-1] for name, each in tier.arrays.items()})

    path = _changed(fitted_land, tmp_path / "changed.safetensors", narrower)
    with pytest.raises(CheckpointError, match=r"changed\.safetensors: what it learned"):
        _predict(fitted_land, tmp_path / "out.csv", estimator=path)
    assert not (tmp_path / "out.csv").exists()


OF_ONE_COUNTRY = ("truth", "true_inputs")
"""The ceilings, which read the truth of their archive and are no file."""


def test_every_kind_is_found_by_its_own_name():
    written = {kind for kind in _fitted_classes() if kind.kind not in OF_ONE_COUNTRY}
    assert {fitted_kind(kind.kind) for kind in written} == written
    assert len(written) == 10
    with pytest.raises(KeyError):
        fitted_kind("magic")


def _fitted_classes():
    """All classes of the package that have learned something."""
    for module in iter_modules(estimators.__path__, "mmaq.estimators."):
        import_module(module.name)
    own = {kind for kind in Fitted.__subclasses__() if kind.__module__.startswith("mmaq.")}
    return {kind for kind in own if "kind" in vars(kind)}


def test_too_few_stations_make_no_estimator(fitted_land, tmp_path, checkpoint):
    table = pd.read_parquet(fitted_land / "sites.parquet")
    table.loc[table["no2"].notna().cumsum() > 9, "no2"] = np.nan
    table.to_parquet(tmp_path / "sites.parquet")
    with pytest.raises(TableError, match="9 stations with no2 are too few for mmaq"):
        fit_to(
            fitted_land,
            Predict(method="mmaq"),
            tmp_path / "out",
            checkpoint,
            sites=tmp_path / "sites.parquet",
        )
    assert not (tmp_path / "out").exists()


def test_without_encoders_nothing_is_fitted(fitted_land, tmp_path):
    with pytest.raises(TableError, match="mmaq: no encoders were pretrained"):
        fit_to(fitted_land, Predict(method="mmaq"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_protocol_that_a_method_has_not_is_refused():
    with pytest.raises(ValidationError, match="there is no estimator gbm under finetune"):
        Predict(method="gbm", protocol="finetune")


@pytest.mark.parametrize(
    ("side", "pixel", "fault"),
    [
        (6, 0.1, None),
        (8, 0.1, r"e\.safetensors: it reads s5p patches of pixel_degrees 0\.1 and side 8, "),
        (
            6,
            0.05,
            r"pixel_degrees 0\.05 and side 6, and here they are of pixel_degrees 0\.1 and side",
        ),
    ],
)
def test_patches_of_another_size_are_refused(fitted_land, tmp_path, side, pixel, fault):
    store = tmp_path / "patches"
    shutil.copytree(fitted_land / "patches", store)
    about = json.loads((store / "store.json").read_text())
    about["modalities"]["s5p"] = {"side": 6, "pixel_degrees": 0.1 + 1e-12}
    (store / "store.json").write_text(json.dumps(about))
    kept = {"s5p": {"side": side, "pixel_degrees": pixel}}
    tier = Tier(
        "constant", "mean", "reference", "s5p", False, 9, {"value": 5.0}, {}, None, patches=kept
    )
    write_estimator(tmp_path / "e.safetensors", "no2", [tier])
    given = {"sites": fitted_land / "sites.parquet", "store": store, "chosen": None, "threads": 1}
    given |= {"estimator": tmp_path / "e.safetensors", "out": tmp_path / "out.csv"}
    if fault is None:
        predict(**given)
    else:
        with pytest.raises(CheckpointError, match=fault):
            predict(**given)
    assert (tmp_path / "out.csv").exists() == (fault is None)


@pytest.mark.parametrize(
    ("fitted_to", "covariates", "asked_of", "fault"),
    [
        ("geonames", [], "geonames", None),
        ("population.tif", [], "ghsl-pop-1km@R2023A-2020", None),
        ("geonames", [], "population.tif", "Set landuse.potential: geonames"),
        ("population.tif", [], "geonames", "Set landuse.potential: map"),
        ("geonames", ["covariate_x"], "geonames", "covariates are none, those that .* covariate_x"),
    ],
)
def test_surroundings_of_another_kind_are_refused(
    fitted_land, tmp_path, fitted_to, covariates, asked_of, fault
):
    around = {"population": fitted_to, "covariates": covariates}
    sites = tmp_path / "sites.parquet"
    write_sites(read_sites(fitted_land / "sites.parquet"), sites, {potential(2): asked_of})
    assert_predicts_unless(fault, fitted_land, tmp_path, "context", around)


@pytest.mark.parametrize(
    ("fitted_to", "asked_of", "fault"),
    [
        (1000.0, 1000.0, None),
        (1000.0, 500.0, "radius of 500 m, those of the fit 1000 m.*Set landuse.radius_m: 1000"),
        (1000.0, None, None),  # of a table that does not say it
        (None, 500.0, None),
    ],
)
@pytest.mark.parametrize("modalities", ["table", "geo"])
def test_means_in_other_discs_are_refused(
    fitted_land, tmp_path, modalities, fitted_to, asked_of, fault
):
    sites = tmp_path / "sites.parquet"
    known = read_sites(fitted_land / "sites.parquet")
    write_sites(known, sites, radius_m=fitted_to)
    around = surroundings_of(sites, known, modalities)
    assert around == {"radius_m": fitted_to}
    write_sites(known, sites, radius_m=asked_of)
    assert_predicts_unless(fault, fitted_land, tmp_path, modalities, around)


def assert_predicts_unless(fault, fitted_land, tmp_path, modalities, around):
    sites = tmp_path / "sites.parquet"
    tier = Tier(
        "constant", "mean", "reference", modalities, False, 9, {"value": 5.0}, {}, None, around
    )
    write_estimator(tmp_path / "e.safetensors", "no2", [tier])
    given = {"sites": sites, "store": fitted_land / "patches", "chosen": None, "threads": 1}
    given |= {"estimator": tmp_path / "e.safetensors", "out": tmp_path / "out.csv"}
    if fault is None:
        predict(**given)
        assert (pd.read_csv(tmp_path / "out.csv")["no2"] == 5.0).all()
    else:
        with pytest.raises(TableError, match=fault):
            predict(**given)
        assert not (tmp_path / "out.csv").exists()
