"""Fixtures of made-up stations, for every room that fits to them."""

from __future__ import annotations

import pytest

from mmaq.config.learning import Pretrain
from mmaq.vocabulary import TRAINED
from tests.estimators.stations_made_up import TINY, make_data
from tests.once import made_once


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Paths of a site table, a store with both images, and an archive with its truth."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def checkpoints(data, tmp_path_factory):
    """Untrained encoders saved as if a method had pretrained them: the path, by its name."""
    import pandas as pd
    import torch

    from mmaq.contracts.patches import open_store
    from mmaq.learn.checkpoint import save_encoders
    from mmaq.learn.data import compute_statistics, load_inputs
    from mmaq.learn.models.encoders import Encoders as Networks

    inputs = load_inputs(open_store(data[1]), pd.read_parquet(data[0]))
    statistics = compute_statistics(inputs)
    folder = tmp_path_factory.mktemp("checkpoints")

    def make(method, modalities=None, name=None):
        path = folder / f"{name or method}.safetensors"
        if not path.exists():
            config = Pretrain(method=method, encoders=TINY)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(99)
                networks = Networks(TINY, modalities or TRAINED[method]).eval()
            save_encoders(path, networks, statistics, config, [])
        return path

    return make


@pytest.fixture(scope="session")
def checkpoint(checkpoints):
    """That of MMAQ."""
    return checkpoints("mmaq")


@pytest.fixture
def real_stations(real_data, tmp_path_factory):
    """Paths of the site table and the store (without images) of the real stations."""
    folder = real_data / "stations"
    return made_once(tmp_path_factory, "real_stations", lambda out: _make_real(folder, out))


def _make_real(folder, out):
    from mmaq.config.data import Covariates, Patches, Published
    from mmaq.landuse.stage import landuse_published as build_published_sites
    from mmaq.patches.stage import patches_published as build_published_patches

    published = Published(
        samples=str(folder / "pollutant_ssl.csv"),
        eea_metadata=str(folder / "PanEuropean_metadata.zip"),
        osm=str(folder / "local_no2_osm.csv"),
    )
    sites, store = out / "sites.parquet", out / "patches"
    build_published_sites(config=published, covariates=Covariates(), out=sites)
    build_published_patches(config=published, patches=Patches(), sites=sites, out=store)
    return sites, store
