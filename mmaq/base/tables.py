"""The one reader of delimited tables that others made, and checks of them, column by column."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import logging
import lzma
import re
import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from os import PathLike
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError

SEPARATORS = (",", ";", "\t", "|")

LINE = "line"
"""Name of the index of a table that was read: the line of the file on which a row ends."""

EMPTY = ("", "na", "n/a", "#n/a", "nan", "null", "none", "-")
"""What cells of numbers hold, in small letters, where there is no number."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
"""A number with a decimal comma, or with one comma between thousands."""

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""One that may be either."""

DEGREES = ("lon", "lat")
"""Columns in which there are no thousands."""

LAYOUT = "Give a table in that layout"

_HINT = re.compile(r'"?sep=."?\s*', re.IGNORECASE)
"""The line above the header by which a table tells Excel its separator."""

WORKBOOKS = {"[Content_Types].xml": "an Excel", "content.xml": "an OpenDocument"}
"""What the archives are that hold such a file."""

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"

SMALL, GROWTH = 2**27, 100
"""Bytes that any archive may unpack to, and how many times its own size a larger one may."""

NOT_PACKED = (
    BadZipFile, EOFError, RuntimeError, ValueError, OSError, struct.error, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
"""What the libraries raise on damaged or encrypted archives that are in memory already."""

csv.field_size_limit(2**30)

log = logging.getLogger(__name__)


def read_table(
    path: str | PathLike[str], columns: Sequence[str], optional: Sequence[str] = ()
) -> pd.DataFrame:
    """Read the named columns of a delimited table (plain, zipped or gzipped) as text.

    Those of ``optional`` that the table has come after ``columns``, in the order given here. The
    separator (comma, semicolon, tab, bar) is the one with which the header holds the columns.
    UTF-8 is read, UTF-16 and UTF-32 with their mark, and what is none of them as Windows-1252,
    with a warning. Spaces around a cell go; an empty cell is missing, and no other text is: the
    country NA is Namibia. The index, ``LINE``, tells each row's line.

    Columns that are not asked for are never parsed, so nothing else of the table can leak.

    Raises:
        TableError: the file is missing, is no such table, lacks a column, or holds no rows.
    """
    lines = _lines(path)
    wanted = [*columns, *optional]
    separator, header = _separated(lines, wanted)
    missing = [name for name in columns if name not in header]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        noun = "column" if len(missing) == 1 else "columns"
        verb = "is" if len(missing) == 1 else "are"
        raise TableError(path, f"{noun} {names} {verb} missing", LAYOUT)
    names_ = [name for name in wanted if name in header]
    for name in names_:
        if header.count(name) > 1:
            raise TableError(path, f"column {name!r} is there twice", "Keep one of them")
    at = [header.index(name) for name in names_]
    numbers, rows = [], []
    for number, cells in _rows(path, lines, separator):
        if len(cells) > len(header) and any(cells[len(header) :]):
            fault = f"line {number} holds {len(cells)} cells, the header {len(header)}"
            raise TableError(path, fault, "Quote cells that hold the separator")
        if len(cells) < len(header) and number == len(lines) and lines[-1][-1] not in "\r\n":
            fault = (
                f"it is cut off in its last line, which holds {len(cells)} of {len(header)} cells"
            )
            raise TableError(path, fault, "Download or copy it again")
        cells += [""] * (len(header) - len(cells))
        numbers.append(number)
        rows.append([cells[position] or None for position in at])
    if not rows:
        raise TableError(path, "the table holds no rows", "Give a table with rows")
    index = pd.Index(numbers, name=LINE)
    columns_ = zip(names_, zip(*rows, strict=True), strict=True)
    return pd.DataFrame({name: pd.array(cells, dtype="str") for name, cells in columns_}, index)


def read_header(path: str | PathLike[str], wanted: Sequence[str]) -> list[str]:
    """Names in the header of a table of which some of ``wanted`` are looked for.

    Raises:
        TableError: the file is missing, empty, or no text.
    """
    return _separated(_lines(path), wanted)[1]


def _lines(path: str | PathLike[str]) -> list[str]:
    """The table's lines, with their ends."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise TableError(path, "the file does not exist", "Give an existing table") from None
    except IsADirectoryError:
        raise TableError(path, "is a folder", "Name the table in it") from None
    try:
        content = _unpacked(path, content)
    except NOT_PACKED as fault_:
        line = f"not a readable archive ({fault_})"
        raise TableError(path, line, "Download it again") from None
    lines = list(io.StringIO(_decoded(path, content), newline=""))
    if lines and _HINT.fullmatch(lines[0]):
        lines[0] = "\n"
    if not any(line.strip() for line in lines):
        raise TableError(path, "the table is empty", "Give a table with rows")
    return lines


