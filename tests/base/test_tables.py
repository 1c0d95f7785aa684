"""The one reader of tables: encodings, separators, missing cells, decimal commas, faults."""

import gzip
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest

from mmaq.base import tables
from mmaq.base.errors import TableError
from mmaq.base.tables import check_countries, check_range, check_unique, read_table, to_numbers

COLUMNS = ("site_id", "lon", "lat", "country")
PLAIN = "site_id,lon,lat,country\nu1,4.883,52.37,NL\nu2,-0.5,-7,NA\n"


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "sites.csv"
    path.write_bytes(text.encode(encoding))
    return path


def read(path):
    return to_numbers(read_table(path, COLUMNS), ("lon", "lat"), "site_id", path)


def expected(first="u1"):
    return {"site_id": [first, "u2"], "lon": [4.883, -0.5], "lat": [52.37, -7.0],
            "country": ["NL", "NA"]}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "ascii"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_one_table_in_all_dresses(tmp_path, encoding, end, separator):
    text = PLAIN.replace("\n", end).replace(",", separator)
    assert read(written(tmp_path, text, encoding)).to_dict("list") == expected()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_names_beyond_ascii(tmp_path, caplog, encoding):
    path = written(tmp_path, PLAIN.replace("u1", "Zürich"), encoding)
    assert read(path).to_dict("list") == expected("Zürich")
    guessed = "line 2 holds the byte 0xfc, which is no UTF-8: read as Windows-1252"
    assert (guessed in caplog.text) == (encoding in ("latin-1", "cp1252"))


def test_archives_of_one_table(tmp_path):
    path = tmp_path / "sites.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("folder/sites.csv", PLAIN)
        archive.writestr("__MACOSX/folder/._sites.csv", "x")
    assert read(path).to_dict("list") == expected()
    packed = tmp_path / "sites.csv.gz"
    packed.write_bytes(gzip.compress(PLAIN.encode()))
    assert read(packed).to_dict("list") == expected()


@pytest.mark.parametrize(
    ("pack", "harm"),
    [("zip", "cut"), ("zip", "inside"), ("zip", "encrypted"), ("gz", "cut"), ("gz", "inside")],
)
def test_a_damaged_archive_is_named(tmp_path, pack, harm):
    path = tmp_path / f"sites.csv.{pack}"
    if pack == "zip":
        with ZipFile(path, "w", compression=ZIP_DEFLATED) as archive:
            archive.writestr("sites.csv", PLAIN * 50)
    else:
        path.write_bytes(gzip.compress(PLAIN.encode() * 50))
    content = bytearray(path.read_bytes())
    if harm == "encrypted":
        content[6] |= 1
        content[content.index(b"PK\1\2") + 8] |= 1
    content[60:64] = b"\xff" * 4 if harm == "inside" else content[60:64]
    path.write_bytes(content[:-9] if harm == "cut" else content)
    with pytest.raises(TableError, match=rf"^{path}: not a (readable archive|text table)"):
        read(path)


def test_a_table_that_is_cut_in_its_last_line_is_refused(tmp_path):
    path = written(tmp_path, PLAIN.rstrip("\n").rpartition(",")[0])
    with pytest.raises(TableError, match=r"cut off in its last line, which holds 3 of 4 cells"):
        read(path)


@pytest.mark.parametrize("pack", ["zip", "gz"])
def test_an_archive_that_grows_as_no_table_does_is_refused(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(tables, "SMALL", 1000)
    path = tmp_path / f"sites.{pack}"
    if pack == "zip":
        with ZipFile(path, "w", compression=ZIP_DEFLATED) as archive:
            archive.writestr("sites.csv", bytes(10**6))
    else:
        path.write_bytes(gzip.compress(bytes(10**6)))
    with pytest.raises(TableError, match=r"unpacks to \d+ bytes or more, as no table does"):
        read(path)


def test_spaces_quotes_blank_lines_and_other_columns(tmp_path):
    text = (
        '\n "more" , site_id, lon , lat, country \n\n1, "u1", 4.883,52.37 , NL\n,,,,\n'
        '"a,\nb",u2,-0.5,-7,NA\n\n'
    )
    assert read(written(tmp_path, text)).to_dict("list") == expected()


@pytest.mark.parametrize("word", ["NA", "null", "None", "nan", "N/A", "-", "007", "1e5"])
def test_words_for_nothing_are_names_in_text_and_missing_in_numbers(tmp_path, word):
    table = read_table(written(tmp_path, f"site_id,lon\n{word},{word}\n"), ("site_id", "lon"))
    assert list(table["site_id"]) == [word]
    if not word[0].isdigit():
        assert to_numbers(table, ["lon"], "site_id", "t")["lon"].isna().all()


ROWS = "".join(f"u{number},4.8,52.3,NL,Mill\n" for number in range(3, 503))
OPEN, LONE = 'u1,4.8,52.3,NL,"Old Mill\n', 'u1,4.8,52.3,NL,"\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (OPEN + ROWS, 2),
        (ROWS + LONE.rstrip("\n"), 502),
        (OPEN + ROWS + OPEN, 2),
        (LONE + ROWS + LONE + ROWS, 2),
        (ROWS + OPEN + 'u2,4.8,52.3,NL,New Mill"\n', 502),
    ],
)
def test_a_quote_that_swallows_rows_is_refused(tmp_path, text, line):
    path = written(tmp_path, "site_id,lon,lat,country,name\n" + text)
    with pytest.raises(TableError, match=rf"sites.csv: line {line} opens a quote that is not cl"):
        read(path)


