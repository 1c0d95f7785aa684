"""A small OpenAQ: locations in a box and hourly values of sensors, in pages, behind a key."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime

from tests.servers.faulty import Answer, faulty

KEY = "the-key-of-the-test"


@contextmanager
def openaq_service(locations, hours, repeats=False, ignores_dates=False):
    """``locations`` as the service gives them; ``hours``: sensor id → its hours, in time.

    With ``repeats`` every page is the first one, full; with ``ignores_dates`` filters do nothing.
    """

    def answer(asked):
        query = {name: values[0] for name, values in asked.query.items()}
        if asked.headers.get("x-api-key") != KEY:
            return Answer.json({"detail": "Invalid credentials"}, 401)
        if asked.path == "/v3/locations":
            west, south, east, north = map(float, query["bbox"].split(","))
            found = [
                place for place in locations
                if west <= place["coordinates"]["longitude"] <= east
                and south <= place["coordinates"]["latitude"] <= north
            ]  # fmt: skip
        elif asked.path.startswith("/v3/sensors/") and asked.path.endswith("/hours"):
            found = hours.get(int(asked.path.split("/")[3]), [])
            if not ignores_dates:
                first, after = (_time(query[f"datetime_{end}"]) for end in ("from", "to"))
                found = [
                    hour for hour in found
                    if first <= _time(hour["period"]["datetimeFrom"]["utc"])
                    and _time(hour["period"]["datetimeTo"]["utc"]) <= after
                ]  # fmt: skip
        else:
            return None
        limit, page = int(query["limit"]), int(query["page"])
        page = 1 if repeats else page
        results = found[(page - 1) * limit : page * limit]
        more = len(found) > page * limit
        meta = {"name": "openaq-api", "page": page, "limit": limit,
                "found": f">{limit}" if more else len(found)}  # fmt: skip
        return Answer.json({"meta": meta, "results": results})

    with faulty(answer=answer) as server:
        server.url += "/v3"
        yield server


def location(identity, lon, lat, sensors, **changes):
    """A fixed reference monitor; ``sensors``: id → (parameter, unit)."""
    made = {
        "id": identity, "name": f"place {identity}", "locality": None, "timezone": "UTC",
        "country": {"id": 155, "code": "US", "name": "United States"},
        "isMobile": False, "isMonitor": True,
        "sensors": [
            {"id": number, "name": f"{name} {unit}",
             "parameter": {"id": 7, "name": name, "units": unit, "displayName": None}}
            for number, (name, unit) in sensors.items()
        ],
        "coordinates": {"latitude": lat, "longitude": lon},
        "datetimeFirst": {"utc": "2016-03-15T20:00:00Z", "local": "2016-03-15T13:00:00-07:00"},
        "datetimeLast": {"utc": "2026-06-13T19:00:00Z", "local": "2026-06-13T12:00:00-07:00"},
    }  # fmt: skip
    return made | changes


def hour(start, end, value, flagged=False):
    return {
        "value": value, "flagInfo": {"hasFlags": flagged},
        "parameter": {"id": 7, "name": "no2", "units": "ppm", "displayName": None},
        "period": {"label": "1hour", "interval": "01:00:00",
                   "datetimeFrom": {"utc": start, "local": start},
                   "datetimeTo": {"utc": end, "local": end}},
        "coordinates": None, "summary": {}, "coverage": {"percentComplete": 100.0},
    }  # fmt: skip


def _time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
