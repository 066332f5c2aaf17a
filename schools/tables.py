"""A file's table, whatever the file: bytes in; headings and numbered rows of text out. No database, no clock.

CSV may be in UTF-8, UTF-16 with its mark or Windows-1252, and separated by commas, semicolons or tabs; a workbook is XLSX. Rows are
numbered as a spreadsheet shows them. The headings are the first row that holds anything, or, below a title, the first with three values.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from schools import workbooks
from schools.rules import FileRefused, Refusal

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
MAX_LINE = 50_000
MAX_LINES_A_ROW = 20
TITLE_ROWS = 10
"""So many rows may stand above the headings."""
SEPARATORS = (",", ";", "\t")
Row = tuple[int, list[str]]
WINDOWS = "The file is not UTF-8 and was read as Windows-1252: look whether letters with accents are right in comments and names."


@dataclass
class Table:
    """``rows`` can be gone through once. ``sheets``: the names of all that hold anything; none for CSV."""

    headings: list[str]
    rows: Iterator[Row]
    sheet: str = ""
    sheets: Sequence[str] = ()
    notices: list[Refusal] = field(default_factory=list)


def open_table(data: bytes, sheet: str = "") -> Table:
    """The table of a file; of a workbook, the named sheet or the first that holds anything. FileRefused in a sentence."""
    if len(data) > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024**2} MB: split it by term and import the parts.")
    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise FileRefused(
            "This is a workbook of the old kind, or one with a password: save it as .xlsx without one and import that."
        )
    table = _from_workbook(data, sheet) if data[:2] == b"PK" else _from_text(data)
    if len(table.headings) > MAX_COLUMNS:
        raise FileRefused(
            f"The header names {len(table.headings):,} columns; a file has at most {MAX_COLUMNS}: leave out the others."
        )
    return table


def _from_workbook(data: bytes, wanted: str) -> Table:
    found = {sheet.name: sheet for sheet in workbooks.sheets(data)}
    if not found:
        raise FileRefused("The workbook is empty: none of its sheets holds a value.")
    if wanted and wanted not in found:
        raise FileRefused(f"The workbook has no sheet “{wanted}” with anything in it: choose one of {', '.join(found)}.")
    sheet = found[wanted or next(iter(found))]
    headings, rows = _headed(iter(sheet.rows))
    return Table(headings, rows, sheet.name, list(found))


def _from_text(data: bytes) -> Table:
    text, notices = _decoded(data)
    headings, rows = _headed(enumerate(_records(text), start=1))
    return Table(headings, rows, notices=notices)


def _headed(rows: Iterator[Row]) -> tuple[list[str], Iterator[Row]]:
    """The headings, and the rows below them."""
    head: list[Row] = []
    for row in rows:
        if any(row[1]):
            head.append(row)
            if _filled(row) >= 3 or len(head) == TITLE_ROWS:
                break
    if not head:
        raise FileRefused(
            "The file is empty or has no header: its first row must name the columns, such as upn,date,session,code."
        )
    at = next((number for number, row in enumerate(head) if _filled(row) >= 3), 0)
    headings = list(head[at][1])
    while headings and not headings[-1]:
        headings.pop()
    return headings, itertools.chain(head[at + 1 :], rows)


def _filled(row: Row) -> int:
    return sum(1 for value in row[1] if value)


def _decoded(data: bytes) -> tuple[str, list[Refusal]]:
    """The file's text, and a notice where its encoding had to be taken for granted."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _checked(_decode(data, "utf-16")), []
    if b"\0" in data:
        raise _nul(_line(data, data.index(0)))
    if endless := re.search(rb"[^\r\n]{%d}" % MAX_LINE, data):
        raise FileRefused(
            f"Row {_line(data, endless.start())} has more than {MAX_LINE:,} characters, so this is not a register: export it again."
        )
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        return _decode(data, "cp1252"), [Refusal(_line(data, error.start), WINDOWS)]


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"Row {_line(data, error.start)} holds a character that is neither UTF-8 nor Windows-1252: save the file again as "
            "“CSV UTF-8” and import that."
        ) from None


def _checked(text: str) -> str:
    if "\0" in text:
        raise _nul(text.count("\n", 0, text.index("\0")) + 1)
    if re.search(rf"[^\r\n]{{{MAX_LINE}}}", text):
        raise FileRefused(f"A row has more than {MAX_LINE:,} characters, so this is not a register: export it again.")
    return text


def _nul(row: int) -> FileRefused:
    return FileRefused(f"Row {row} holds a NUL byte, so this is not a CSV file: export it again.")


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _records(text: str) -> Iterator[list[str]]:
    """The values of each row, without the spaces around them; a row with an open quote ends the file before it fills the memory."""
    lines_of_row = 0

    def lines() -> Iterator[str]:
        nonlocal lines_of_row
        for line in io.StringIO(text, newline=""):
            lines_of_row += 1
            if lines_of_row > MAX_LINES_A_ROW:
                raise csv.Error(f"it goes on for more than {MAX_LINES_A_ROW} lines, so a quotation mark may be missing")
            yield line

    reader = csv.reader(lines(), delimiter=_separator(text), strict=True)
    try:
        for record in reader:
            lines_of_row = 0
            yield [value.strip() for value in record]
    except csv.Error as error:
        raise FileRefused(f"Row {reader.line_num} cannot be read as CSV ({error}): export it again.") from None


def _separator(text: str) -> str:
    """The one that stands most often, outside quotation marks, in the first lines; a comma where none does."""
    head = "".join(itertools.islice(io.StringIO(text), TITLE_ROWS))[:MAX_LINE]
    bare = re.sub(r'"[^"]*"', "", head)
    return max(SEPARATORS, key=lambda separator: (bare.count(separator), separator == ","))


def same_headings(headings: Iterable[str]) -> list[str]:
    """Headings as they are compared: without capitals, spaces and signs."""
    return [re.sub(r"[\W_]", "", heading.lower()) for heading in headings]
