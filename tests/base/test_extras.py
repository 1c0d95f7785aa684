from importlib import metadata

import pytest

from mmaq.base.extras import extra_of

ASKED = [
    "numpy>=2.0",
    'torch>=2.8; extra == "train"',
    'pytorch-lightning!=2.6.2,>=2.5; extra == "train"',
    "netCDF4>=1.7; extra == 'data'",
    'mmaq[data]; extra == "all"',
]


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch.nn", "train"),
        ("pytorch_lightning", "train"),
        ("netCDF4", "data"),
        ("numpy", None),
        ("absent", None),
    ],
)
def test_a_module_is_brought_by_its_extra(monkeypatch, module, extra):
    monkeypatch.setattr(metadata, "requires", lambda _: ASKED)
    assert extra_of(module) == extra


def test_a_package_on_the_path_alone_has_no_extras(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    assert extra_of("torch") is None
