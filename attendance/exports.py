"""Everything that a school put in, as CSV again: one ZIP, written while it is sent, so that its size does not matter.

A table names its columns and what they mean; the same list is in the ZIP as ``columns.csv``. Texts that people wrote are marked where a
spreadsheet would take them for a formula: an apostrophe stands before such a text.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from schools import audit
from schools.models import School, User

ROWS_AT_ONCE = 2000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """``of``: the path of an attribute, or a function of the row. ``is_text``: written by people, and guarded against formulas."""

    name: str
    meaning: str
    of: str | Callable[[Any], object]
    is_text: bool = False

    @property
    def read(self) -> Callable[[Any], object]:
        return attrgetter(self.of) if isinstance(self.of, str) else self.of


@dataclass(frozen=True)
class Table:
    """A file of the export: ``name`` without ".csv", what it holds, its columns, and its rows for a school in a constant order."""

    name: str
    about: str
    columns: Sequence[Column]
    rows: Callable[[School], Iterable[Any]]


def export_school(
    *, school: School, tables: Sequence[Table], by: User | None, role: str = "", now: dt.datetime
) -> Iterator[bytes]:
    """Records who takes the school's data out, then returns the ZIP piece by piece; ``tables`` are its files."""
    detail = {"files": [table.name for table in tables]}
    audit.record(action="export", subject=school, by=by, role=role, at=now, school=school, detail=detail)
    return zipped(school, tables, now)


def zipped(school: School, tables: Sequence[Table], now: dt.datetime) -> Iterator[bytes]:
    """The ZIP's bytes, a few thousand rows at a time; nothing but the pieces is held in memory."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, lines in [("columns", columns_file(tables)), *((table.name, csv_lines(table, school)) for table in tables)]:
            info = zipfile.ZipInfo(f"{name}.csv", date_time=now.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in _pieces(lines):
                    file.write(piece)
                    yield pipe.take()
    yield pipe.take()


def columns_file(tables: Sequence[Table]) -> Iterator[list[object]]:
    """The lines of ``columns.csv``: every column of every file and what it means."""
    yield ["file", "column", "meaning"]
    for table in tables:
        yield [f"{table.name}.csv", "", table.about]
        for column in table.columns:
            yield [f"{table.name}.csv", column.name, column.meaning]


def csv_lines(table: Table, school: School) -> Iterator[list[object]]:
    """A table's lines, the headings first."""
    yield [column.name for column in table.columns]
    readers = [(column.read, column.is_text) for column in table.columns]
    for row in table.rows(school):
        yield [_guarded(read(row)) if is_text else _written(read(row)) for read, is_text in readers]


def _written(value: object) -> object:
    return value.isoformat(timespec="seconds") if isinstance(value, dt.datetime) else value


def _guarded(value: object) -> object:
    """A text before which an apostrophe keeps a spreadsheet from running it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _pieces(lines: Iterator[list[object]]) -> Iterator[bytes]:
    """CSV in UTF-8, some thousand lines at a time."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for number, line in enumerate(lines, start=1):
        writer.writerow(line)
        if number % ROWS_AT_ONCE == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


class _Pipe(io.RawIOBase):
    """What is written can be taken out at the other end, once; it cannot be sought in, so that a ZIP is written from front to back."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held
