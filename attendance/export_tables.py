"""The files of a school's export that this room and the one below answer for: what each holds, its columns and what they mean.

``register.csv`` and ``people.csv`` have the layouts that the import reads, so that an empty school can be filled from them; the others hold
the whole with its dates. Pupils and parents have our own number in every table, so that the tables can be joined.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Prefetch, QuerySet

from attendance.codes import NO_MARK
from attendance.exports import ROWS_AT_ONCE, Column, Table
from attendance.grid import session_of
from attendance.models import (
    AbsenceCall,
    EarlierAttendance,
    FormRegister,
    ImportBatch,
    MarkChange,
    MarkDetail,
    RawCode,
    RegisterConflict,
    RegisterRow,
)
from attendance.queries import code_of
from schools.models import (
    ClosedDay,
    Enrolment,
    HalfTerm,
    Parent,
    PeopleBatch,
    Placement,
    Pupil,
    PupilFlag,
    PupilParent,
    RegisterTime,
    School,
    StaffRole,
)
from schools.people_table import CONTACTS


class MarkLine(NamedTuple):
    """A line of ``register.csv``."""

    enrolment: Enrolment
    date: dt.date
    session: str
    code: str
    detail: MarkDetail | None


def _text(name: str, meaning: str, of: str | Callable[[Any], object] | None = None) -> Column:
    return Column(name, meaning, of or name, is_text=True)


def _plain(name: str, meaning: str, of: str | Callable[[Any], object] | None = None) -> Column:
    return Column(name, meaning, of or name)


def pupil_columns(path: str) -> list[Column]:
    """The pupil's numbers, in every table about pupils."""
    return [
        _plain("pupil", "our number of the pupil", f"{path}.pk"),
        _plain("upn", "unique pupil number; empty while it is missing", f"{path}.upn"),
    ]


_FROM_TO = [_plain("starts", "first day"), _plain("ends", "last day; empty while it goes on")]
_WHO = [
    _plain("by", "e-mail of who did it; empty: the night or a job", lambda row: row.by.email if row.by else ""),
    _plain("role", "the role in which it was done"),
    _plain("at", "when"),
]


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _of_pupils(model: type[Any], *related: str) -> Callable[[School], Iterable[Any]]:
    """Rows of a table that points to a pupil, of the school's pupils past and present."""

    def rows(school: School) -> Iterable[Any]:
        mine = Enrolment.objects.filter(school=school).values("pupil")
        return _each(model.objects.filter(pupil__in=mine).select_related("pupil", *related).order_by("pupil", "pk"))

    return rows


def _of_school(model: type[Any], *related: str) -> Callable[[School], Iterable[Any]]:
    """Rows of a table that points to the school."""
    return lambda school: _each(model.objects.filter(school=school).select_related(*related).order_by("pk"))


def _pupils(school: School) -> Iterable[Pupil]:
    return _each(Pupil.objects.filter(enrolments__school=school).distinct().order_by("pk"))


def _parents(school: School) -> Iterable[Parent]:
    return _each(Parent.objects.filter(pupil_links__pupil__enrolments__school=school).distinct().order_by("pk"))


def register_lines(school: School) -> Iterator[MarkLine]:
    """Every mark of the school's registers, by pupil and session. Three statements, whatever the number of marks."""
    details: dict[tuple[int, dt.date, str], MarkDetail] = {}
    for detail in _each(MarkDetail.objects.filter(row__school=school)):
        details[detail.row_id, detail.date, detail.session] = detail
    rows = RegisterRow.objects.filter(school=school).select_related("enrolment__pupil").order_by("enrolment", "year")
    for row in _each(rows):
        for place, character in enumerate(row.marks):
            if character != NO_MARK:
                date, session = session_of(row.year, place)
                yield MarkLine(row.enrolment, date, session, code_of(character), details.get((row.pk, date, session)))


