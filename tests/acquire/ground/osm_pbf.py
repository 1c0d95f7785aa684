"""Writes an OpenStreetMap extract (.osm.pbf) of a few ways: just enough of the format.

Format: wiki.openstreetmap.org/wiki/PBF_Format (fileformat.proto, osmformat.proto).
"""

from __future__ import annotations

import struct
import zlib


def write_extract(path, ways):
    """``ways``: id → (highway value or None, [(lon, lat), ...])."""
    texts, nodes, lines = [b"", b"highway", b"name", b"A place"], [], []
    numbers = {}
    for identity, (kind, points) in sorted(ways.items()):
        refs = []
        for point in points:
            if point not in numbers:
                numbers[point] = len(numbers) + 1
                lon, lat = point
                place = _number(1, _zigzag(numbers[point]))
                place += _number(8, _zigzag(round(lat * 1e7))) + _number(
                    9, _zigzag(round(lon * 1e7))
                )
                nodes.append(place)
            refs.append(numbers[point])
        keys, values = [2], [3]
        if kind is not None:
            texts.append(kind.encode())
            keys, values = [1, 2], [len(texts) - 1, 3]
        steps = [_zigzag(after - before) for before, after in zip([0, *refs], refs, strict=False)]
        line = _number(1, identity) + _packed(2, keys) + _packed(3, values) + _packed(8, steps)
        lines.append(line)
    strings = b"".join(_bytes(1, text) for text in texts)
    groups = [
        b"".join(_bytes(1, node) for node in nodes), b"".join(_bytes(3, line) for line in lines)
    ]  # fmt: skip
    block = _bytes(1, strings) + b"".join(_bytes(2, group) for group in groups)
    header = _bytes(4, b"OsmSchema-V0.6")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_blob(b"OSMHeader", header) + _blob(b"OSMData", block))


def _blob(kind, content):
    blob = _number(2, len(content)) + _bytes(3, zlib.compress(content))
    head = _bytes(1, kind) + _number(3, len(blob))
    return struct.pack(">I", len(head)) + head + blob


def _varint(value):
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _zigzag(value):
    return value << 1 if value >= 0 else (-value << 1) - 1


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _packed(field, values):
    return _bytes(field, b"".join(map(_varint, values)))
