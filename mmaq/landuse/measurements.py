"""What the stations measured: NO2 means from the EEA's Parquet downloads.

Layout and codes: EEA air quality download service, "Parquet file format" and the vocabularies
``observationvalidity`` and ``observationverification`` of dd.eionet.europa.eu.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
from tqdm import tqdm

from mmaq.base.errors import TableError
from mmaq.config.data import Period
from mmaq.contracts.stations import NO2_CODE, UNIT, UTC_OFFSET

VALID = (1, 2, 3)
"""Valid; valid below the detection limit; the same, replaced by half the limit."""

VERIFIED = 1

FILL = -999.0

COLUMNS = (
    "Samplingpoint", "Pollutant", "Start", "End", "Value", "Unit", "AggType", "Validity",
    "Verification",
)  # fmt: skip

REMEDY = "Download NO2 again from the EEA as hourly or daily Parquet"

log = logging.getLogger(__name__)


def station_means(
    paths: Sequence[Path], station_of: pd.Series, period: Period, min_coverage: float
) -> pd.Series:
    """Mean NO2 of each station over ``period``, in µg/m³, indexed by station.

    Sampling points of one station are averaged hour by hour first. Where any measurement of the
    period is verified, unverified ones are left out everywhere, so that the two are never mixed.
    A station whose valid hours are fewer than ``min_coverage`` of the period is dropped.

    Raises:
        TableError: a file is no such Parquet file, NO2 has another unit, or nothing is left.
    """
    reading = tqdm(paths, desc="measurements", disable=None)
    rows = pd.concat([read_no2(path, period) for path in reading], ignore_index=True)
    where = paths[0] if len(paths) == 1 else paths[0].parent
    if rows.empty:
        raise TableError(where, "no valid NO2 measurement lies in the period", REMEDY)
    rows = _one_verification(rows)
    rows["station"] = rows["sampling_point"].map(station_of)
    unknown = rows.loc[rows["station"].isna(), "sampling_point"].nunique()
    if unknown:
        log.warning("%d sampling points are not in the station table: left out", unknown)
    rows = _finest(rows.dropna(subset="station"))
    hourly = rows.groupby(["station", "start"]).agg({"value": "mean", "hours": "first"})
    stations = hourly.groupby(level="station").agg(no2=("value", "mean"), hours=("hours", "sum"))
    expected = ((period.end - period.start).days + 1) * 24.0
    kept = stations["hours"] >= min_coverage * expected - 1e-6
    log.info("%d stations measured, %d dropped for coverage below %g of the period",
             len(stations), int((~kept).sum()), min_coverage)  # fmt: skip
    if not kept.any():
        fault = f"no station has valid NO2 for {min_coverage:g} of the period"
        raise TableError(where, fault, "Give more files, or change period or min_coverage")
    return stations.loc[kept, "no2"]


def read_no2(path: Path, period: Period) -> pd.DataFrame:
    """Valid NO2 of one file whose middle lies in ``period``, whose days are UTC.

    Returns:
        Columns sampling_point (without the country prefix), start (UTC), hours, value (µg/m³),
        aggregation (hour or day), verified (bool).
    """
    rows = _read_parquet(path)
    rows = rows[rows["Pollutant"] == NO2_CODE]
    if rows.empty:
        log.warning("%s: holds no NO2 (pollutant code %d): left out", path, NO2_CODE)
    other = rows.loc[rows["Unit"] != UNIT, "Unit"]
    if len(other):
        raise TableError(path, f"NO2 has the unit {other.iloc[0]!r}, not {UNIT!r}", REMEDY)
    start, end = (pd.to_datetime(rows[name]) - UTC_OFFSET for name in ("Start", "End"))
    middle = start + (end - start) / 2
    first, after = pd.Timestamp(period.start), pd.Timestamp(period.end) + timedelta(days=1)
    kept = (
        rows["Validity"].isin(VALID) & rows["AggType"].isin(["hour", "day"])
        & rows["Value"].gt(FILL) & middle.ge(first) & middle.lt(after)
    )  # fmt: skip
    point = rows["Samplingpoint"].str.replace(r"^[A-Z]{2}/", "", regex=True)
    columns = {
        "sampling_point": point, "start": start, "hours": (end - start) / timedelta(hours=1),
        "value": rows["Value"], "aggregation": rows["AggType"],
        "verified": rows["Verification"] == VERIFIED,
    }  # fmt: skip
    return pd.DataFrame(columns)[kept]


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        schema = parquet.read_schema(path)
        missing = [name for name in COLUMNS if name not in schema.names]
        if missing:
            raise TableError(path, f"column {missing[0]!r} is missing", REMEDY)
        table = parquet.read_table(path, columns=list(COLUMNS))
        position = table.schema.get_field_index("Value")
        # The EEA stores decimals, which pandas would hold as Python objects.
        table = table.set_column(position, "Value", table["Value"].cast(arrow.float64()))
    except FileNotFoundError:
        raise TableError(path, "the file does not exist", REMEDY) from None
    except (arrow.ArrowException, OSError) as fault:
        raise TableError(path, f"not an EEA Parquet file ({fault})", REMEDY) from None
    return table.to_pandas()


def _one_verification(rows: pd.DataFrame) -> pd.DataFrame:
    verified = rows["verified"].to_numpy()
    if verified.all():
        return rows
    if not verified.any():
        log.warning("no measurement of the period is verified: unverified ones are used")
        return rows
    log.warning("%d unverified measurements left out beside verified ones", np.sum(~verified))
    return rows[verified]


def _finest(rows: pd.DataFrame) -> pd.DataFrame:
    """Hourly values of a station that has both hourly and daily ones."""
    hourly = rows.loc[rows["aggregation"] == "hour", "station"].unique()
    return rows[(rows["aggregation"] == "hour") | ~rows["station"].isin(hourly)]
