"""The Copernicus Data Space on loopback: tokens, OData search, downloads that need a token.

Answers have the fields of the recorded ones (shared/real/apis, cdsetool and eodag); the grammar of
``$filter`` is the small part that MMAQ uses. Addresses: ``identity``, ``catalogue`` (search) and
``download`` are one server's, under different paths.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import shapely
from shapely import wkt

from mmaq.acquire.services.download import digests
from tests.servers.faulty import Answer, Asked, FaultyServer, faulty

USER, PASSWORD = "somebody@example.org", "the password of somebody"


@dataclass(frozen=True)
class Entry:
    """A product as the catalogue lists it; ``file`` is what its download gives."""

    name: str
    file: Path
    collection: str
    product_type: str
    start: str
    end: str
    footprint: str  # WKT in degrees
    attributes: dict[str, Any] = field(default_factory=dict)
    online: bool = True

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.name))


class DataSpace:
    """The service; ``server`` scripts faults and logs, ``lasts`` is a token's life in seconds.

    ``refuse_renewal`` makes the identity service refuse every refresh token, ``totp`` is a second
    factor that each log-in must bring, ``page`` the most products a page.
    """

    def __init__(self, entries: Iterable[Entry], lasts: float) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self.lasts, self.refuse_renewal, self.totp, self.page = lasts, False, "", 1000
        self.server: FaultyServer
        self.logins = self.renewals = 0
        self.secrets: list[str] = [PASSWORD]
        self._tokens: dict[str, float] = {}
        self._refresh: dict[str, float] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @property
    def endpoints(self) -> dict[str, str]:
        """For ``acquire.endpoints``."""
        return {
            "cdse": f"{self.server.url}/download/odata/v1",
            "cdse-catalogue": f"{self.server.url}/catalogue/odata/v1",
            "cdse-identity": f"{self.server.url}/auth/token",
        }

    def end_tokens(self) -> None:
        """All access tokens are worth nothing from now on."""
        self._tokens.clear()

    def answer(self, asked: Asked) -> Answer | None:
        if asked.path == "/auth/token" and asked.method == "POST":
            with self._lock:
                return self._token(parse_qs(asked.body.decode()))
        if asked.path == "/catalogue/odata/v1/Products":
            return self._search(asked.query)
        found = re.fullmatch(r"/download/odata/v1/Products\(([0-9a-f-]+)\)/\$value", asked.path)
        return self._download(asked, found[1]) if found else None

    def _token(self, form: dict[str, list[str]]) -> Answer:
        given = {name: values[0] for name, values in form.items()}
        if given.get("client_id") != "cdse-public":
            return Answer.json({"error": "invalid_client"}, 401)
        now = time.monotonic()
        if given.get("grant_type") == "refresh_token":
            self.renewals += 1
            if self.refuse_renewal or self._refresh.pop(given["refresh_token"], 0) < now:
                return Answer.json(
                    {"error": "invalid_grant", "error_description": "Token is not active"}, 400
                )
        else:
            self.logins += 1
            wanted = (USER, PASSWORD, self.totp)
            if wanted != (given.get("username"), given.get("password"), given.get("totp", "")):
                return Answer.json(
                    {"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401
                )
        access, refresh = (f"{kind}-{next(self._numbers)}-token" for kind in ("access", "refresh"))
        self.secrets += [access, refresh]
        self._tokens[access] = now + self.lasts
        self._refresh[refresh] = now + 6 * self.lasts
        return Answer.json(
            {
                "access_token": access,
                "expires_in": self.lasts,
                "refresh_token": refresh,
                "refresh_expires_in": 6 * self.lasts,
                "token_type": "Bearer",
            }
        )

    def _download(self, asked: Asked, identity: str) -> Answer:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) < time.monotonic():
            return Answer.json({"detail": "Expired signature!"}, 401)
        entry = self.entries.get(identity)
        if entry is None or not entry.file.exists():
            return Answer.json({"detail": "Product not found"}, 404)
        name = {"Content-Disposition": f"attachment; filename={entry.file.name}"}
        return Answer(headers=name, file=entry.file)

    def _search(self, query: dict[str, list[str]]) -> Answer:
        given = {name.lstrip("$"): values[0] for name, values in query.items()}
        try:
            chosen = [entry for entry in self.entries.values() if _meets(entry, given["filter"])]
        except ValueError as fault:
            return Answer.json({"detail": {"message": str(fault)}}, 400)
        chosen.sort(key=lambda entry: (entry.start, entry.name))
        top, skip = min(int(given.get("top", 20)), self.page), int(given.get("skip", 0))
        expanded = "Attributes" in ",".join(query.get("$expand", []))
        page = [_listed(entry, expanded) for entry in chosen[skip : skip + top]]
        answer: dict[str, Any] = {"@odata.context": "$metadata#Products", "value": page}
        if given.get("count", "").lower() == "true":
            answer["@odata.count"] = len(chosen)
        if skip + top < len(chosen):
            following = {**given, "top": top, "skip": skip + top}
            text = urllib.parse.urlencode({f"${name}": value for name, value in following.items()})
            address = f"{self.endpoints['cdse-catalogue']}/Products"
            answer["@odata.nextLink"] = f"{address}?{text}"
        return Answer.json(answer)


@contextmanager
def data_space(entries: Iterable[Entry], folder: Path, lasts: float = 600.0) -> Iterator[DataSpace]:
    """Serve ``entries``; other paths give files of ``folder``."""
    space = DataSpace(entries, lasts)
    with faulty(folder, space.answer) as server:
        space.server = server
        yield space


def _listed(entry: Entry, expanded: bool) -> dict[str, Any]:
    found = digests(entry.file)
    footprint = wkt.loads(entry.footprint)
    moment = "2024-01-01T00:00:00.000000Z"
    sums = [("MD5", found.md5), ("BLAKE3", found.blake3)]
    value: dict[str, Any] = {
        "@odata.mediaContentType": "application/octet-stream",
        "Id": entry.id,
        "Name": entry.name,
        "ContentType": "application/octet-stream",
        "ContentLength": found.bytes,
        "OriginDate": moment,
        "PublicationDate": moment,
        "ModificationDate": moment,
        "Online": entry.online,
        "EvictionDate": "9999-12-31T23:59:59.999999Z",
        "S3Path": f"/eodata/{entry.file.name}",
        "Checksum": [
            {"Value": total, "Algorithm": name, "ChecksumDate": moment} for name, total in sums
        ],
        "ContentDate": {"Start": entry.start, "End": entry.end},
        "Footprint": f"geography'SRID=4326;{footprint.wkt}'",
        "GeoFootprint": json.loads(shapely.to_geojson(footprint)),
    }
    if expanded:
        named = {"productType": entry.product_type, **entry.attributes}
        value["Attributes"] = [_attribute(name, given) for name, given in named.items()]
    return value


def _attribute(name: str, value: Any) -> dict[str, Any]:
    kind = {int: "Integer", float: "Double"}.get(type(value), "String")
    return {
        "@odata.type": f"#OData.CSC.{kind}Attribute",
        "Name": name,
        "Value": value,
        "ValueType": kind,
    }


_ATTRIBUTE = re.compile(
    r"Attributes/OData\.CSC\.(\w+)Attribute/any\(att:\s*att/Name eq '(\w+)' and "
    r"att/OData\.CSC\.\w+Attribute/Value (eq|lt|le|gt|ge) ('?)([^')]*)\4\)"
)
_AREA = re.compile(r"OData\.CSC\.Intersects\(area=geography'SRID=4326;([^']+)'\)")
_PLAIN = re.compile(r"([\w/]+) (eq|lt|le|gt|ge) '?([^'\s)]+)'?")
_NAMED = re.compile(r"(contains|startswith)\(Name,\s*'([^']*)'\)")


def _meets(entry: Entry, text: str) -> bool:
    """Whether the entry meets a filter of terms joined by ``and``, with (a or b) groups.

    Terms are taken out one after another; what is left over raises ValueError, as the service
    answers 400 to what it does not understand.
    """

    def truth(value: bool) -> str:
        return " TRUE " if value else " FALSE "

    fields = {"Collection/Name": entry.collection, "Name": entry.name, "Id": entry.id}
    fields |= {"ContentDate/Start": entry.start, "ContentDate/End": entry.end}
    fields |= {"Online": str(entry.online).lower()}

    def attribute(found: re.Match[str]) -> str:
        value = {"productType": entry.product_type, **entry.attributes}.get(found[2])
        return truth(value is not None and _compare(value, found[3], found[5]))

    def plain_term(found: re.Match[str]) -> str:
        if found[1] not in fields:
            raise ValueError(f"Invalid field: {found[1]}")
        return truth(_compare(fields[found[1]], found[2], found[3]))

    def area(found: re.Match[str]) -> str:
        asked = wkt.loads(found[1])
        return truth(bool(wkt.loads(entry.footprint).intersects(asked)))

    text = _AREA.sub(area, text)
    text = _ATTRIBUTE.sub(attribute, text)
    text = _NAMED.sub(
        lambda found: truth(
            found[2] in entry.name if found[1] == "contains" else entry.name.startswith(found[2])
        ),
        text,
    )
    text = _PLAIN.sub(plain_term, text)
    words = re.findall(r"[()]|\w+|\S", text)
    if not set(words) <= {"(", ")", "TRUE", "FALSE", "and", "or", "not"}:
        raise ValueError(f"Invalid filter near {' '.join(words)[:80]}")
    return bool(eval(" ".join(word.title() if word.isupper() else word for word in words)))


def _compare(value: Any, how: str, wanted: str) -> bool:
    left: Any = value
    right: Any = wanted
    if isinstance(value, int | float):
        right = float(wanted)
    elif re.match(r"\d{4}-\d\d-\d\dT", str(value)):
        left, right = _moment(str(value)), _moment(wanted)
    return {
        "eq": left == right,
        "lt": left < right,
        "le": left <= right,
        "gt": left > right,
        "ge": left >= right,
    }[how]


def _moment(text: str) -> str:
    """A time in one notation, to the microsecond, so that texts compare as times do."""
    whole, _, part = text.removesuffix("Z").partition(".")
    return f"{whole}.{part:0<6}"
