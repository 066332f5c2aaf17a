"""Reading a register file: bytes in; marks, numbered refusals and notices out. No database, no clock.

Two shapes of table are read, from CSV or XLSX (``schools.tables``), whatever the headings are called (``schools.columns``). *Long*: a row
a mark (upn, date, session, code, and where they are there admission number, minutes late, comment). *Weeks*: a row a pupil and week (UPN
or admission number, the week's Monday, MonAM … FriPM). An empty cell or ``-`` is no mark. Other formats give their marks as ``Entry``.

All end in one checker. A row that cannot be read is refused with its number (the headings are row 1) and the others go on; a file that is
not this school's, or not a register, is refused whole.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from attendance.codes import CODES, NO_MARK, Code
from attendance.grid import SESSIONS, SLOTS, academic_year_of, slot
from schools import ages
from schools.columns import Column, guessed, placed
from schools.rules import FileRefused, Refusal
from schools.schooldays import SchoolDays
from schools.tables import MAX_ROWS, Table, open_table

SHOWN_REFUSALS = 1000
"""So many are kept with their sentences; all are counted."""
MAX_MINUTES_LATE = 600
MAX_COMMENT = 200
MAX_RAW_CODE = 10
MAX_UNKNOWN_CODES = 50

_LONG = ("date", "session", "code")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
_CELLS = {f"{day}{session}".lower(): (number, session) for number, day in enumerate(WEEKDAYS) for session in SESSIONS}
LONG = (
    Column("upn", "UPN", ("uniquepupilnumber", "pupilupn", "studentupn")),
    Column("admissionno", "Admission number",
           ("admissionnumber", "admissionnum", "studentid", "adno", "admno", "studentadmissionnumber", "pupiladmissionnumber")),
    Column("date", "Date", 
           ("markdate", "attendancedate", "calendarstartdate", "recorddate", "registerdate", "rollcalldate", "sessiondate", "day")),
    Column("session", "Session",
           ("ampm", "sessionname", "period", "periodname", "perioddisplayname", "rollcall", "rollcallname"), "AM or PM"),
    Column("code", "Mark", ("mark", "attendancemark", "attendancecode", "markcode", "registermark", "registrationmark", "sessionmark")),
    Column("minuteslate", "Minutes late", ("minslate", "lateminutes", "minutes", "late")),
    Column("comment", "Comment", ("comments", "attendancecomment", "note", "notes", "recordnote", "reason")),
)  # fmt: skip
WEEKS = (
    *LONG[:2],
    Column("weekbeginning", "Week beginning",
           ("weekcommencing", "weekstart", "weekstarting", "weekstartdate", "wb", "wc", "weekbeginningdate", "monday"), "The Monday"),
    *(
        Column(f"{day}{session}".lower(), f"{day} {session}", (f"{name}{session}".lower(), f"{day}{half}", f"{name}{half}"))
        for day, name in zip(WEEKDAYS, ("monday", "tuesday", "wednesday", "thursday", "friday"), strict=True)
        for session, half in zip(SESSIONS, ("morning", "afternoon"), strict=True)
    ),
)  # fmt: skip
SHAPES: Mapping[str, tuple[Column, ...]] = {"long": LONG, "weeks": WEEKS}
_HALVES = {"AM": "AM", "PM": "PM", "MORNING": "AM", "AFTERNOON": "PM"}


class OnRoll(NamedTuple):
    """An enrolment at the school that the file is for."""

    enrolment_id: int
    upn: str
    """Empty where the pupil has none yet."""
    admission_number: str
    starts: dt.date
    ends: dt.date | None
    date_of_birth: dt.date


class Detail(NamedTuple):
    minutes_late: int | None
    comment: str
    raw_code: str = ""
    """The MIS's own code, where it is not the national one."""


NO_DETAIL = Detail(None, "")


