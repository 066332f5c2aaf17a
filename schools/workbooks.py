"""Opening an XLSX workbook that anybody may have made: measured first, then read with calamine.

A workbook is a zip of XML files. Before the reader sees it, each part is unpacked within the size that it declares, looked through for what
would unfold to more than fits (a cell in the last column of the last row, one long text behind a million cells, a document type), and
packed anew without pictures and macros: so neither a lie in the directory nor one in a sheet can fill the memory.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from schools.rules import FileRefused

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes of XML in all."""
MAX_PARTS = 500
MAX_AREA = 4_000_000
"""Cells from the first to the last used one of a sheet, the empty ones between them included."""
MAX_TEXT = 32 * 1024 * 1024
"""Characters in all cells."""
Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta
_READ = re.compile(r"(.*\.(xml|rels)|\[Content_Types\]\.xml)", re.IGNORECASE)
_PLACE = re.compile(r"([A-Za-z]{1,4})([0-9]{1,8})", re.ASCII)
DAMAGED = "The workbook is damaged or not an XLSX file: open it, save it again as .xlsx or as “CSV UTF-8”, and import that."


class Sheet(NamedTuple):
    name: str
    rows: list[tuple[int, list[str]]]
    """(number as the workbook shows it, values as text); rows without a value are left out."""


def sheets(data: bytes) -> list[Sheet]:
    """The visible sheets that hold anything. FileRefused for what is too large, damaged or locked, in a sentence."""
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(_measured(data)))
        return [sheet for sheet in map(_read, _visible(workbook)) if sheet.rows]
    except (FileRefused, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:  # the reader is compiled: what it stumbles over is not always an Exception
        raise FileRefused(DAMAGED) from None


def _visible(workbook: CalamineWorkbook) -> Iterator:
    for number, sheet in enumerate(workbook.sheets_metadata):
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible:
            yield workbook.get_sheet_by_index(number)


def _read(sheet) -> Sheet:  # type: ignore[no-untyped-def]
    rows = []
    first = sheet.start[0] + 1 if sheet.start else 1
    for number, cells in enumerate(sheet.to_python(skip_empty_area=True), start=first):
        values = [as_text(cell) for cell in cells]
        if any(values):
            rows.append((number, values))
    return Sheet(sheet.name, rows)


def as_text(cell: Cell) -> str:
    """A cell as the same table would say it in CSV: dates as 2025-09-03, whole numbers without a point."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)


def _measured(data: bytes) -> bytes:
    """The same workbook, packed anew from parts that were looked through."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = _parts(archive)
            unpacked = {part.filename: archive.read(part) for part in parts}
    except FileRefused:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise FileRefused(DAMAGED) from None
    lengths: list[int] = []
    for name, xml in sorted(unpacked.items(), key=lambda part: "sharedstrings" not in part[0].lower()):
        lengths += _Measure(name, lengths).of(xml)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, xml in unpacked.items():
            archive.writestr(name, xml)
    return packed.getvalue()


def _parts(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    parts = [part for part in archive.infolist() if _READ.fullmatch(part.filename)]
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise FileRefused(
            "This is an archive but not an XLSX workbook: unpack it, or save the register as .xlsx or “CSV UTF-8”, and import that."
        )
    if any(part.flag_bits & 1 for part in parts):
        raise FileRefused("The workbook is locked with a password: take the password off, save it again and import that.")
    if len(parts) > MAX_PARTS or len(names) < len(parts) or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise FileRefused(
            f"The workbook unpacks to more than {MAX_UNPACKED // 1024**2} MB: save the sheet as “CSV UTF-8”, or split it by term, and "
            "import that."
        )
    return parts


class _Measure:
    """Looks through one part: refuses it, or returns the lengths of its shared texts."""

    def __init__(self, name: str, lengths: list[int]) -> None:
        self.name, self.known = name, lengths
        self.lengths: list[int] = []
        self.row = self.column = self.bottom = self.right = 0
        self.top = self.left = 1 << 30
        self.text = 0
        self.shared = False
        self.value: list[str] | None = None
        self.inside_text = False

    def of(self, xml: bytes) -> list[int]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = self._said, self._doctype
        try:
            parser.Parse(xml, True)
        except FileRefused:
            raise
        except (expat.ExpatError, ValueError):
            raise FileRefused(DAMAGED) from None
        if self.bottom and (self.bottom - self.top + 1) * (self.right - self.left + 1) > MAX_AREA:
            raise FileRefused(
                f"The sheet reaches to row {self.bottom:,} and column {self.right:,}: delete what stands far outside the table, save it "
                "again and import that."
            )
        return self.lengths

    def _doctype(self, *_: object) -> None:
        raise FileRefused("The workbook holds a document type, which no register needs: export it again as .xlsx or “CSV UTF-8”.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "c":
            self._cell(attributes)
        elif tag == "row":
            given = attributes.get("r", "")
            self.row = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else self.row + 1
            self.column = 0
        elif tag == "si":
            self.lengths.append(0)
        elif tag == "v":
            self.value = []
        self.inside_text = tag == "t"

    def _cell(self, attributes: dict[str, str]) -> None:
        place = _PLACE.fullmatch(attributes.get("r", ""))
        self.column = _number(place[1]) if place else self.column + 1
        row = int(place[2]) if place else max(self.row, 1)
        self.top, self.bottom = min(self.top, row), max(self.bottom, row)
        self.left, self.right = min(self.left, self.column), max(self.right, self.column)
        self.shared = attributes.get("t") == "s"

    def _said(self, text: str) -> None:
        if self.value is not None:
            self.value.append(text)
        elif self.inside_text and self.lengths:
            self.lengths[-1] += len(text)

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] != "v" or self.value is None:
            return
        said = "".join(self.value)
        self.value = None
        number = int(said) if self.shared and said.isascii() and said.isdigit() and len(said) < 9 else -1
        self.text += self.known[number] if 0 <= number < len(self.known) else len(said)
        if self.text > MAX_TEXT:
            raise FileRefused(
                f"The sheet holds more than {MAX_TEXT // 1024**2} million characters: split it by term and import the parts."
            )


def _number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number