def _calendar(school: School) -> Iterator[tuple[object, ...]]:
    """Half terms, then closed days: (kind, academic year, term, name, first day, last day, note)."""
    half_terms = HalfTerm.objects.filter(academic_year__school=school).select_related("academic_year")
    for half in half_terms.order_by("starts"):
        yield "half_term", half.academic_year.start_year, half.term, half.name, half.starts, half.ends, ""
    for day in ClosedDay.objects.filter(school=school).order_by("date"):
        yield day.kind, "", "", "", day.date, day.date, day.note


def _nth(place: int) -> Callable[[Sequence[object]], object]:
    return lambda row: row[place]


def _joined(values: Iterable[object]) -> str:
    return " ".join(map(str, values))


class Person(NamedTuple):
    """A line of ``people.csv``: a pupil as the school has them last."""

    enrolment: Enrolment
    placement: Placement | None
    flags: dict[str, str]
    links: Sequence[PupilParent]


def people_lines(school: School) -> Iterator[Person]:
    """Every pupil's latest enrolment, with the latest form, what stands about the pupil, and the first contacts."""
    flags = Prefetch("pupil__flags", PupilFlag.objects.filter(ends__isnull=True).order_by("starts"))
    links = Prefetch("pupil__parent_links", PupilParent.objects.select_related("parent").order_by("priority", "pk"))
    enrolments = Enrolment.objects.filter(school=school).select_related("pupil").order_by("pupil", "-starts")
    last_pupil = None
    for enrolment in _each(enrolments.prefetch_related("placements", flags, links)):
        if enrolment.pupil_id != last_pupil:
            last_pupil = enrolment.pupil_id
            placed = list(enrolment.placements.all())
            known = {flag.kind: flag.value for flag in enrolment.pupil.flags.all()}
            yield Person(enrolment, placed[-1] if placed else None, known, list(enrolment.pupil.parent_links.all())[:CONTACTS])


def _flag(kind: str) -> Callable[[Person], object]:
    return lambda person: "yes" if kind in person.flags else ""


def _sen(person: Person) -> str:
    return "E" if PupilFlag.Kind.EHC_PLAN in person.flags else "K" if PupilFlag.Kind.SEN_SUPPORT in person.flags else ""


def _placed(name: str) -> Callable[[Person], object]:
    return lambda person: getattr(person.placement, name) if person.placement else ""


def _of_contact(number: int, read: Callable[[PupilParent], object]) -> Callable[[Person], object]:
    return lambda person: read(person.links[number - 1]) if len(person.links) >= number else ""


def _yes(name: str) -> Callable[[PupilParent], object]:
    return lambda link: "yes" if getattr(link, name) else "no"


def _of_parent(name: str) -> Callable[[PupilParent], object]:
    return lambda link: getattr(link.parent, name)


_CONTACT: tuple[tuple[str, Callable[[PupilParent], object]], ...] = (
    ("title", _of_parent("title")),
    ("first name", _of_parent("first_name")),
    ("surname", _of_parent("last_name")),
    ("relationship", lambda link: link.relationship),
    ("parental responsibility", _yes("has_parental_responsibility")),
    ("lives with", _yes("lives_with_pupil")),
    ("receives letters", _yes("receives_letters")),
    ("court order", lambda link: "yes" if link.no_contact_from else "no"),
    ("telephone", _of_parent("telephone")),
    ("email", _of_parent("email")),
    ("address", _of_parent("address")),
    ("language", _of_parent("language")),
)


def _contact_columns(number: int) -> list[Column]:
    return [
        Column(
            f"contact {number} {words}",
            f"{words} of the contact to ring as number {number}",
            _of_contact(number, read),
            is_text=True,
        )
        for words, read in _CONTACT
    ]


