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
from mmaq.contracts.sites import HIGHEST
from mmaq.contracts.stations import (
    BELIEVED,
    MICROGRAMS,
    NO2_CODE,
    UNIT,
    UTC_OFFSET,
    pollutant_codes,
)

VALID = (1, 2, 3)
"""Valid; valid below the detection limit; the same, replaced by half the limit."""

VERIFIED = 1

WHOLE_DAY = 18.0
"""Valid hours from which a day is the mean of its hours, and not the daily value that is beside
them: 75 %, as Directive 2008/50/EC, annexes VII and XI, asks of a daily mean."""

LONGEST = {"hour": 1.001, "day": 25.0}
"""Hours that one value may stand for: a day at the end of summer time has 25."""

COLUMNS = (
    "Samplingpoint", "Pollutant", "Start", "End", "Value", "Unit", "AggType", "Validity",
    "Verification",
)  # fmt: skip

REMEDY = "Download NO2 again from the EEA as hourly or daily Parquet"

HOUR = pd.Timedelta(hours=1)

log = logging.getLogger(__name__)


def station_means(
    paths: Sequence[Path], station_of: pd.Series, period: Period, min_coverage: float
) -> pd.Series:
    """Mean NO2 of each station over ``period``, in µg/m³, indexed by station.

    Values that are there twice count once. Sampling points of one station are averaged hour by hour
    and day by day first; a daily value counts for 24 hours, on days of which there are too few.
    Where any measurement of the period is verified, unverified ones are left out everywhere, so
    that the two are never mixed. A station whose valid hours are fewer than ``min_coverage`` of the
    period is dropped, and so is one whose mean is less than 0.

    Raises:
        TableError: a file is no such Parquet file, NO2 has another unit, or nothing is left.
    """
    reading = tqdm(paths, desc="measurements", disable=None)
    rows = pd.concat([read_no2(path, period) for path in reading], ignore_index=True)
    where = paths[0] if len(paths) == 1 else paths[0].parent
    if rows.empty:
        raise TableError(where, "no valid NO2 measurement lies in the period", REMEDY)
    rows = _once(_one_verification(rows), "sampling_point")
    rows["station"] = rows["sampling_point"].map(station_of)
    unknown = rows.loc[rows["station"].isna(), "sampling_point"].nunique()
    if unknown:
        log.warning("%d sampling points are not in the station table: left out", unknown)
    rows = _finest(_once(rows.dropna(subset="station"), "station"))
    rows = rows.sort_values(["station", "start"])
    rows["weighted"] = rows["value"] * rows["hours"]
    stations = rows.groupby("station")[["weighted", "hours"]].sum()
    stations["no2"] = stations["weighted"] / stations["hours"]
    expected = ((period.end - period.start).days + 1) * 24.0
    kept = stations["hours"] >= min_coverage * expected - 1e-6
    log.info("%d stations measured, %d dropped for coverage below %g of the period",
             len(stations), int((~kept).sum()), min_coverage)  # fmt: skip
    if not kept.any():
        fault = f"no station has valid NO2 for {min_coverage:g} of the period"
        raise TableError(where, fault, "Give more files, or change period or min_coverage")
    means = stations.loc[kept, "no2"]
    impossible = means[~means.between(0.0, HIGHEST["no2"])]
    if len(impossible):
        log.warning("%d stations have an impossible mean, the first %s (%g µg/m³): left out",
                    len(impossible), impossible.index[0], impossible.iloc[0])  # fmt: skip
    if len(impossible) == len(means):
        raise TableError(where, "no station has a mean that can be", "Give other files")
    return means.drop(impossible.index)


def read_no2(path: Path, period: Period) -> pd.DataFrame:
    """Valid NO2 of one file whose middle lies in ``period``, whose days are UTC.

    Times are those of the service, UTC+1, unless they bear a time zone of their own. Only rows
    that count are looked at further: they are in µg/m³, and what of them cannot be believed is
    left out and counted.

    Returns:
        Columns sampling_point (without the country prefix), start (UTC), hours, value (µg/m³),
        aggregation (hour or day), verified (bool).

    Raises:
        TableError: the file is no such Parquet file, or rows that count have another unit.
    """
    try:
        return _valid_no2(_read_parquet(path), path, period)
    except (TypeError, ValueError, AttributeError, arrow.ArrowException) as fault:
        raise TableError(path, f"not EEA measurements ({fault})", REMEDY) from None


