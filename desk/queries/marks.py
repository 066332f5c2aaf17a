"""One session's mark: how it came to be what it is, which codes it may be given, and what rests on it; or a pupil's span of sessions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attendance import history
from attendance.codes import CODES, Code, Meaning
from attendance.comparing import code_of
from attendance.correcting import UNSETTLED, Place, sessions_between
from attendance.grid import EMPTY_ROW, SESSIONS, academic_year_of, slot
from attendance.imports import X_WARNING
from attendance.models import ImportBatch, MarkChange, MarkDetail, RegisterEntry, RegisterRow
from attendance.offered import offered
from desk.queries.ground import LostGround, ground_lost, letters_of, load_for
from escalation.models import StageRecord
from letters.models import Letter
from schools import ages
from schools.models import Enrolment, Role, School
from schools.queries import school_days
from schools.rules import Refused
from schools.schooldays import CalendarError

MEANINGS = (
    ("In school", (Meaning.ATTENDING,)),
    ("Away, agreed", (Meaning.AUTHORISED,)),
    ("Away, not agreed", (Meaning.UNAUTHORISED,)),
    ("Not expected", (Meaning.NOT_POSSIBLE,)),
)
_ROLES = dict(Role.choices)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One entry in a mark's history, as regulation 13 asks for it. ``original`` empty: entered for the first time."""

    at: dt.datetime
    original: str
    amended: str
    reason: str
    who: str
    role: str


@dataclass(frozen=True, slots=True)
class Resting:
    """A stage whose reasons name the mark, its letters, and whether it still stands on today's register (None: nobody judged it)."""

    record: StageRecord
    letters: tuple[Letter, ...]
    lost: LostGround | None
    is_judged: bool


@dataclass(frozen=True)
class MarkPage:
    """A session of one pupil. ``row`` is None where the pupil has no register of that year yet."""

    enrolment: Enrolment
    date: dt.date
    session: str
    row: RegisterRow | None
    code: str
    detail: MarkDetail | None
    history: tuple[HistoryLine, ...]
    codes: tuple[tuple[str, tuple[Code, ...]], ...]
    resting: tuple[Resting, ...]
    cannot_judge: str = ""
    """Why nobody can say what rests on the mark: no ladder, or a calendar that contradicts itself."""

    @property
    def half(self) -> str:
        return "morning" if self.session == "AM" else "afternoon"

    @property
    def words(self) -> str:
        return CODES[self.code].description if self.code else "no mark"

    @property
    def warning(self) -> str:
        """What is wrong with the mark as it stands, in a sentence; otherwise empty."""
        if not self.code:
            return ""
        if self.code == "X" and ages.is_compulsory(self.enrolment.pupil.date_of_birth, self.date):
            return X_WARNING
        return CODES[self.code].warning_on(self.date)


def row_of(enrolment: Enrolment, year: int) -> RegisterRow | None:
    found = RegisterRow.objects.filter(enrolment=enrolment, year=year).first()
    if found:
        found.enrolment, found.school = enrolment, enrolment.school
    return found


def mark_page(enrolment: Enrolment, date: dt.date, session: str, on: dt.date) -> MarkPage:
    """Everything about one session. Sixteen statements at most, one of them again for twenty files until the first entry is found."""
    row = row_of(enrolment, academic_year_of(date))
    code = code_of((row.marks if row else EMPTY_ROW)[slot(date, session)])
    resting, fault = _resting_or_why_not(enrolment, date, session, on)
    return MarkPage(
        enrolment=enrolment, date=date, session=session, row=row, code=code,
        detail=MarkDetail.objects.filter(row=row, date=date, session=session).first() if row else None,
        history=tuple(_history(row, date, session)) if row else (),
        codes=grouped(offered(date, session, enrolment.pupil.date_of_birth)),
        resting=resting, cannot_judge=fault,
    )  # fmt: skip


def grouped(codes: Iterable[Code]) -> tuple[tuple[str, tuple[Code, ...]], ...]:
    """The codes under the headings of a list, each in the order of the national table."""
    listed = list(codes)
    return tuple((title, tuple(code for code in listed if code.meaning in meanings)) for title, meanings in MEANINGS)


def _history(row: RegisterRow, date: dt.date, session: str) -> list[HistoryLine]:
    """Newest first; at its end the first entry, from a register taken here or from the file that gave it."""
    changes = MarkChange.objects.filter(row=row, date=date, session=session).select_related("by", "batch").order_by("-pk")
    lines = [
        HistoryLine(
            change.at, change.original, change.amended, change.reason,
            str(change.by) if change.by else f"File {change.batch.file_name}" if change.batch else "The night",
            _ROLES.get(change.role, ""),
        )
        for change in changes.defer("batch__first_entries", "batch__refusals")
    ]  # fmt: skip
    if not lines or lines[-1].original:
        lines += _first_entry(row, date, session)
    return lines