def _unpacked(path: str | PathLike[str], content: bytes) -> bytes:
    """The bytes of a table that may be zipped or gzipped.

    Raises:
        TableError: it is a workbook, the archive holds none or several, or grows as no table does.
    """
    if content.startswith(_OLD_EXCEL):
        _refuse_workbook(path, "an Excel")
    most = max(SMALL, GROWTH * len(content))
    size = len(content)
    if is_zipfile(io.BytesIO(content)):
        with ZipFile(io.BytesIO(content)) as archive:
            for name in WORKBOOKS.keys() & set(archive.namelist()):
                _refuse_workbook(path, WORKBOOKS[name])
            held = [info for info in archive.infolist() if _is_table(info.filename)]
            if len(held) != 1:
                fault = f"the archive holds {len(held)} files where one table is needed"
                raise TableError(path, fault, "Unpack it and name the table")
            size = held[0].file_size
            content = archive.read(held[0]) if size <= most else b""
    elif content.startswith(b"\x1f\x8b"):
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(most + 1)
        size = len(content)
    if size > most:
        fault = f"unpacks to {size} bytes or more, as no table does"
        raise TableError(path, fault, "Download it again; if it is a table, unpack it")
    return content


def _refuse_workbook(path: str | PathLike[str], kind: str) -> None:
    raise TableError(path, f"{kind} workbook, no table of text", "Save it as CSV (UTF-8)")


def _is_table(name: str) -> bool:
    """Not a folder, and not what macOS adds to an archive."""
    last = name.rsplit("/", 1)[-1]
    return bool(last) and not last.startswith(".") and not name.startswith("__MACOSX/")


def _decoded(path: str | PathLike[str], content: bytes) -> str:
    named = [name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)]
    try:
        return content.decode(named[0] if named else "utf-8")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        strange = f"line {line} holds the byte 0x{content[fault.start]:02x}"
    try:
        if named or b"\x00" in content:
            raise UnicodeError
        text = content.decode("cp1252")
    except UnicodeError:
        fault_ = f"not a text table: {strange}, which is no {named[0] if named else 'UTF-8'}"
        raise TableError(path, fault_, "Save it as UTF-8") from None
    log.warning("%s: %s, which is no UTF-8: read as Windows-1252", path, strange)
    return text


def _separated(lines: list[str], wanted: Sequence[str]) -> tuple[str, list[str]]:
    """The separator with which the header holds most of the ``wanted`` names, and all names."""
    found = []
    for separator in SEPARATORS:
        rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        header: list[str] = next((cells for cells in rows if any(cells)), [])
        found.append((separator, [cell.strip() for cell in header]))
    return max(found, key=lambda each: (len(set(wanted) & set(each[1])), len(each[1])))