@pytest.mark.parametrize("hint", ["sep=;", "SEP=;", '"sep=;"'])
def test_the_line_that_tells_excel_the_separator_is_no_header(tmp_path, hint):
    path = written(tmp_path, f"{hint}\r\n" + PLAIN.replace(",", ";"))
    table = read(path)
    assert table.to_dict("list") == expected()
    assert list(table.index) == [3, 4]


def test_a_workbook_is_named(tmp_path):
    path = tmp_path / "sites.csv"
    for name, kind in (("[Content_Types].xml", "an Excel"), ("content.xml", "an OpenDocument")):
        with ZipFile(path, "w") as archive:
            archive.writestr(name, "<x/>")
            archive.writestr("xl/workbook.xml", "<x/>")
        with pytest.raises(TableError, match=rf"{kind} workbook.*Save it as CSV \(UTF-8\)"):
            read(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    with pytest.raises(TableError, match="an Excel workbook"):
        read(path)


def test_empty_cells_and_short_rows_are_missing(tmp_path):
    table = read_table(written(tmp_path, "a,b,c\n1,,\n2\n,3,\n"), ("a", "b", "c"))
    assert table.isna().to_numpy().tolist() == [[False, True, True], [False, True, True],
                                                [True, False, True]]  # fmt: skip


def test_decimal_commas(tmp_path):
    text = "site_id;lon;lat;country\nu1;4,883;52,37;NL\nu2;-0,5;-7;NA\n"
    assert read(written(tmp_path, text)).to_dict("list") == expected()
    quoted = 'site_id,lon,lat,country\nu1,"4,883","52,37",NL\nu2,"-0,5",-7,NA\n'
    assert read(written(tmp_path, quoted)).to_dict("list") == expected()
    whole = "site_id;lon;lat\nu1;4,883;52,370\n"
    table = read_table(written(tmp_path, whole), ("site_id", "lon", "lat"))
    assert to_numbers(table, ("lon", "lat"), "site_id", "t")["lat"].tolist() == [52.37]


@pytest.mark.parametrize(
    "cells", [("1,234", "2,345"), ("1.5", "2,5"), ("1,234", "2.5"), ("1,5", "1.000")]
)
def test_commas_of_two_meanings_are_refused(cells):
    table = pd.DataFrame({"site_id": ["a", "b"], "altitude": cells}, dtype="str")
    with pytest.raises(TableError, match="whose comma may stand for decimals or thousands"):
        to_numbers(table, ["altitude"], "site_id", "t.csv")


def read_places(path):
    table = to_numbers(read_table(path, ("site_id", "lon")), ["lon"], "site_id", path)
    check_unique(table, "site_id", path)
    check_range(table, "lon", -180.0, 180.0, "site_id", path)


FAULTS = [
    ("a,b\n1,2\n", "columns 'site_id', 'lon' are missing"),
    ("site_id,b\n1,2\n", "column 'lon' is missing"),
    ("site_id,lon\n", "the table holds no rows"),
    ("", "the table is empty"),
    (" \n\n", "the table is empty"),
    ("site_id,lon,lon\na,1,2\n", "column 'lon' is there twice"),
    ("site_id,lon\n\na,1\nb,east\n", "line 4: column 'lon' holds 'east' at 'b'"),
    ("site_id,lon\na,1e999\n", "line 2: column 'lon' holds '1e999' at 'a', not a finite"),
    ("site_id,lon\na,1\nb,4,88\n", "line 3 holds 3 cells, the header 2"),
    ("site_id,lon\na,1\n,2\n", "line 3: column 'site_id' has an empty cell"),
    ("site_id,lon\na,1\nb,2\na,2\n", "line 4: 'a' stands twice in 'site_id'"),
    ("site_id,lon\na,1\nb,181\n", "line 3: column 'lon' has the impossible value 181 at 'b'"),
    ("site_id,lon\na,1\nb,\n", "line 3: column 'lon' has no value at 'b'"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults_name_line_and_column(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(TableError) as caught:
        read_places(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    for content in (bytes(range(256)), b"PK\x03\x04broken", b"\x1f\x8bbroken", b"a,b\x81\n1,2"):
        path.write_bytes(content)
        with pytest.raises(TableError) as caught:
            read_table(path, ["a"])
        assert "\n" not in str(caught.value)
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path, ["a"])
    with pytest.raises(TableError, match="the file does not exist"):
        read_table(tmp_path / "none.csv", ["a"])


def test_a_country_has_two_letters(tmp_path):
    table = read_table(written(tmp_path, "site_id,country\na,NL\nb,NLD\n"), ("site_id", "country"))
    with pytest.raises(TableError, match="line 3: 'NLD' is no code of a country"):
        check_countries(table, "t.csv")


def test_optional_columns_come_after(tmp_path):
    table = read_table(written(tmp_path, PLAIN), ["lat"], optional=["more", "site_id"])
    assert list(table) == ["lat", "site_id"]
    assert list(table.index) == [2, 3]
    assert table.index.name == "line"
    assert np.issubdtype(table.index.dtype, np.integer)
