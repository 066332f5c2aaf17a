"""One register through every format: the same marks to the byte, the same figures, the same history of first entries.

``FORMATS`` is the list to extend: each entry turns the register (a list of ``Given``) into a reading of the school's.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
import xlsxwriter

from attendance import history
from attendance.codes import CODES as TABLE
from attendance.grid import SLOTS, slot
from attendance.imports import Entry, Reading, read, read_entries
from attendance.models import Figures, ImportBatch, RegisterRow
from attendance.queries import roll_of
from attendance.services import import_reading
from schools.models import School
from tests.cast import NOW, TODAY, Cast, assemble

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_too]
CODES = ("/", "\\", "L", "I", "N", "C1", "O", "U", "J1", "M")
MONDAYS = [TODAY - dt.timedelta(days=TODAY.weekday() + 7 * number) for number in range(3)]


class Given(NamedTuple):
    upn: str
    date: dt.date
    session: str
    code: str


def register(cast: Cast) -> list[Given]:
    """Three weeks of four pupils, in which every kind of mark occurs and some sessions have none."""
    given = []
    for row, pupil in enumerate((cast.imogen, cast.theo, cast.priya, cast.newcomer)):
        for day in range(15):
            date = MONDAYS[day // 5] + dt.timedelta(days=day % 5)
            for half, session in enumerate(("AM", "PM")):
                number = row * 31 + day * 7 + half * 3
                if number % 11:
                    given.append(Given(pupil.enrolment.pupil.upn or "", date, session, CODES[number % len(CODES)]))
    return given


def long_rows(given: Sequence[Given]) -> list[list]:
    return [["UPN", "Date", "Session", "Mark"], *([each.upn, each.date, each.session, each.code] for each in given)]


def week_rows(given: Sequence[Given]) -> list[list]:
    weeks: dict[tuple[str, dt.date], list] = {}
    for each in given:
        monday = each.date - dt.timedelta(days=each.date.weekday())
        week = weeks.setdefault((each.upn, monday), [each.upn, monday, *[""] * 10])
        week[2 + 2 * each.date.weekday() + (each.session == "PM")] = each.code
    names = [f"{day}{half}" for day in ("Mon", "Tue", "Wed", "Thu", "Fri") for half in ("AM", "PM")]
    return [["StudentUPN", "Week Commencing", *names], *weeks.values()]


def as_csv(rows: list[list]) -> bytes:
    return "\n".join(",".join(str(value) for value in row) for row in rows).encode()


def as_xlsx(rows: list[list]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "default_date_format": "dd/mm/yyyy"}) as book:
        sheet = book.add_worksheet("Register")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return made.getvalue()


def entries(given: Sequence[Given]) -> list[Entry]:
    return [Entry(number, each.upn, "", each.date, each.session, each.code) for number, each in enumerate(given, start=1)]


Reader = Callable[[Sequence[Given], School], Reading]
FORMATS: dict[str, Reader] = {
    "long CSV": lambda given, school: read(as_csv(long_rows(given)), roll_of(school)),
    "long XLSX": lambda given, school: read(as_xlsx(long_rows(given)), roll_of(school)),
    "weeks CSV": lambda given, school: read(as_csv(week_rows(given)), roll_of(school)),
    "weeks XLSX": lambda given, school: read(as_xlsx(week_rows(given)), roll_of(school)),
    "semicolons in UTF-16": lambda given, school: read(
        as_csv(long_rows(given)).decode().replace(",", ";").encode("utf-16"), roll_of(school)
    ),
    "entries": lambda given, school: read_entries(entries(given), roll_of(school), format="api"),
    "backwards": lambda given, school: read(as_csv([long_rows(given)[0], *reversed(long_rows(given)[1:])]), roll_of(school)),
}


def outcome(school: School) -> tuple[list, list, bytes]:
    """Stored marks, figures, and what history says was entered first."""
    marks = list(RegisterRow.objects.filter(school=school).order_by("enrolment").values_list("enrolment__pupil__upn", "marks"))
    figures = [
        {name: value for name, value in row.items() if name not in ("row_id", "school_id")}
        for row in Figures.objects.filter(school=school).order_by("row__enrolment").values()
    ]
    first = history.unpack(bytes(ImportBatch.objects.get(school=school).first_entries))
    return marks, figures, hashlib.sha256(b"".join(column.tobytes() for column in first)).digest()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_stores_the_same_register(name: str) -> None:
    cast = assemble()
    given = register(cast)
    reading = FORMATS[name](given, cast.here)
    batch, _ = import_reading(
        school=cast.here, reading=reading, data_sha256="0" * 64, file_name=name, format=reading.format, by=cast.alice, now=NOW
    )
    assert (batch.new, batch.changed, batch.refused) == (len(given), 0, 0)
    marks, figures, first = outcome(cast.here)
    assert marks == expected_marks(cast, given)
    assert len(figures) == 4 and sum(row["possible"] for row in figures) > 50
    assert EXPECTED.setdefault("figures", figures) == figures
    assert len(first) == 32


EXPECTED: dict[str, list] = {}
"""The figures of the first format; every other must say the same."""


def expected_marks(cast: Cast, given: Sequence[Given]) -> list[tuple[str, str]]:
    """Each pupil's row, written without the importer."""
    rows = {row.enrolment.pupil.upn or "": ["."] * SLOTS for row in cast.pupils_here}
    for each in given:
        if each.upn in rows:
            rows[each.upn][slot(each.date, each.session)] = TABLE[each.code].character
    return [(row.enrolment.pupil.upn or "", "".join(rows[row.enrolment.pupil.upn or ""])) for row in cast.pupils_here]