def _rows(
    path: str | PathLike[str], lines: list[str], separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row below the header; blank lines are passed over.

    Raises:
        TableError: a line is none of a table, or opens a quote that swallows those below it.
    """
    # Behind the last line stands a blank one, which belongs to a row only if its quote is open.
    reader = csv.reader([*lines, "\n"], delimiter=separator, skipinitialspace=True)
    width, first = 0, 1
    try:
        for raw in reader:
            last = reader.line_num
            if last > first and (
                last > len(lines) or _is_swallowed(lines[first - 1 : last], raw, separator, width)
            ):
                fault = f"line {first} opens a quote that is not closed"
                raise TableError(path, fault, "Close it or take it away")
            first = last + 1
            cells = [cell.strip() for cell in raw]
            if not any(cells):
                continue
            if width:
                yield last, cells
            width = width or len(cells)
    except csv.Error as fault_:
        line = f"line {reader.line_num} is not one of a delimited table ({fault_})"
        raise TableError(path, line, "Download it again") from None


def _is_swallowed(lines: list[str], cells: list[str], separator: str, width: int) -> bool:
    """Whether a row of several lines holds rows as text, from one stray quote to the next.

    The quote that ends it is followed by text, or a line inside it has the header's cells.
    """
    try:
        next(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error:
        return True
    inside = [line for cell in cells for line in cell.splitlines()[1:]]
    return width > 1 and any(line.count(separator) == width - 1 for line in inside)


def to_numbers(
    table: pd.DataFrame, columns: Collection[str], key: str, path: str | PathLike[str]
) -> pd.DataFrame:
    """Parse ``columns`` as finite float64 in place of the text; an empty cell becomes NaN.

    So does one of ``EMPTY``. Decimal commas are read where the columns hold no decimal point and
    at least one comma that cannot stand between thousands.

    Raises:
        TableError: a cell is not a finite number; names line, column, value and the row's ``key``.
    """
    table = table.copy()
    texts = {column: without_empty(table[column]) for column in columns}
    comma = {column: text.str.fullmatch(_COMMA).eq(True) for column, text in texts.items()}
    if any(is_comma.any() for is_comma in comma.values()):
        _check_commas(table, texts, comma, key, path)
        texts = {column: text.str.replace(",", ".") for column, text in texts.items()}
    for column, text in texts.items():
        values = pd.to_numeric(text, errors="coerce").astype(float)
        bad = (values.isna() & text.notna()) | np.isinf(values)
        if bad.any():
            row = table[bad].iloc[0]
            fault = f"column {column!r} holds {row[column]!r} at {row[key]!r}, not a finite number"
            raise TableError(path, at_line(table, bad) + fault, "Correct that cell")
        table[column] = values
    return table


def _check_commas(
    table: pd.DataFrame,
    texts: dict[str, pd.Series],
    comma: dict[str, pd.Series],
    key: str,
    path: str | PathLike[str],
) -> None:
    """Refuse numbers with commas that may be thousands, or beside numbers with points."""
    points = any(text.str.contains(".", regex=False).any() for text in texts.values())
    sure = any(
        (comma[name] & (~text.str.fullmatch(_THOUSANDS).eq(True) | (name in DEGREES))).any()
        for name, text in texts.items()
    )
    if points or not sure:
        column = next(name for name in texts if comma[name].any())
        row = table[comma[column]].iloc[0]
        fault = (
            f"column {column!r} holds {row[column]!r} at {row[key]!r}, whose comma may stand for "
            "decimals or thousands"
        )
        raise TableError(path, at_line(table, comma[column]) + fault, "Write decimal points")


def without_empty(texts: pd.Series) -> pd.Series:
    """Cells of a column in which words like NA or null are no name but stand for nothing."""
    return texts.mask(texts.str.lower().isin(EMPTY))


def at_line(table: pd.DataFrame, rows: pd.Series) -> str:
    """ "line 7: " of the first of ``rows``, where the table knows its lines; else nothing."""
    return f"line {table.index[rows.to_numpy()][0]}: " if table.index.name == LINE else ""


def check_unique(table: pd.DataFrame, key: str, path: str | PathLike[str]) -> None:
    """Refuse a table in which ``key`` is missing or repeated (TableError names the value)."""
    check_filled(table, key, path, "Give every row its id")
    twice = table[key].duplicated()
    if twice.any():
        fault = f"{at_line(table, twice)}{table.loc[twice, key].iloc[0]!r} stands twice in {key!r}"
        raise TableError(path, fault, "Keep one row of it")


def check_filled(table: pd.DataFrame, column: str, path: str | PathLike[str], remedy: str) -> None:
    """Refuse a table in which a cell of ``column`` is missing."""
    empty = table[column].isna()
    if empty.any():
        fault = f"{at_line(table, empty)}column {column!r} has an empty cell"
        raise TableError(path, fault, remedy)


def check_countries(table: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Refuse a ``country`` that is no code of two letters (TableError names the value)."""
    check_filled(table, "country", path, "Give two-letter codes")
    bad = table["country"].str.len() != 2
    if bad.any():
        fault = (
            f"{at_line(table, bad)}{table.loc[bad, 'country'].iloc[0]!r} is no code of a country"
        )
        raise TableError(path, fault, "Give two-letter codes")


def check_range(
    table: pd.DataFrame, column: str, low: float, high: float, key: str, path: str | PathLike[str]
) -> None:
    """Refuse a value outside [low, high] or missing (TableError names it and the row's ``key``)."""
    bad = ~table[column].between(low, high)
    if bad.any():
        row = table[bad].iloc[0]
        value = "no" if pd.isna(row[column]) else "the impossible"
        shown = "" if pd.isna(row[column]) else f" {row[column]:g}"
        fault = f"column {column!r} has {value} value{shown} at {row[key]!r}"
        raise TableError(path, at_line(table, bad) + fault, f"Give values from {low:g} to {high:g}")
