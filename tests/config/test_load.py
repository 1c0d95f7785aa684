"""How files and the command line become a configuration, and whom a fault is blamed on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mmaq.base.errors import ConfigError
from mmaq.base.layout import Layout
from mmaq.config.load import check_joined, load_config, refuse_doubled


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("pretrain: {epochs: 2}\ngrid: {}\npretrain:\n  seed: 1\n", "pretrain stands twice"),
        ("pretrain:\n  epochs: 2\n  seed: 1\n  epochs: 3\n", "epochs stands twice"),
        ("evaluate: {finetune: {epochs: 2,\n\n epochs: 3}}\n", "epochs stands twice"),
        ("name: a\n\n'name': b\n", "name stands twice"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path, text, fault):
    with pytest.raises(ConfigError, match=fault) as caught:
        load_config(written(tmp_path, text))
    lines = [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if fault.split()[0] in line and not line.startswith("evaluate: {pre")
    ]
    assert f"in lines {lines[0]} and {lines[-1]}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("period: {start: 2021-13-01}\n", r"period\.start: .*2021-13-01"),
        ("period:\n  end: 2021-02-30\n", r"period\.end: .*2021-02-30"),
        ("name: [\n", "not valid YAML"),
        ("- name\n", "no mapping of keys"),
        ("name: !!python/object:os.system x\n", "not valid YAML"),
        (
            "a0: &a0 [x, x]\n"
            + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 10}]\n" for n in range(12))
            + "name: *a12\n",
            r"name: .*\(got \[",
        ),
    ],
)
def test_what_is_no_configuration_is_one_line(tmp_path, text, fault):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=fault) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_date_and_an_umlaut_are_read_whatever_the_locale(tmp_path):
    path = written(tmp_path, "period: {start: 2020-02-29}\nfiles: {sentinel2: Köln}\n")
    assert load_config(path).period.start.isoformat() == "2020-02-29"
    code = "import sys; from mmaq.config.load import load_config as l;"
    code += "assert l(sys.argv[1]).files.sentinel2 == 'K\\xf6ln'"
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code, path], capture_output=True, text=True,
        check=False, env={"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_another_encoding_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"not UTF-8 text.*Save it as UTF-8"):
        load_config(written(tmp_path, "files: {sentinel2: Köln}\n", "latin-1"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("epochs: 3", "pretrain.epochs or evaluate.finetune.epochs"),
        ("bootstrap: 3", "evaluate.bootstrap"),
        ("bootstraps: 3", "evaluate.bootstrap"),
        ("pretrian: {}", "pretrain"),
        ("evaluate: {finetune: {epoch: 3}}", "epochs"),
        ("pretrain: {folds: 3}", "evaluate.folds"),
    ],
)
def test_the_key_that_was_meant_is_found_inside_of_sections_too(tmp_path, text, meant):
    with pytest.raises(ConfigError, match=f"Did you mean {meant}"):
        load_config(written(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "blamed"),
    [
        ({"pretrian": {}}, "the command line"),
        ({"pretrain": {"epochs": 0}}, "the command line"),
        ({"grid": {"qa": 0.5}}, "mine.yaml"),
    ],
)
def test_a_fault_is_blamed_on_where_the_key_came_from(tmp_path, given, blamed):
    first = tmp_path / "config.yaml"
    first.write_text("pretrain: {epochs: 8}\n", encoding="utf-8")
    mine = written(tmp_path, "evaluate: {folds: 1}\n" if blamed == "mine.yaml" else "name: a\n")
    joined = {**load_config(first).model_dump(mode="json"), "evaluate": {"folds": 1}}
    joined = joined if blamed == "mine.yaml" else {**joined, "evaluate": {}}
    with pytest.raises(ConfigError) as caught:
        check_joined({**joined, **given}, [first, mine], given)
    assert str(caught.value.where).endswith(blamed)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("files: {stations: a, ancillary: b}", "files is set, and is not read: source is simulate"),
        ("files: {stations: a, ancillary: b}\nsource: files", ""),
        ("files: {stations: null}\nacquire: {endpoints: {github: http://a}}", ""),
    ],
)
def test_files_that_nothing_reads_are_warned_of(tmp_path, caplog, text, warned):
    path = written(tmp_path, text)
    load_config(path)
    assert caplog.messages == ([f"{path}: {warned}"] if warned else [])


@pytest.mark.parametrize("given", [{}, {"source": "files"}])
def test_a_fault_between_sections_is_blamed_on_the_last_that_sets_any(tmp_path, given):
    first = tmp_path / "config.yaml"
    first.write_text("source: simulate\nfiles: {stations: null}\n", encoding="utf-8")
    mine = written(tmp_path, "source: files\n")
    with pytest.raises(ConfigError) as caught:
        check_joined({"source": "files"}, [first, mine], given)
    told = "source files needs files.stations and files.ancillary. Correct one of them."
    assert str(caught.value) == f"{'the command line' if given else mine}: {told}"


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        (["name=a", "pretrain={epochs: 1, epochs: 2}"], "epochs stands twice"),
        (["name=a", "name=b"], "name stands twice"),
        (["evaluate={folds: 3}", "evaluate={seeds: [1], folds: 4}"], "evaluate.folds stands twice"),
        (["evaluate={folds: 3"], "not valid YAML"),
    ],
)
def test_a_key_that_stands_twice_on_the_command_line_is_refused(entries, fault):
    with pytest.raises(ConfigError, match=f"^the command line: .*{fault}"):
        refuse_doubled(entries)


def test_a_section_may_be_given_in_parts():
    refuse_doubled(["name=a", "evaluate={folds: 3}", "evaluate={seeds: [1]}", "source="])


def folders_of_the_default():
    """First parts of its paths beside the folders of other data sets."""
    paths = Layout("default")
    given = {"estimator": ("mmaq", "fused"), "encoders": ("mmaq", 0), "losses": ("mmaq",)}
    for name, value in vars(Layout).items():
        if isinstance(value, property):
            path = getattr(paths, name)
        elif name in given:
            path = value(paths, *given[name])
        else:
            continue
        if path.parts[0] in ("results", "checkpoints") and len(path.parts) > 1:
            yield path.parts[1]


@pytest.mark.parametrize(
    "name", sorted({*folders_of_the_default(), "tensorboard", "wandb", "../up", "A", ""})
)
def test_a_data_set_cannot_have_the_name_of_a_folder_of_the_default(tmp_path, name):
    with pytest.raises(ConfigError, match="name: "):
        load_config(written(tmp_path, f"name: '{name}'\n"))
