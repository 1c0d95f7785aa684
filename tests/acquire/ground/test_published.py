"""The published tables: fetched as they are, or one line that says what to do by hand."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mmaq.acquire.ground.published import fetch_table
from mmaq.acquire.ground.sources import Source, published_tables, to_fetch
from mmaq.acquire.stage import fetch_published
from mmaq.base.errors import ServiceError
from mmaq.base.layout import RAW
from mmaq.config.acquire import Acquire
from tests.acquire.verb import Verb
from tests.landuse.small_country import metadata_row
from tests.servers.faulty import Answer, Cut, Status, Wrong, faulty
from tests.servers.published import publishers

GITHUB = "https://raw.githubusercontent.com"
CONTENT = b"AirQualityStation,no2\r\nSTA-1,21.5\r\n" * 4000
HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


def pinned(content=CONTENT):
    """A table of this content at one commit of a repository."""
    total = hashlib.sha256(content).hexdigest()
    return Source(
        "pollutant_ssl.csv", "abc", "samples", "github", f"{GITHUB}/them/theirs/abc/table.csv",
        "none stated", f"sha256:{total}", str(len(content)), "", "",
    )  # fmt: skip


@pytest.fixture
def server():
    """A publisher on loopback: ``content`` is what it holds, by path."""
    content: dict[str, bytes] = {}
    with faulty(answer=lambda asked: _held(content, asked.path)) as started:
        started.content = content
        yield started


def _held(content, path):
    return Answer(body=content[path]) if path in content else None


def fetch(source, path, server):
    fetch_table(source, path, {source.service: server.url})


def refused(source, path, server):
    """The one line that a download ends with; nothing is at ``path`` then."""
    with pytest.raises(ServiceError) as caught:
        fetch(source, path, server)
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith(f"{path}: was not fetched: ")
    assert f"Put {source.url}" in told
    assert told.endswith(f" there by hand, or set published.{source.kind} to your copy.")
    assert not path.exists()
    assert not path.with_name(f"{path.name}.source.json").exists()
    return told


def test_a_pinned_table_comes_to_the_byte_and_a_broken_connection_is_mended(tmp_path, server):
    source, path = pinned(), tmp_path / "raw" / "pollutant_ssl.csv"
    server.content["/them/theirs/abc/table.csv"] = CONTENT
    server.script("/them/theirs/abc/table.csv", Cut(70_000), Wrong(5))
    fetch(source, path, server)
    assert path.read_bytes() == CONTENT
    note = json.loads(path.with_name("pollutant_ssl.csv.source.json").read_text())
    assert note["sha256"] == source.sha256
    assert note["address"].endswith("/them/theirs/abc/table.csv")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "pollutant_ssl.csv", "pollutant_ssl.csv.source.json",
    ]  # fmt: skip


def test_a_file_of_the_users_stays_and_no_server_is_asked(tmp_path, server):
    path = tmp_path / "pollutant_ssl.csv"
    path.write_text("mine")
    fetch(pinned(), path, server)
    assert path.read_text() == "mine"
    assert server.log == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (HTML, f"the file has {len(HTML)} bytes there instead of {len(CONTENT)}"),
        (CONTENT[:-7], f"the file has {len(CONTENT) - 7} bytes there instead of {len(CONTENT)}"),
        (CONTENT.replace(b"21.5", b"12.5"), "its SHA256 is "),
        (None, "answers 404"),
    ],
    ids=["html", "truncated", "other content", "gone"],
)
def test_another_file_than_the_published_one_is_refused(tmp_path, server, answer, fault):
    if answer is not None:
        server.content["/them/theirs/abc/table.csv"] = answer
    told = refused(pinned(), tmp_path / "pollutant_ssl.csv", server)
    assert fault in told
    assert f"({len(CONTENT)} bytes, SHA-256 {pinned().sha256})" in told


def test_without_a_network_the_line_says_which_file_to_put_where(tmp_path, waits):
    path = tmp_path / "pollutant_ssl.csv"
    with pytest.raises(ServiceError) as caught:
        fetch_table(pinned(), path, {"github": "http://127.0.0.1:9"})
    assert str(caught.value).startswith(f"{path}: was not fetched: http://127.0.0.1:9/")
    assert "it cannot be reached" in str(caught.value)
    assert f"Put {GITHUB}/them/theirs/abc/table.csv ({len(CONTENT)} bytes" in str(caught.value)
    assert sum(waits) < 20


EEA = published_tables()["PanEuropean_metadata.csv"]
AT = "/map/fme/metadata/PanEuropean_metadata.csv"


def stations(begin, columns=()):
    """The EEA's table of two stations, as it is served."""
    rows = pd.DataFrame(
        [metadata_row(name, 6e5, 5.9e6, ObservationDateBegin=begin) for name in ("A", "B")]
    )
    return rows.drop(columns=list(columns)).to_csv(sep="\t", index=False).encode()


