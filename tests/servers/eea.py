"""A small EEA: its download service with three data sets, and its two station tables."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager

from tests.servers.loopback import Answer, json_answer, serving

CONTAINERS = {1: "airquality-p", 2: "airquality-p-e1a", 3: "airquality-p-airbase"}
BOM = "\ufeff"


@contextmanager
def eea_service(datasets, viewer=None, frozen=None, foreign=()):
    """``datasets``: data set number → country → sampling point → Parquet bytes.

    ``viewer`` is the CSV of the table viewer (zipped on the way), ``frozen`` the older table.
    Addresses in ``foreign`` stand in every list, whatever was asked.
    """

    def answer(server, request):
        if request.path == "/App/AQViewer/download" and viewer is not None:
            return Answer(_zipped("DataExtract.csv", viewer), kind="application/zip")
        if request.path.endswith("/PanEuropean_metadata.csv") and frozen is not None:
            return Answer(frozen)
        if request.path in ("/ParquetFile/urls", "/DownloadSummary"):
            return _about(server, request, datasets, foreign)
        _, container, *rest = request.path.split("/")
        for number, name in CONTAINERS.items():
            if name == container and len(rest) == 2:
                held = datasets.get(number, {}).get(rest[0], {})
                content = held.get(rest[1].removesuffix(".parquet"))
                if content is not None:
                    return Answer(content)
        return Answer(b"nothing here", 404)

    with serving(answer) as server:
        yield server


def _about(server, request, datasets, foreign):
    asked = request.json
    if asked["pollutants"] != ["http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8"]:
        return Answer(b"unknown pollutant", 400)
    held = datasets.get(asked["dataset"], {})
    found = [
        (country, point, content)
        for country in asked["countries"]
        for point, content in held.get(country, {}).items()
    ]
    if request.path == "/DownloadSummary":
        size = sum(len(content) for *_, content in found) // 2**20
        return json_answer({"numberFiles": len(found), "size": size})
    container = CONTAINERS[asked["dataset"]]
    rows = [f"{server.url}/{container}/{country}/{point}.parquet" for country, point, _ in found]
    text = BOM + "\r\n".join(["ParquetFileUrl", *rows, *foreign]) + "\r\n"
    return Answer(text.encode(), kind="text/csv")


def _zipped(name, content):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()
