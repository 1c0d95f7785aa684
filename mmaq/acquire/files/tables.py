"""Station measurements with their table, and sites without a measurement."""

from __future__ import annotations

import logging
from pathlib import Path

from mmaq.acquire.files.ancillary import UNDATED
from mmaq.base.errors import ArchiveError
from mmaq.base.files import files_below
from mmaq.contracts.archive import STATIONS, WORLD, Asset, Product
from mmaq.contracts.stations import is_station_table

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".zip")

log = logging.getLogger(__name__)


def find_stations(folder: Path) -> list[Product]:
    """The item "stations": asset "table", and "measurements_<name>" for each Parquet file.

    Raises:
        ArchiveError: there is no Parquet file, or not exactly one EEA station table.
    """
    files = files_below(folder)
    measured = [path for path in files if path.suffix.lower() == ".parquet"]
    if not measured:
        fault = "holds no Parquet file of EEA measurements"
        raise ArchiveError(folder, fault, "Put the EEA's Parquet downloads there")
    tables = [path for path in files if _is_station_table(path)]
    if len(tables) != 1:
        names = ", ".join(path.name for path in tables) or "none"
        fault = f"holds {len(tables)} EEA station tables ({names}) where one is needed"
        raise ArchiveError(
            folder,
            fault,
            "Put PanEuropean_metadata.csv (or .zip) or the table viewer's CSV there, once",
        )
    assets = {"table": Asset(tables[0])}
    for path in measured:
        name = "_".join(path.relative_to(folder).with_suffix("").parts)
        assets[f"measurements_{name}"] = Asset(path)
    log.info("%s: %d files of measurements, table %s", folder, len(measured), tables[0].name)
    return [Product("stations", STATIONS, UNDATED, WORLD, assets)]


def find_unlabelled(path: Path) -> Product:
    """The item "unlabelled", asset "table"; ArchiveError where the file is missing."""
    if not path.is_file():
        raise ArchiveError(path, "the file does not exist", "Correct files.unlabelled")
    assets = {"table": Asset(path.resolve())}
    return Product("unlabelled", STATIONS, UNDATED, WORLD, assets)


def _is_station_table(path: Path) -> bool:
    named = path.name[0] != "." and path.suffix.lower() in TABLE_SUFFIXES
    return named and path.is_file() and is_station_table(path)