def test_the_eeas_table_is_noted_by_its_newest_entry(tmp_path, server, caplog):
    path = tmp_path / "PanEuropean_metadata.csv"
    server.content[AT] = stations("2023-05-01T00:00:00")
    with caplog.at_level(logging.INFO):
        fetch(EEA, path, server)
    note = json.loads(path.with_name("PanEuropean_metadata.csv.source.json").read_text())
    assert (note["rows"], note["stations"], note["newest"]) == (2, 2, "2023-05-01")
    assert note["sha256"] == hashlib.sha256(server.content[AT]).hexdigest()
    assert "newest 2023-05-01" in caplog.text


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (HTML, "neither PanEuropean_metadata.csv nor the CSV of the EEA's table viewer"),
        (stations("2023-05-01", ["Longitude"]), "column 'Longitude' is missing"),
        (stations("2023-05-01")[:-30], "it is cut off in its last line"),
        (stations("2019-05-01"), "its newest sampling process began 2019-05-01"),
        (b"", "is empty"),
    ],
    ids=["html", "without a column", "truncated", "old", "empty"],
)
def test_another_table_than_the_eeas_is_refused(tmp_path, server, answer, fault):
    server.content[AT] = answer
    assert fault in refused(EEA, tmp_path / "PanEuropean_metadata.csv", server)


def test_a_server_that_is_ill_is_asked_again_and_then_named(tmp_path, server):
    server.always[AT] = Status(503)
    assert "answers 503" in refused(EEA, tmp_path / "PanEuropean_metadata.csv", server)
    assert len(server.log) > 1


def test_sizes_and_sums_are_those_of_the_real_files(real_data, tmp_path):
    pinned_names = [name for name, source in published_tables().items() if source.sha256]
    with publishers(real_data / "stations") as server:
        config = Acquire(endpoints={"github": server.url})
        for name in pinned_names:
            fetch_published(config=config, out=tmp_path / name)
            assert (tmp_path / name).read_bytes() in server.held.values()
    assert len(pinned_names) == 4


def test_the_verb_fetches_what_the_shipped_configuration_names(real_data, tmp_path, monkeypatch):
    root = Path(__file__).parents[3]
    settings = yaml.safe_load((root / "config/published.yaml").read_text())
    mine = RAW / "pollutant_ssl.csv"
    with publishers(real_data / "stations") as server:
        endpoints = {"github": server.url, "eea-table": server.url}
        verb = Verb(tmp_path, {**settings, "acquire": {"endpoints": endpoints}}, account={})
        (tmp_path / RAW).mkdir(parents=True)
        (tmp_path / mine).write_text("mine")
        assert verb.call(monkeypatch) == 0
        assert len(server.log) == 2
    tables = {tmp_path / path for path in settings["published"].values()}
    assert tables <= set((tmp_path / RAW).iterdir())
    assert (tmp_path / mine).read_text() == "mine"


def test_only_named_tables_in_their_folder_are_fetched():
    wanted = str(RAW / "pollutant_ssl.csv")
    others = ["pollutant_ssl.csv", "elsewhere/pollutant_ssl.csv", str(RAW / "own.csv")]
    assert to_fetch([wanted, *others]) == [wanted]
    assert Path(wanted).name in published_tables()
