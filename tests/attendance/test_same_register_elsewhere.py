"""The same register through a file of marks, a transfer file's string and Wonde over HTTP: the same bytes are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from attendance.codes import CODES as TABLE
from attendance.ctf import SchoolNumber, read_ctf
from attendance.grid import SLOTS, slot
from attendance.imports import read, read_entries
from attendance.mark_string import write_marks
from attendance.mis import connect, read_marks
from attendance.models import RegisterRow
from attendance.queries import roll_of
from attendance.services import import_reading
from tests.attendance.test_ctf import HEADER
from tests.attendance.test_same_register import Given, as_csv, entries, long_rows, register
from tests.attendance.test_wonde import mark
from tests.cast import NOW, TODAY, Cast, assemble
from tests.fake_wonde import SCHOOL, TOKEN, fake_wonde

pytestmark = [pytest.mark.django_db]
HERE = SchoolNumber("823", "4321")


def in_halves(cast: Cast) -> list[Given]:
    """The register with each present mark in the half of the day to which it belongs."""
    own = {"AM": "/", "PM": "\\"}
    return [each._replace(code=own[each.session]) if each.code in own.values() else each for each in register(cast)]


def enter(cast: Cast, entered: object, name: str) -> None:
    import_reading(
        school=cast.here, reading=entered, data_sha256="0" * 64, file_name=name, format="long", by=cast.alice, now=NOW  # type: ignore[arg-type]
    )  # fmt: skip


def by_csv(cast: Cast, given: Sequence[Given]) -> None:
    enter(cast, read(as_csv(long_rows(given)), roll_of(cast.here)), "register.csv")


def by_entries(cast: Cast, given: Sequence[Given]) -> None:
    enter(cast, read_entries(entries(given), roll_of(cast.here), format="api"), "api")


def by_ctf(cast: Cast, given: Sequence[Given], slots_a_week: int) -> None:
    pupils = []
    for upn in dict.fromkeys(each.upn for each in given):
        codes = {(each.date, each.session): each.code for each in given if each.upn == upn}
        starts, string = write_marks(codes, min(codes)[0], max(codes)[0], slots_a_week=slots_a_week)
        sessions = f"<AttendanceStartDate>{starts}</AttendanceStartDate><AttendanceMarks>{string}</AttendanceMarks>"
        year = (
            f"<YearData><Year>2025</Year><LEA>823</LEA><Estab>4321</Estab><AttendSessions>{sessions}</AttendSessions></YearData>"
        )
        pupils.append(f"<Pupil><UPN>{upn}</UPN><Surname>X</Surname><Forename>Y</Forename><Attendance>{year}</Attendance></Pupil>")
    file = f"<CTfile>{HEADER}<CTFpupilData>{''.join(pupils)}</CTFpupilData></CTfile>".encode()
    roll = roll_of(cast.here)
    found = read_ctf(file, school=HERE, on=TODAY)
    assert found.notices == []
    enter(cast, read_entries(found.entries(HERE, roll), roll, format="ctf"), "x.xml")


def by_wonde(cast: Cast, given: Sequence[Given], settings: pytest.FixtureRequest) -> None:
    codes = {code: f"c{number}" for number, code in enumerate(TABLE)}
    numbers = {upn: f"A{number}" for number, upn in enumerate(dict.fromkeys(each.upn for each in given))}
    students = [{"id": number, "education_details": {"data": {"upn": upn}}} for upn, number in numbers.items()]
    marks = [mark(numbers[each.upn], each.date.isoformat(), each.session, codes[each.code]) for each in given]
    served = {"students": students, "attendance_session": marks}
    with fake_wonde(attendance__codes=[{"id": number, "code": code} for code, number in codes.items()], **served) as wonde:
        wonde.page_size = 25
        settings.DEBUG, settings.WONDE_URL, settings.WONDE_PAUSE = True, wonde.address, 0.001  # type: ignore[attr-defined]
        connection = connect(
            school=cast.here, wonde_id=SCHOOL, token=TOKEN, is_active=True, by=cast.alice, role="officer", now=NOW
        )
        assert read_marks(connection=connection, now=NOW).error == ""


WAYS: dict[str, Callable[..., None]] = {
    "CSV": lambda cast, given, settings: by_csv(cast, given),
    "entries": lambda cast, given, settings: by_entries(cast, given),
    "CTF, ten places a week": lambda cast, given, settings: by_ctf(cast, given, 10),
    "CTF, fourteen places a week": lambda cast, given, settings: by_ctf(cast, given, 14),
    "Wonde": by_wonde,
}


def expected(given: Sequence[Given]) -> dict[str, str]:
    """Each pupil's row, written without the importers."""
    rows: dict[str, list[str]] = {}
    for each in given:
        rows.setdefault(each.upn, ["."] * SLOTS)[slot(each.date, each.session)] = TABLE[each.code].character
    return {upn: "".join(marks) for upn, marks in rows.items()}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_stores_the_same_bytes(way: str, settings: pytest.FixtureRequest) -> None:
    cast = assemble()
    given = in_halves(cast)
    WAYS[way](cast, given, settings)
    stored = dict(RegisterRow.objects.filter(school=cast.here).values_list("enrolment__pupil__upn", "marks"))
    assert {upn: marks for upn, marks in stored.items() if marks.strip(".")} == expected(given)