def _first_entry(row: RegisterRow, date: dt.date, session: str) -> list[HistoryLine]:
    place = slot(date, session)
    taken = RegisterEntry.objects.filter(school=row.school_id, register__date=date, register__session=session)
    for entry in taken.select_related("by"):
        if code := _entered(entry.first_entries, row, place):
            return [HistoryLine(entry.at, "", code, "Register taken", str(entry.by), _ROLES.get(entry.role, ""))]
    for batch in _batches(row, date):
        if code := _entered(batch.first_entries, row, place):
            who = str(batch.by) if batch.by else ""
            return [HistoryLine(batch.at, "", code, f"{batch.get_format_display()}: {batch.file_name}", who, "")]
    return []


def _batches(row: RegisterRow, date: dt.date) -> Iterable[ImportBatch]:
    """The files that may have brought the mark, oldest first: as a rule the first of them did."""
    found = ImportBatch.objects.filter(school=row.school_id, latest_date__gte=date, new__gt=0).select_related("by")
    return found.defer("refusals").order_by("at", "pk").iterator(chunk_size=20)


def _entered(packed: bytes | memoryview, row: RegisterRow, place: int) -> str:
    """The code that these first entries gave the session, or an empty string."""
    entries = history.unpack(bytes(packed))
    found = entries.characters[(entries.row_ids == row.pk) & (entries.slots == place)]
    return code_of(chr(found[0])) if len(found) else ""


def _resting_or_why_not(enrolment: Enrolment, date: dt.date, session: str, on: dt.date) -> tuple[tuple[Resting, ...], str]:
    try:
        return tuple(_resting(enrolment, date, session, on)), ""
    except (Refused, CalendarError) as fault:
        return (), str(fault)


def _resting(enrolment: Enrolment, date: dt.date, session: str, on: dt.date) -> list[Resting]:
    """The stages of the year whose reasons name the mark."""
    records = StageRecord.objects.filter(
        case__pupil=enrolment.pupil_id, case__school=enrolment.school_id, case__year=academic_year_of(on), proposed_on__gte=date
    ).select_related("case")
    naming = [record for record in records if names(record, date, session)]
    if not naming:
        return []
    lost = {each.record.pk: each for each in ground_lost(load_for(enrolment, on), enrolment, naming, on)}
    letters = letters_of(naming)
    judged = (*StageRecord.OPEN, StageRecord.State.DONE)
    return [
        Resting(record, letters.get(record.pk, ()), lost.get(record.pk), is_judged=record.state in judged) for record in naming
    ]


def names(record: StageRecord, date: dt.date, session: str) -> bool:
    """Whether the reasons of the record rest on the session."""
    return any(mark[:2] == [date.isoformat(), session] for reason in record.because for mark in reason.get("marks", ()))


# A span of sessions


@dataclass(frozen=True, slots=True)
class SpanLine:
    """One session of the span. ``is_chosen``: it would be changed, unless the person says otherwise."""

    date: dt.date
    session: str
    code: str
    is_chosen: bool

    @property
    def key(self) -> str:
        return f"{self.date.isoformat()}-{self.session}"

    @property
    def half(self) -> str:
        return "morning" if self.session == "AM" else "afternoon"


@dataclass(frozen=True)
class Span:
    """A pupil's sessions from one to another, with the codes that each of the days may be given."""

    enrolment: Enrolment
    row: RegisterRow | None
    first: Place
    last: Place
    lines: tuple[SpanLine, ...]
    codes: tuple[tuple[str, tuple[Code, ...]], ...]

    @property
    def chosen(self) -> int:
        return sum(line.is_chosen for line in self.lines)


def span_of(enrolment: Enrolment, first: Place, last: Place, chosen: Sequence[str] | None = None) -> Span:
    """The span on the register of the last day's year. ``chosen``: keys that the person ticked; None: those without a settled mark."""
    row = row_of(enrolment, academic_year_of(last[0]))
    between = sessions_between(row, first, last) if row else {}
    lines = tuple(
        SpanLine(*place, code, code in UNSETTLED if chosen is None else f"{place[0].isoformat()}-{place[1]}" in chosen)
        for place, code in between.items()
    )
    return Span(enrolment, row, first, last, lines, grouped(offered(last[0], "AM", enrolment.pupil.date_of_birth)))


def last_week(school: School, on: dt.date) -> tuple[Place, Place]:
    """The school week up to the day: the span that is shown before anybody chooses one."""
    days = school_days(school, [academic_year_of(on)])
    number = days.last_on_or_before(on)
    last = days.dates[number] if number is not None else on
    first = days.dates[max(number - 4, 0)] if number is not None else on
    return (first, SESSIONS[0]), (last, SESSIONS[1])