@dataclass(slots=True)
class Entry:
    """One mark as any format gives it, before it is checked: ``row`` is the number that a refusal names.

    ``code`` is a national code, or the MIS's own, which the school's table of codes then translates; where a format gives both, the MIS's
    own is ``raw_code``. An empty ``code`` (or "-") with an empty ``raw_code`` is no mark.
    """

    row: int
    upn: str
    admission_no: str
    date: dt.date | str
    session: str
    code: str
    raw_code: str = ""
    minutes_late: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Roll:
    """What a file is checked against: the school's pupils past and present, its school days, and why a weekday is closed."""

    school: str
    by_upn: Mapping[str, Sequence[OnRoll]]
    by_admission_number: Mapping[str, Sequence[OnRoll]]
    days: SchoolDays
    closed: Mapping[dt.date, str]
    raw_codes: Mapping[str, str] = field(default_factory=dict)
    """The national code of each of the MIS's own, as the school said."""


@dataclass
class Reading:
    """What a file says. ``marks``: for each (enrolment id, academic year) a register row, "." where the file gives no mark."""

    format: str
    rows: int = 0
    marks: dict[tuple[int, int], bytearray] = field(default_factory=dict)
    details: dict[tuple[int, dt.date, str], Detail] = field(default_factory=dict)
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[Refusal] = field(default_factory=list)
    unknown_codes: Counter[str] = field(default_factory=Counter)
    """Codes that are neither national nor in the school's table, and how many marks gave each."""
    latest_date: dt.date | None = None

    @property
    def grid(self) -> np.ndarray:
        """uint8[rows, slots], in the order of ``marks``."""
        return np.frombuffer(b"".join(self.marks.values()), dtype=np.uint8).reshape(len(self.marks), SLOTS)

    def refuse(self, row: int, reason: str) -> None:
        self.refused += 1
        if len(self.refusals) < SHOWN_REFUSALS:
            self.refusals.append(Refusal(row, reason))


class _RowRefused(ValueError):
    pass


class _Day(NamedTuple):
    """A date as a file may give it: why no mark belongs to it, or its register row's year and its morning's slot."""

    reason: str
    year: int
    morning: int


_NOTHING = NO_MARK.encode() * SLOTS


def read(
    data: bytes, roll: Roll, file_format: str | None = None, *, columns: Mapping[str, str] | None = None, sheet: str = ""
) -> Reading:
    """Reads a file of ``file_format`` ("long" or "weeks"; None: told from the headings). FileRefused where it is refused whole.

    ``columns``: our column to the file's heading, as somebody said it; with it ``file_format`` must be given. ``sheet``: of a workbook.
    """
    return read_table(open_table(data, sheet), roll, file_format, columns)


def read_table(table: Table, roll: Roll, file_format: str | None = None, columns: Mapping[str, str] | None = None) -> Reading:
    """Reads a table that was opened already; see ``read``."""
    places = Headings.of(table.headings, file_format, columns).found()
    reader = _TableReader(roll, places.columns, Reading(places.shape), len(table.headings))
    most = MAX_ROWS // len(reader.cells) if reader.cells else MAX_ROWS  # a row of a week holds as many marks as ten of the others
    for row, fields in table.rows:
        if row > most + 1:
            raise FileRefused(f"The file has more than {most:,} rows: split it by term and import the parts.")
        if any(fields):
            reader.take(row, fields)
    reader.settle()
    reader.reading.notices[:0] = table.notices
    return reader.reading


@dataclass(frozen=True)
class Headings:
    """What the headings of a register file say: its shape, where each of our columns stands, and which are missing that it needs."""

    shape: str
    columns: Mapping[str, int]
    missing: Sequence[str]

    @classmethod
    def of(cls, headings: Sequence[str], shape: str | None = None, said: Mapping[str, str] | None = None) -> Headings:
        """Guessed, unless somebody ``said`` which is which. FileRefused where ``shape`` is not what the headings look like."""
        found = {name: guessed(headings, columns) for name, columns in SHAPES.items()} if said is None else {}
        looks = "weeks" if "weekbeginning" in found.get("weeks", {}) and "code" not in found["long"] else "long"
        if shape not in (None, looks) and said is None and not _needed(looks, found[looks]):
            raise FileRefused(f"The header is not that of format “{shape}” but looks like “{looks}”: choose that format.")
        shape = shape or looks
        columns = placed(headings, said) if said is not None else found[shape]
        return cls(shape, columns, _needed(shape, columns))

    def found(self) -> Headings:
        """Itself; FileRefused where a column is missing."""
        if self.missing:
            raise FileRefused(
                f"The header has no column {', '.join(self.missing)}. A register file begins with upn,date,session,code"
                " or with UPN,WeekBeginning,MonAM,…,FriPM."
            )
        return self


