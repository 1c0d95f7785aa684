"""A small Zenodo: records with files, their sizes and MD5 sums."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from urllib.parse import quote

from tests.servers.faulty import Answer, faulty


@contextmanager
def zenodo_service(records, sums=None):
    """``records``: number → file name → content; ``sums`` overrides the sums that are told."""

    def answer(asked):
        parts = asked.path.split("/")
        files = records.get(parts[3]) if parts[:3] == ["", "api", "records"] else None
        if files is None:
            return Answer.json({"status": 404, "message": "PID does not exist"}, 404)
        if len(parts) == 4:
            return Answer.json({"id": int(parts[3]), "files": _told(server, parts[3], files, sums)})
        if parts[4] == "files" and parts[6:] == ["content"] and parts[5] in files:
            return Answer(body=files[parts[5]])
        return None

    with faulty(answer=answer) as server:
        server.url += "/api"
        yield server


def _told(server, record, files, sums):
    return [
        {
            "key": name, "size": len(content),
            "checksum": "md5:" + ((sums or {}).get(name) or hashlib.md5(content).hexdigest()),
            "links": {"self": f"{server.url}/records/{record}/files/{quote(name)}/content"},
        }
        for name, content in files.items()
    ]  # fmt: skip
