"""A small part of the campaign of ``benchmarks/campaign``: an input of each format and kind."""

from __future__ import annotations

import pytest

from benchmarks.campaign import damaged, untrusted
from benchmarks.campaign.limits import Worker
from benchmarks.campaign.record import Record
from benchmarks.campaign.targets import FORMATS

QUICK = (".npy", "STAC JSON", "YAML", "CSV", "GeoPackage")
HARMS = ("archive: a link", "code: torch as encoders in a checkpoint",
         "code: objects as published image", "code: plain as small configuration")  # fmt: skip


@pytest.mark.parametrize(
    "format_", [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow)
                for each in FORMATS]
)  # fmt: skip
def test_a_damaged_input_of_each_kind_is_one_line_or_a_figure_that_can_be(tmp_path, format_):
    chosen = [case for case in damaged.cases() if case.target.format == format_ and not case.number]
    damaged.run(tmp_path, chosen)
    assert damaged.wrong(tmp_path) == []
    held = Record(tmp_path / "damaged.jsonl").values()
    assert len(held) == len(chosen) >= 6
    assert any(each["verdict"] == "refused" for each in held)


@pytest.mark.parametrize("name", HARMS)
def test_what_means_harm_is_refused_and_does_none(tmp_path, name):
    worker = Worker(untrusted.attempt)
    verdict, told = untrusted.refused(tmp_path, name, worker)
    worker.end()
    assert verdict == "refused", told


def test_the_campaign_is_as_large_as_it_says():
    counts: dict[tuple[str, str], int] = {}
    for case in damaged.cases():
        key = case.target.format, case.kind
        counts[key] = counts.get(key, 0) + 1
    assert sum(counts.values()) >= 2000
    assert min(counts.values()) >= 20
    for name in FORMATS:
        assert sum(held for (of, _), held in counts.items() if of == name) >= 150


def test_a_record_goes_on_after_a_line_that_was_cut(tmp_path):
    path = tmp_path / "a.jsonl"
    record = Record(path)
    record.add("one", verdict="refused", told="a: b. c.")
    record.add("two", verdict="wrong: it hangs", told="")
    path.write_text(path.read_text()[:-9])
    again = Record(path)
    assert "one" in again
    assert "two" not in again
    again.add("two", verdict="refused", told="")
    assert len(Record(path).values()) == 2