def _needed(shape: str, columns: Iterable[str]) -> list[str]:
    """The columns that a register of the shape cannot be without and that are not among ``columns``."""
    given = set(columns)
    missing = [name for name in (("weekbeginning",) if shape == "weeks" else _LONG) if name not in given]
    if not {"upn", "admissionno"} & given:
        missing.insert(0, "upn")
    if shape == "weeks" and not set(_CELLS) & given:
        missing.append("monam … fripm")
    return missing


def read_entries(entries: Iterable[Entry], roll: Roll, *, format: str, raw_codes: Mapping[str, str] | None = None) -> Reading:
    """Checks the marks of a format that is not a table: the same refusals, notices and stored marks as from one.

    ``raw_codes``: national code by the MIS's own; None: the roll's. FileRefused where everything is refused, as for ``read``.
    """
    reader = _Reader(roll if raw_codes is None else replace(roll, raw_codes=raw_codes), Reading(format))
    for number, entry in enumerate(entries):
        if number == MAX_ROWS:
            raise FileRefused(f"There are more than {MAX_ROWS:,} marks: read them in by term.")
        reader.take_entry(entry)
    reader.settle()
    return reader.reading


def shown(text: str) -> str:
    """A value from a file as a message may show it: short, and what cannot be seen written out."""
    visible = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text[:40])
    return f"“{visible}{'…' if len(text) > 40 else ''}”"


