"""A small EEA: its download service with three data sets, and its two station tables."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import contextmanager

from tests.servers.faulty import Answer, faulty

CONTAINERS = {1: "airquality-p", 2: "airquality-p-e1a", 3: "airquality-p-airbase"}
BOM = "\ufeff"


@contextmanager
def eea_service(datasets, viewer=None, frozen=None, foreign=()):
    """``datasets``: data set number → country → sampling point → Parquet bytes.

    ``viewer`` is the CSV of the table viewer (zipped on the way), ``frozen`` the older table.
    Addresses in ``foreign`` stand in every list, whatever was asked.
    """

    def answer(asked):
        if asked.path == "/App/AQViewer/download" and viewer is not None:
            return Answer(body=_zipped("DataExtract.csv", viewer))
        if asked.path.endswith("/PanEuropean_metadata.csv") and frozen is not None:
            return Answer(body=frozen)
        if asked.path in ("/ParquetFile/urls", "/DownloadSummary"):
            return _about(server.url, asked, datasets, foreign)
        _, container, *rest = asked.path.split("/")
        for number, name in CONTAINERS.items():
            if name == container and len(rest) == 2:
                held = datasets.get(number, {}).get(rest[0], {})
                content = held.get(rest[1].removesuffix(".parquet"))
                if content is not None:
                    return Answer(body=content)
        return None

    with faulty(answer=answer) as server:
        yield server


def _about(url, request, datasets, foreign):
    asked = json.loads(request.body)
    if asked["pollutants"] != ["http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8"]:
        return Answer(400, b"unknown pollutant")
    held = datasets.get(asked["dataset"], {})
    found = [
        (country, point, content)
        for country in asked["countries"]
        for point, content in held.get(country, {}).items()
    ]
    if request.path == "/DownloadSummary":
        size = sum(len(content) for *_, content in found) // 2**20
        return Answer.json({"numberFiles": len(found), "size": size})
    container = CONTAINERS[asked["dataset"]]
    rows = [f"{url}/{container}/{country}/{point}.parquet" for country, point, _ in found]
    text = BOM + "\r\n".join(["ParquetFileUrl", *rows, *foreign]) + "\r\n"
    return Answer(body=text.encode())


def _zipped(name, content):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()
