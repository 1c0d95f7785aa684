from __future__ import annotations

import numpy as np
import pytest

from mmaq.config.evaluation import Evaluate, Predict
from mmaq.contracts.sites import write_sites
from mmaq.predict.stage import fit
from mmaq.vocabulary import TYPES
from tests.estimators.made_up_fixtures import *  # noqa: F403
from tests.estimators.stations_made_up import TINY, make_store, make_table

UNMEASURED = 40
"""Sites without a measurement, of which the first 10 have no patch at all and as many no S2."""


@pytest.fixture(scope="session")
def fitted_land(tmp_path_factory, checkpoint):
    """A folder with sites.parquet, patches, the hidden truth, and an estimator."""
    folder = tmp_path_factory.mktemp("fitted_land")
    rng = np.random.default_rng(5)
    table, hidden, _ = make_table(240, rng)
    unmeasured = table.index[:UNMEASURED]
    table["truth"] = table["no2"]
    table.loc[unmeasured, ["no2", *TYPES]] = np.nan  # its area follows from the density
    make_store(folder / "patches", table, hidden, rng, without={"s2": 20, "s5p": 10})
    write_sites(table.drop(columns="truth"), folder / "sites.parquet")
    table[["site_id", "truth"]].to_csv(folder / "truth.csv", index=False)
    fit_to(folder, Predict(method="mmaq"), folder / "mmaq_fused.safetensors", checkpoint)
    return folder


def fit_to(folder, config, out, checkpoint=None, chosen=None, sites=None):
    """Fit to the stations of ``fitted_land``, or of another site table."""
    fit(
        sites=sites or folder / "sites.parquet", store=folder / "patches", checkpoint=checkpoint,
        encoders=TINY, evaluate=Evaluate(seeds=(0,), threads=1), config=config, chosen=chosen,
        out=out,
    )  # fmt: skip
    return out