def _valid_no2(rows: pd.DataFrame, path: Path, period: Period) -> pd.DataFrame:
    rows = rows[pollutant_codes(rows["Pollutant"]) == NO2_CODE]
    if rows.empty:
        log.warning("%s: holds no NO2 (pollutant code %d): left out", path, NO2_CODE)
    start, end = (_in_utc(rows[name]) for name in ("Start", "End"))
    middle = start + (end - start) / 2
    first, after = pd.Timestamp(period.start), pd.Timestamp(period.end) + timedelta(days=1)
    aggregation = rows["AggType"].astype("str").str.lower()
    validity, verification = (
        pd.to_numeric(rows[name], errors="coerce") for name in ("Validity", "Verification")
    )
    kept = (
        validity.isin(VALID) & aggregation.isin(["hour", "day"]) & rows["Value"].notna()
        & middle.ge(first) & middle.lt(after)
    )  # fmt: skip
    hours = (end - start) / timedelta(hours=1)
    longest = aggregation.map(LONGEST).astype(float)
    lasting = hours.gt(0.0) & hours.le(longest)
    if (kept & ~lasting).any():
        log.warning("%s: %d values last no hour or day but, the first, %g hours: left out", path,
                    int((kept & ~lasting).sum()), hours[kept & ~lasting].iloc[0])  # fmt: skip
    kept &= lasting
    other = rows.loc[kept & ~rows["Unit"].isin(MICROGRAMS), "Unit"]
    if len(other):
        raise TableError(path, f"NO2 has the unit {other.iloc[0]!r}, not {UNIT!r}", REMEDY)
    believed = rows["Value"].between(*BELIEVED)
    if (kept & ~believed).any():
        log.warning("%s: %d values beyond %g to %g µg/m³, the first %g: left out", path,
                    int((kept & ~believed).sum()), *BELIEVED,
                    rows.loc[kept & ~believed, "Value"].iloc[0])  # fmt: skip
    point = rows["Samplingpoint"].str.replace(r"^[A-Z]{2}/", "", regex=True)
    columns = {
        "sampling_point": point, "start": start, "hours": hours,
        "value": rows["Value"], "aggregation": aggregation, "verified": verification == VERIFIED,
    }  # fmt: skip
    return pd.DataFrame(columns)[kept & believed]


def _in_utc(times: pd.Series) -> pd.Series:
    """Times without a zone, in UTC: from their own zone (text may name it), else from UTC+1."""
    if not pd.api.types.is_datetime64_any_dtype(times):
        times = times.astype("str")
        zoned = times.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$").eq(True)
        times = pd.to_datetime(times, utc=bool(len(times) and zoned.all()), format="ISO8601")
    if times.dt.tz is None:
        return times - UTC_OFFSET
    return times.dt.tz_convert("UTC").dt.tz_localize(None)


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
    return table.to_pandas(ignore_metadata=True)


def _one_verification(rows: pd.DataFrame) -> pd.DataFrame:
    verified = rows["verified"].to_numpy()
    if verified.all():
        return rows
    if not verified.any():
        log.warning("no measurement of the period is verified: unverified ones are used")
        return rows
    log.warning("%d unverified measurements left out beside verified ones", np.sum(~verified))
    return rows[verified]


def _once(rows: pd.DataFrame, of: str) -> pd.DataFrame:
    """Each hour and each day of a sampling point or of a station once, as the mean of its values.

    Days that begin less than half a day apart are one day, by other clocks.
    """
    kinds = [of, "aggregation"]
    since = rows["start"] - rows.groupby(kinds)["start"].transform("min")
    day = (since + 12 * HOUR).dt.floor("24h")
    rows = rows.assign(number=since.where(rows["aggregation"] == "hour", day))
    how = {"start": "min", "hours": "first", "value": "mean"}
    return rows.groupby([*kinds, "number"], sort=False).agg(how).reset_index()


def _finest(rows: pd.DataFrame) -> pd.DataFrame:
    """Hourly values, and daily ones of the days of which a station has too few hours."""
    hour = rows["aggregation"] == "hour"
    if hour.all() or not hour.any():
        return rows
    hours, days = rows[hour].sort_values("start"), rows[~hour].sort_values("start")
    days = days.assign(day=np.arange(len(days)), end=days["start"] + days["hours"] * HOUR)
    within = pd.merge_asof(
        hours, days[["station", "start", "end", "day"]], on="start", by="station"
    )
    inside = within["day"].notna() & (within["start"] < within["end"])
    found = within[inside].drop_duplicates(["station", "start"]).groupby("day")["hours"].sum()
    enough = days["day"].map(found).fillna(0.0) >= WHOLE_DAY
    daily = set(days.loc[~enough, "day"])
    replaced = inside & within["day"].isin(daily)
    return pd.concat([hours[~replaced.to_numpy()], days.loc[~enough, list(rows)]])