_SCHOOL = Table(
    "school",
    "The school as it is set up.",
    [
        *(_plain(name, meaning) for name, meaning in (("urn", "unique reference number"), ("name", "name"), ("phase", "phase"))),
        _plain("group", "federation or trust", "group.name"),
        *(
            _plain(name, name.replace("_", " "))
            for name in ("local_authority", "la_number", "establishment_number", "telephone", "email")
        ),
        _text("address", "one line each"),
        _plain("register_source", "mis or handrail: where the register is kept"),
        _plain("target", "attendance target in %"),
    ],
    lambda school: [school],
)
_CALENDAR = Table(
    "calendar",
    "Half terms and the days inside them on which the school is closed.",
    [
        _plain("kind", "half_term, or why a day is closed: staff, bank_holiday, closure", _nth(0)),
        _plain("year", "academic year by the year in which it begins", _nth(1)),
        _plain("term", "Autumn, Spring or Summer", _nth(2)),
        _plain("name", "half term's name", _nth(3)),
        _plain("starts", "first day", _nth(4)),
        _plain("ends", "last day", _nth(5)),
        _text("note", "why a day is closed, in words", _nth(6)),
    ],
    _calendar,
)
_TIMES = Table(
    "register_times",
    "When registers open and close.",
    [
        _plain("session", "AM or PM"),
        _plain("label", "which, where there are several"),
        _plain("opens", "time of day"),
        _plain("closes", "time of day from which a late pupil is U"),
        _plain("year_groups", "for which years; empty: all", lambda row: _joined(row.year_groups)),
    ],
    _of_school(RegisterTime),
)
_PUPILS = Table(
    "pupils",
    "Every pupil who is or was on the school's roll.",
    [
        *(_plain("pupil", "our number of the pupil", "pk"), _plain("upn", "unique pupil number")),
        *(
            _text("first_name", "first name"),
            _text("last_name", "last name"),
            _text("known_as", "as the pupil is called, if otherwise"),
        ),
        *(_plain("date_of_birth", "date of birth"), _plain("sex", "F or M")),
    ],
    _pupils,
)
_KIND = PupilFlag.Kind
_NOT_A_YES = (_KIND.SEN_SUPPORT, _KIND.EHC_PLAN, _KIND.ETHNICITY)
_PEOPLE = Table(
    "people",
    "Pupils with their first contacts as they stand last, in the layout that the import of people reads.",
    [
        *(
            _plain("upn", "unique pupil number", "enrolment.pupil.upn"),
            _plain("admission number", "admission number", "enrolment.admission_number"),
        ),
        _text("first name", "first name", "enrolment.pupil.first_name"),
        _text("surname", "last name", "enrolment.pupil.last_name"),
        _text("known as", "as the pupil is called, if otherwise", "enrolment.pupil.known_as"),
        *(
            _plain("date of birth", "date of birth", "enrolment.pupil.date_of_birth"),
            _plain("sex", "F or M", "enrolment.pupil.sex"),
        ),
        *(_plain("year group", "0 is reception", _placed("year_group")), _plain("form", "form", _placed("form"))),
        *(_plain("house", "house", _placed("house")), _plain("admitted", "first day", "enrolment.starts")),
        _plain("left", "last day", "enrolment.ends"),
        *(_plain(kind.value.replace("_", " "), "yes where it stands", _flag(kind)) for kind in _KIND if kind not in _NOT_A_YES),
        _plain("sen", "K: SEN support, E: EHC plan", _sen),
        _text("ethnicity", "code or word", lambda person: person.flags.get(_KIND.ETHNICITY, "")),
        *(column for number in range(1, CONTACTS + 1) for column in _contact_columns(number)),
    ],
    people_lines,
)
_ENROLMENTS = Table(
    "enrolments",
    "From when to when a pupil was on the school's roll.",
    [
        *pupil_columns("pupil"),
        _plain("admission_no", "admission number", "admission_number"),
        *_FROM_TO,
        _plain("main", "True where this is the pupil's main school", "is_main"),
    ],
    _of_school(Enrolment, "pupil"),
)
_PLACEMENTS = Table(
    "placements",
    "Year group, form and house, from when to when.",
    [
        *pupil_columns("enrolment.pupil"),
        _plain("admission_no", "admission number", "enrolment.admission_number"),
        *(_plain("year_group", "0 is reception"), _plain("form", "form"), _plain("house", "house")),
        *_FROM_TO,
    ],
    lambda school: _each(
        Placement.objects.filter(enrolment__school=school).select_related("enrolment__pupil").order_by("enrolment", "starts")
    ),
)
_FLAGS = Table(
    "flags",
    "What changes how to act or is reported by group, from when to when.",
    [
        *pupil_columns("pupil"),
        _plain("kind", "such as fsm, sen_support, looked_after"),
        _text("value", "its value, where it has one"),
        *_FROM_TO,
    ],
    _of_pupils(PupilFlag),
)
_PARENTS = Table(
    "parents",
    "Parents and other contacts, one row a person.",
    [
        _plain("parent", "our number of the person", "pk"),
        *(_text("title", "title"), _text("first_name", "first name"), _text("last_name", "last name")),
        *(
            _plain("email", "e-mail"),
            _plain("telephone", "telephone"),
            _text("address", "one line each"),
            _plain("language", "language"),
        ),
    ],
    _parents,
)
_LINKS = Table(
    "parent_links",
    "What a person is to a pupil, and what may be sent to them.",
    [
        *pupil_columns("pupil"),
        _plain("parent", "our number of the person", "parent_id"),
        _text("relationship", "such as mother"),
        _plain("priority", "whom to ring first: 1"),
        _plain("parental_responsibility", "True or False", "has_parental_responsibility"),
        _plain("lives_with_pupil", "True or False"),
        _plain("receives_letters", "True or False"),
        _plain("emergency_contact", "True or False", "is_emergency_contact"),
        _plain("no_contact_from", "first day of a court order or no-contact note"),
        _plain("no_contact_until", "its last day; empty while it stands"),
        _text("no_contact_note", "what it says"),
    ],
    _of_pupils(PupilParent),
)
_REGISTER = Table(
    "register",
    "Every mark, one a row, in the layout that the import reads.",
    [
        _plain("upn", "unique pupil number", "enrolment.pupil.upn"),
        _plain("admission_no", "admission number", "enrolment.admission_number"),
        *(_plain("date", "day"), _plain("session", "AM or PM"), _plain("code", "national attendance code")),
        _plain("minutes_late", "minutes", lambda line: line.detail.minutes_late if line.detail else None),
        _text("comment", "what was noted with the mark", lambda line: line.detail.comment if line.detail else ""),
        _plain("raw_code", "the MIS's own code, where it is another", lambda line: line.detail.raw_code if line.detail else ""),
    ],
    register_lines,
)
_CHANGES = Table(
    "mark_history",
    "Every mark that replaced another or was entered by hand: nothing is ever overwritten.",
    [
        *pupil_columns("row.enrolment.pupil"),
        _plain("admission_no", "admission number", "row.enrolment.admission_number"),
        *(_plain("date", "day"), _plain("session", "AM or PM")),
        *(_plain("original", "code before; empty: no mark"), _plain("amended", "code after; empty: taken back")),
        _text("reason", "why"),
        *_WHO,
        _plain("import", "number of the import that brought it; empty: by hand", "batch_id"),
    ],
    _of_school(MarkChange, "row__enrolment__pupil", "by"),
)
_CALLS = Table(
    "calls",
    "Every attempt to learn why a pupil was away.",
    [
        *pupil_columns("pupil"),
        _plain("about", "the day of absence"),
        _plain("parent", "our number of who was tried", "parent_id"),
        *(
            _plain("channel", "call, text, email, visit, came_in"),
            _plain("outcome", "how it went"),
            _plain("code", "code of the reason given"),
        ),
        _text("said", "what was said"),
        *(_plain("expected_return", "day of return that was promised"), _plain("next_try_at", "when to try again")),
        *_WHO,
    ],
    _of_school(AbsenceCall, "pupil", "by"),
)
_FORM_REGISTERS = Table(
    "registers_taken",
    "Registers that were taken here: when each was opened and closed, and by whom.",
    [
        *(_plain("form", "form"), _plain("date", "day"), _plain("session", "AM or PM")),
        *(_plain("opened_at", "when"), _plain("opened_by", "e-mail", "opened_by.email")),
        _plain("closed_at", "when every pupil had a mark"),
        _plain("closed_by", "e-mail", lambda row: row.closed_by.email if row.closed_by else ""),
    ],
    _of_school(FormRegister, "opened_by", "closed_by"),
)
_COUNTS = [_plain(name, f"{name} rows or marks") for name in ("rows", "new", "changed", "unchanged", "refused")]
_IMPORTS = Table(
    "imports",
    "Every file or reading that entered marks.",
    [
        _plain("import", "our number of it", "pk"),
        *(_text("file_name", "file"), _plain("sha256", "digest of its bytes"), _plain("format", "format")),
        *_COUNTS,
        *(
            _plain("latest_date", "latest day that it has a mark for"),
            _WHO[0],
            _WHO[2],
            _plain("undone_at", "when it was undone"),
        ),
    ],
    lambda school: _each(
        ImportBatch.objects.filter(school=school).defer("first_entries", "refusals").select_related("by").order_by("pk")
    ),
)
_PEOPLE_IMPORTS = Table(
    "people_imports",
    "Every file or reading that entered pupils and contacts.",
    [
        *(_text("file_name", "file"), _plain("sha256", "digest of its bytes"), _plain("format", "format")),
        *_COUNTS,
        *(_plain("leavers", "pupils who had left"), _WHO[0], _WHO[2], _plain("undone_at", "when it was undone")),
    ],
    lambda school: _each(
        PeopleBatch.objects.filter(school=school).defer("before", "refusals").select_related("by").order_by("pk")
    ),
)
_CONFLICTS = Table(
    "conflicts",
    "Marks that were corrected here and contradicted by a file.",
    [
        *pupil_columns("row.enrolment.pupil"),
        *(
            _plain("date", "day"),
            _plain("session", "AM or PM"),
            _plain("ours", "code here"),
            _plain("theirs", "code in the file"),
        ),
        *(_plain("state", "open, kept or taken"), _text("reason", "why it was decided so"), _plain("decided_at", "when")),
    ],
    _of_school(RegisterConflict, "row__enrolment__pupil"),
)
_EARLIER = Table(
    "earlier_attendance",
    "Pupils' years at earlier schools, as transfer files told them.",
    [
        *pupil_columns("pupil"),
        *(_plain("year", "academic year by the year in which it begins"), _plain("local_authority", "LA number")),
        *(_plain("establishment", "establishment number"), _text("school_name", "school")),
        *(_plain(name, f"sessions {name}") for name in ("possible", "attended", "authorised", "unauthorised")),
        *(
            _plain("marks_start", "day of the first mark"),
            _plain("slots_a_week", "10 or 14"),
            _plain("marks", "one character a session"),
        ),
    ],
    _of_pupils(EarlierAttendance),
)
_RAW_CODES = Table(
    "mis_codes",
    "What the school said about the MIS's own codes.",
    [_plain("raw", "code in the MIS"), _plain("code", "national code that it stands for"), _WHO[0], _WHO[2]],
    _of_school(RawCode, "by"),
)
_STAFF = Table(
    "staff_roles",
    "Who holds which role at the school, from when to when.",
    [
        *(
            _plain("email", "e-mail", "user.email"),
            _text("name", "name", "user.name"),
            _plain("role", "role"),
            _text("title", "the school's title"),
        ),
        _plain("year_groups", "years; empty: all", lambda row: _joined(row.year_groups)),
        _plain("forms", "forms; empty: all", lambda row: _joined(row.forms)),
        *_FROM_TO,
    ],
    _of_school(StaffRole, "user"),
)

TABLES: tuple[Table, ...] = (
    *(_SCHOOL, _CALENDAR, _TIMES, _PEOPLE, _PUPILS, _ENROLMENTS, _PLACEMENTS, _FLAGS, _PARENTS, _LINKS),
    *(_REGISTER, _CHANGES, _CALLS, _FORM_REGISTERS, _CONFLICTS, _IMPORTS, _PEOPLE_IMPORTS, _EARLIER, _RAW_CODES, _STAFF),
)
"""The files of the export that this room and the one below answer for; rooms above add their own."""
