"""Contract 6: what is written comes back, and what is no estimator is refused by name."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from mmaq.base.errors import CheckpointError
from mmaq.contracts.estimator import KEY, Tier, digest, read_estimator, write_estimator

REMEDY = r"\. Make it with `mmaq fit`"


def make_tiers():
    rng = np.random.default_rng(0)
    about = {"features": "table", "images": ["s2", "s5p"], "intercept": 0.1 + 0.2, "none": None}
    arrays = {
        "weights": rng.normal(size=(3, 4)), "bias": rng.normal(size=5).astype(np.float32),
        "steps": np.array(7), "trees.0": np.frombuffer(b"tree\nversion=v4\n", np.uint8),
    }  # fmt: skip
    bounds = {"reach": 1.75}, {"sizes.0": np.frombuffer(b"tree\nof sizes", np.uint8)}
    first = Tier("linear", "mmaq", "fused", "s2+s5p+table", True, 200, about, arrays, bounds)
    # eleven and more: names of tier 1 begin as those of tier 10 do
    others = [
        Tier("constant", "mean", "reference", "", False, n, {"value": n}, {}, None)
        for n in range(10, 21)
    ]
    return [first, *others]


@pytest.fixture
def path(tmp_path):
    write_estimator(tmp_path / "e.safetensors", "no2", make_tiers())
    return tmp_path / "e.safetensors"


def test_tiers_come_back_in_their_order(path):
    pollutant, found = read_estimator(path)
    assert pollutant == "no2"
    expected = make_tiers()
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        same, wanted = dict(vars(one)), dict(vars(other))
        arrays, given = same.pop("arrays"), wanted.pop("arrays")
        np.testing.assert_equal(same, wanted)
        assert set(arrays) == set(given)
        for name, value in given.items():
            assert arrays[name].dtype == value.dtype
            np.testing.assert_array_equal(arrays[name], value)


def test_inputs_tell_whether_a_type_was_declared(path):
    _, tiers = read_estimator(path)
    assert [tiers[0].inputs, tiers[1].inputs] == ["s2+s5p+table+type", ""]


def test_equal_estimators_are_equal_files(path, tmp_path):
    write_estimator(tmp_path / "again", "no2", make_tiers())
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=rf"gone: the estimator does not exist{REMEDY}"):
        read_estimator(tmp_path / "gone")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file_is_named(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match=r"e\.safetensors: not a readable safetensors file"):
        read_estimator(path)


def test_a_file_of_something_else_is_refused(path):
    path.write_bytes(b"PK\x03\x04 a pickle, perhaps")
    with pytest.raises(CheckpointError, match=r"e\.safetensors: not a readable safetensors file"):
        read_estimator(path)


def test_encoders_alone_are_no_estimator(path):
    save_file({"encoder": np.zeros(3)}, path, metadata={"mmaq": "{}"})
    fault = "it holds no estimator of version 4. Make it with `mmaq fit`; `mmaq pretrain` makes"
    with pytest.raises(CheckpointError, match=fault):
        read_estimator(path)


def _rewritten(path, change):
    tier = {
        "kind": "constant", "method": "mean", "protocol": "reference", "modalities": "",
        "declared": False, "stations": 20, "about": {"value": 1.0}, "intervals": None,
    }  # fmt: skip
    arrays = {"none": np.zeros(0)}
    about = {"version": 4, "mmaq": "1", "pollutant": "no2", "tiers": [tier],
             "sha256": digest(arrays)}  # fmt: skip
    change(about)
    save_file(arrays, path, metadata={KEY: json.dumps(about)})


def test_the_description_here_is_one_that_can_be_read(path):
    _rewritten(path, lambda about: None)
    assert read_estimator(path)[1][0].stations == 20


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda about: about.update(version=1), "it holds no estimator of version 4"),
        (lambda about: about.pop("tiers"), r"its description is damaged \('tiers'\)"),
        (lambda about: about.update(tiers=[{}]), "its description is damaged"),
        (lambda about: about["tiers"][0].update(intervals="wide"), "its description is damaged"),
        (lambda about: about["tiers"][0].update(more=1), "its description is damaged"),
        (
            lambda about: about["tiers"][0].update(kind=["a"]),
            r"its description is damaged \(kind of a tier",
        ),
        (
            lambda about: about["tiers"][0].update(patches={"s3": {}}),
            r"its description is damaged \(patches of a tier",
        ),
        (lambda about: about.update(pollutant="soot"), "it names no pollutant or holds no tier"),
        (lambda about: about.update(tiers=[]), "it names no pollutant or holds no tier"),
    ],
)
def test_a_damaged_description_is_named(path, change, fault):
    _rewritten(path, change)
    with pytest.raises(CheckpointError, match=rf"e\.safetensors: {fault}"):
        read_estimator(path)


def test_a_byte_that_is_another_is_found_out(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="what it learned differs from its checksum"):
        read_estimator(path)


def test_a_description_that_is_no_json_is_named(path):
    save_file({"none": np.zeros(0)}, path, metadata={KEY: "{"})
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        read_estimator(path)


def test_nothing_is_left_of_an_estimator_that_cannot_be_written(tmp_path):
    endless = Tier("constant", "mean", "reference", "", False, 9, {"value": np.inf}, {}, None)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_estimator(tmp_path / "e", "no2", [endless])
    assert not list(tmp_path.iterdir())