class _Reader:
    """Takes the marks of one file, one after the other, into a ``Reading``: the one checker in which every format ends."""

    def __init__(self, roll: Roll, reading: Reading) -> None:
        self.roll = roll
        self.reading = reading
        self.known: set[str] = set()
        self.unknown: set[str] = set()
        self._days: dict[dt.date, _Day] = {}
        self._dates: dict[str, dt.date] = {}
        self._noticed: dict[str, list[int]] = defaultdict(list)

    def take_entry(self, entry: Entry) -> None:
        """Enters a mark, or refuses it with its row."""
        self.reading.rows += 1
        try:
            pupil = self._pupil(entry.upn, entry.admission_no)
            date = self._date(entry.date, "date") if isinstance(entry.date, str) else entry.date
            self._one(entry.row, pupil, date, entry.session, entry.code, entry.raw_code, entry.minutes_late, entry.comment)
        except _RowRefused as refused:
            self.reading.refuse(entry.row, str(refused))

    def settle(self) -> None:
        """Adds the notices; FileRefused where the file is empty, another school's, or without a row that can be read in."""
        reading = self.reading
        if not reading.rows:
            raise FileRefused("The file has a header and no rows: export the register again, with its marks.")
        if len(self.unknown) > len(self.known):
            raise FileRefused(
                f"{len(self.unknown)} of the {len(self.unknown) + len(self.known)} pupils in this file are not on the roll of "
                f"{self.roll.school}: it looks like another school's file. Nothing of it was read in.",
                reading.refusals,
            )
        if not reading.marks and reading.refused and not reading.unknown_codes:
            raise FileRefused("No row of this file can be read in: see the reason beside each row.", reading.refusals)
        for sentence, rows in self._noticed.items():
            more = f" ({len(rows)} marks; the first in this row)" if len(rows) > 1 else ""
            reading.notices.append(Refusal(rows[0], sentence + more))

    def _one(
        self,
        row: int,
        pupil: Sequence[OnRoll],
        date: dt.date,
        session: str,
        code: str,
        raw_code: str,
        minutes_late: str,
        comment: str,
    ) -> None:
        """Enters a mark with what is known of it beyond its code."""
        half = _HALVES.get(session.upper())
        if half is None:
            raise _RowRefused(f"Session {shown(session)} is neither AM nor PM: write one of them.")
        if code in ("", "-"):
            if not raw_code:
                return
            code = raw_code
        minutes, said = _minutes(minutes_late), _comment(comment)
        enrolment_id, own_code = self._mark(row, pupil, date, half, code)
        own_code = own_code or (raw_code if raw_code != code else "")
        if minutes is not None or said or own_code:
            self.reading.details[enrolment_id, date, half] = Detail(minutes, said, own_code)

    def _pupil(self, upn: str, number: str) -> Sequence[OnRoll]:
        """The enrolments of the row's pupil at the school: by UPN, or by admission number where the row or the pupil has no UPN."""
        upn = upn.upper()
        if not upn and not number:
            raise _RowRefused("The row names no pupil: give a UPN or an admission number.")
        by_upn, by_number = self.roll.by_upn.get(upn, ()), self.roll.by_admission_number.get(number, ())
        if by_upn and by_number and by_number[0].upn != upn:
            raise _RowRefused(
                f"UPN {shown(upn)} and admission number {shown(number)} are two different pupils: correct one of them."
            )
        found = by_upn or [pupil for pupil in by_number if not upn or not pupil.upn]
        (self.known if found else self.unknown).add(upn or number)
        if not found:
            what = f"UPN {shown(upn)}" if upn else f"Admission number {shown(number)}"
            raise _RowRefused(f"{what} is not on the roll of {self.roll.school}: check the number, or admit the pupil first.")
        return found

    def _date(self, text: str, column: str) -> dt.date:
        if text not in self._dates:
            self._dates[text] = parsed_date(text, column)
        return self._dates[text]

    def _mark(self, row: int, pupil: Sequence[OnRoll], date: dt.date, session: str, text: str) -> tuple[int, str]:
        """Enters one mark; returns its enrolment's id and the MIS's own code where it is not the national one."""
        code = self._code(text)
        day = self._day(date)
        enrolment = _on_roll(pupil, date)
        key = enrolment.enrolment_id, day.year
        marks = self.reading.marks.get(key)
        if marks is None:
            marks = self.reading.marks[key] = bytearray(_NOTHING)
        place = day.morning + SESSIONS.index(session)
        if marks[place] != ord(NO_MARK):
            raise _RowRefused(f"An earlier row already gives a mark for this pupil on {date:%d %B %Y} {session}: leave one out.")
        marks[place] = ord(code.character)
        self._notice(row, code, date, enrolment)
        if self.reading.latest_date is None or date > self.reading.latest_date:
            self.reading.latest_date = date
        return enrolment.enrolment_id, text if text != code.code else ""

    def _code(self, text: str) -> Code:
        """The national code: by the school's own table first, since a person said there what the MIS means."""
        code = CODES.get(self.roll.raw_codes.get(text, text))
        if code is not None:
            return code
        if text.upper() in CODES:
            raise _RowRefused(f"Code {shown(text)} is not known: did you mean {text.upper()}?")
        if len(self.reading.unknown_codes) < MAX_UNKNOWN_CODES and 0 < len(text) <= MAX_RAW_CODE and text.isprintable():
            self.reading.unknown_codes[text] += 1
        raise _RowRefused(
            f"Code {shown(text)} is not known: use a national attendance code, such as /, L, I or N, or say once on the import "
            "page which national code it stands for."
        )

    def _day(self, date: dt.date) -> _Day:
        """What is known of the day; each is looked up once a file."""
        if date not in self._days:
            reason = why_not_a_school_day(date, self.roll.days, self.roll.closed)
            self._days[date] = _Day(reason, 0, 0) if reason else _Day("", academic_year_of(date), slot(date, SESSIONS[0]))
        if self._days[date].reason:
            raise _RowRefused(self._days[date].reason)
        return self._days[date]

    def _notice(self, row: int, code: Code, date: dt.date, enrolment: OnRoll) -> None:
        warning = code.warning_on(date)
        if warning:
            self._noticed[warning].append(row)
        if code.code == "X" and ages.is_compulsory(enrolment.date_of_birth, date):
            self._noticed[X_WARNING].append(row)


