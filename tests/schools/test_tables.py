"""A table out of a file: encodings, separators, workbooks, titles above the headings, and what may not get in."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
import xlsxwriter

from schools.columns import Column, fingerprint, guessed, placed
from schools.rules import FileRefused
from schools.tables import Table, open_table

ROWS = [
    ["upn", "date", "session", "code", "comment"],
    ["A1", dt.date(2025, 11, 20), "AM", "L", "café"],
    ["B2", "2025-11-20", "PM", 3, None],
]
READ = [(2, ["A1", "2025-11-20", "AM", "L", "café"]), (3, ["B2", "2025-11-20", "PM", "3", ""])]


def workbook(*sheets: tuple[str, list[list]], first_row: int = 0) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "default_date_format": "dd/mm/yyyy"}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(first_row + number, 0, row)
    return made.getvalue()


def as_text(separator: str = ",") -> str:
    return "\r\n".join(separator.join("" if value is None else str(value) for value in row) for row in ROWS) + "\r\n"


def content(table: Table) -> tuple[list[str], list[tuple[int, list[str]]]]:
    return table.headings, list(table.rows)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_any_common_encoding_and_separator(separator: str, encoding: str) -> None:
    assert content(open_table(as_text(separator).encode(encoding))) == (ROWS[0], READ)


def test_windows_1252_is_read_with_a_notice() -> None:
    (notice,) = open_table(as_text().encode("cp1252")).notices
    assert notice.row == 2 and "Windows-1252" in notice.reason


def test_a_workbook_is_read_like_text_with_the_numbers_of_its_rows() -> None:
    assert content(open_table(workbook(("Register", ROWS)))) == (ROWS[0], READ)
    below = open_table(workbook(("Register", ROWS), first_row=4))
    assert [number for number, _ in below.rows] == [6, 7]


def test_a_title_above_the_headings_is_passed_over() -> None:
    table = open_table(workbook(("Register", [["Attendance 2025"], [], *ROWS])))
    assert (table.headings, [number for number, _ in table.rows]) == (ROWS[0], [4, 5])


def test_the_first_sheet_that_holds_anything_is_read_and_others_can_be_named() -> None:
    data = workbook(("Cover", []), ("First", ROWS), ("Second", ROWS[:2]))
    table = open_table(data)
    assert (table.sheet, table.sheets) == ("First", ["First", "Second"])
    assert len(list(open_table(data, "Second").rows)) == 1
    with pytest.raises(FileRefused, match="has no sheet “Third”"):
        open_table(data, "Third")


def rebuilt(data: bytes, **parts: bytes) -> bytes:
    """The workbook with some of its parts replaced (``sheet1``, ``sharedStrings``, ``workbook``)."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            name = part.filename.rsplit("/", 1)[-1].removesuffix(".xml")
            new.writestr(part.filename, parts.get(name, old.read(part)))
    return made.getvalue()


def sheet(cells: str) -> bytes:
    return (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{cells}</sheetData></worksheet>"
    ).encode()


BOOK = workbook(("Register", ROWS))
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
LONG = f"<?xml version='1.0'?><sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>{'x' * 30_000}</t></si></sst>"
REFUSED = {
    "a cell at the far end": (rebuilt(BOOK, sheet1=sheet(FAR)), "reaches to row 1,048,576"),
    "a cell at the far end in UTF-16": (
        rebuilt(BOOK, sheet1=sheet(FAR).decode().replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16")),
        "reaches to row 1,048,576",
    ),
    "one long text behind many cells": (
        rebuilt(BOOK, sharedStrings=LONG.encode(), sheet1=sheet('<row><c t="s"><v>0</v></c></row>' * 5000)),
        "more than 32 million characters",
    ),
    "a document type": (
        rebuilt(BOOK, sheet1=b'<!DOCTYPE x [<!ENTITY a "b">]>' + sheet("<row><c><v>&a;</v></c></row>").partition(b"?>")[2]),
        "holds a document type",
    ),
    "much in little": (rebuilt(BOOK, sheet1=b" " * 70_000_000), "unpacks to more than 64 MB"),
    "no sheet with anything": (workbook(("Empty", [])), "The workbook is empty"),
    "not XML": (rebuilt(BOOK, sheet1=b"\x89PNG"), "The workbook is damaged"),
    "an archive of something else": (b"", "This is an archive but not an XLSX workbook"),
    "cut off": (BOOK[:-200], "The workbook is damaged"),
}
made = io.BytesIO()
with zipfile.ZipFile(made, "w") as archive:
    archive.writestr("letters.txt", "x")
REFUSED["an archive of something else"] = (made.getvalue(), REFUSED["an archive of something else"][1])


@pytest.mark.parametrize("name", REFUSED)
def test_a_workbook_made_to_break_the_reader_is_refused_in_a_sentence(name: str) -> None:
    data, sentence = REFUSED[name]
    assert len(data) < 1_000_000
    with pytest.raises(FileRefused, match=sentence):
        open_table(data)


def test_a_lie_about_the_size_of_a_part_is_found_out() -> None:
    """The directory says 100 bytes; the stream holds ten megabytes."""
    data = bytearray(rebuilt(BOOK, sheet1=b" " * 10_000_000))
    declared = (10_000_000).to_bytes(4, "little")
    data = data.replace(declared, (100).to_bytes(4, "little"))
    with pytest.raises(FileRefused, match="damaged"):
        open_table(bytes(data))


COLUMNS = (Column("upn", "UPN", ("uniquepupilnumber",)), Column("code", "Mark", ("mark", "attendancemark")))


def test_columns_are_guessed_only_where_it_is_certain() -> None:
    assert guessed(["Attendance Mark", "Unique Pupil Number"], COLUMNS) == {"upn": 1, "code": 0}
    assert guessed(["Mark", "Attendance mark", "UPN"], COLUMNS) == {"upn": 2}
    assert guessed(["Mark", "Code", "UPN"], COLUMNS) == {"upn": 2, "code": 1}
    with pytest.raises(FileRefused, match="names column “upn” twice"):
        guessed(["UPN", "u.p.n."], COLUMNS)


def test_columns_are_placed_as_somebody_said() -> None:
    assert placed(["Kid", "What"], {"upn": "kid", "code": "WHAT", "date": "When"}) == {"upn": 0, "code": 1}
    assert fingerprint(["Kid", "What"]) == fingerprint([" kid ", "WHAT."]) != fingerprint(["What", "Kid"])