class _TableReader(_Reader):
    """Takes the rows of a table, of either shape."""

    def __init__(self, roll: Roll, columns: Mapping[str, int], reading: Reading, width: int) -> None:
        super().__init__(roll, reading)
        self.columns = columns
        self.width = width
        self.cells = [(columns[name], *place) for name, place in _CELLS.items() if name in columns]

    def take(self, row: int, fields: list[str]) -> None:
        """Reads a row, or refuses it. Of a week's row a cell may be refused and the others stand."""
        self.reading.rows += 1
        try:
            if len(fields) > self.width and any(fields[self.width :]):
                raise _RowRefused(
                    f"The row has {len(fields)} values but the header names {self.width} columns: check its commas."
                )
            fields += [""] * (self.width - len(fields))
            if self.reading.format == "long":
                self._long(row, fields)
            else:
                self._week(row, fields)
        except _RowRefused as refused:
            self.reading.refuse(row, str(refused))

    def _value(self, fields: Sequence[str], name: str) -> str:
        position = self.columns.get(name)
        return "" if position is None else fields[position]

    def _named(self, fields: Sequence[str]) -> Sequence[OnRoll]:
        return self._pupil(self._value(fields, "upn"), self._value(fields, "admissionno"))

    def _long(self, row: int, fields: Sequence[str]) -> None:
        pupil = self._named(fields)
        date = self._date(self._value(fields, "date"), "date")
        session, code = self._value(fields, "session"), self._value(fields, "code")
        self._one(row, pupil, date, session, code, "", self._value(fields, "minuteslate"), self._value(fields, "comment"))

    def _week(self, row: int, fields: Sequence[str]) -> None:
        pupil = self._named(fields)
        monday = self._date(self._value(fields, "weekbeginning"), "WeekBeginning")
        if monday.weekday():
            raise _RowRefused(f"WeekBeginning {monday:%d %B %Y} is a {monday:%A}: give the date of the Monday.")
        for position, weekday, session in self.cells:
            if fields[position] in ("", "-"):
                continue
            try:
                self._one(row, pupil, monday + dt.timedelta(days=weekday), session, fields[position], "", "", "")
            except _RowRefused as refused:
                self.reading.refuse(row, f"{WEEKDAYS[weekday]}{session}: {refused}")


def _minutes(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MAX_MINUTES_LATE):
        raise _RowRefused(
            f"minutes_late {shown(text)} is not a whole number of minutes from 0 to {MAX_MINUTES_LATE}: correct it."
        )
    return int(text) if text else None


def _comment(text: str) -> str:
    if len(text) > MAX_COMMENT:
        raise _RowRefused(f"The comment has {len(text)} characters: shorten it to {MAX_COMMENT}.")
    return text


X_WARNING = (
    "Code X is for pupils who are not of compulsory school age, and this pupil is: check whether C2 or another code is meant."
)


def parsed_date(text: str, column: str) -> dt.date:
    """2025-09-03 or 03/09/2025, a midnight after it allowed."""
    bare = re.sub(r"[T ]00:00(:00(\.0+)?)?Z?$", "", text)
    for pattern in (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", r"(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d{4})"):
        if found := re.fullmatch(pattern, bare, re.ASCII):
            try:
                return dt.date(*(int(found[part]) for part in ("year", "month", "day")))
            except ValueError:
                break
    raise _RowRefused(f"{column} {shown(text)} is not a date: write it as 2025-09-03.")


def why_not_a_school_day(date: dt.date, days: SchoolDays, closed: Mapping[dt.date, str]) -> str:
    """An empty string for a school day; otherwise the sentence that says what the day is and what to do."""
    if days.index(date) is not None:
        return ""
    if date.weekday() > 4:
        return f"{date:%A %d %B %Y} is a weekend day: correct the date."
    if date in closed:
        return f"{date:%d %B %Y} is not a school day ({closed[date].lower()}): correct the date or the school's calendar."
    if not len(days) or not days.dates[0] <= date <= days.dates[-1]:
        return f"{date:%d %B %Y} is outside the school's calendar: correct the date, or enter that year's half terms first."
    return f"{date:%d %B %Y} is in a school holiday: correct the date or the school's calendar."


def why_not_on_roll(starts: dt.date, ends: dt.date | None, date: dt.date) -> str:
    """An empty string where the enrolment covers the day; otherwise the sentence."""
    if date < starts:
        return f"The pupil was admitted on {starts:%d %B %Y}, after {date:%d %B %Y}: take the mark out or correct the admission."
    if ends is not None and date > ends:
        return f"The pupil left on {ends:%d %B %Y}, before {date:%d %B %Y}: take the mark out or correct the leaving date."
    return ""


def _on_roll(pupil: Iterable[OnRoll], date: dt.date) -> OnRoll:
    """The pupil's enrolment that covers the day."""
    reason = ""
    for enrolment in pupil:
        reason = why_not_on_roll(enrolment.starts, enrolment.ends, date)
        if not reason:
            return enrolment
    raise _RowRefused(reason)
