"""Reading a register file: bytes in; marks, numbered refusals and notices out. No database, no clock.

Two shapes are read, both UTF-8 with or without a byte order mark, header names in any case. *Long*: a row a mark
(``upn,date,session,code``, optionally ``admission_no,minutes_late,comment``). *Weeks*: a row a pupil and week (``UPN`` or ``StudentId``,
which is the admission number, ``WeekBeginning``, ``MonAM`` … ``FriPM``). An empty cell or ``-`` is no mark. A row that cannot be read is
refused with its number (the header is row 1) and the others go on; a file that is not this school's, or not a register, is refused whole.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from attendance.codes import CODES, NO_MARK, Code
from attendance.grid import SESSIONS, SLOTS, academic_year_of, slot
from schools import ages
from schools.rules import FileRefused, Refusal
from schools.schooldays import SchoolDays

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
MAX_LINE = 50_000
MAX_LINES_A_ROW = 20
SHOWN_REFUSALS = 1000
"""So many are kept with their sentences; all are counted."""
MAX_MINUTES_LATE = 600
MAX_COMMENT = 200
MAX_RAW_CODE = 10
MAX_UNKNOWN_CODES = 50

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
_CELLS = {f"{day}{session}".lower(): (number, session) for number, day in enumerate(WEEKDAYS) for session in SESSIONS}
_ALIASES = {"studentid": "admissionno", "admissionnumber": "admissionno"}
_LONG = ("date", "session", "code")


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


def read(data: bytes, roll: Roll, file_format: str | None = None) -> Reading:
    """Reads a file of ``file_format`` ("long" or "weeks"; None: told from the header). FileRefused where it is refused whole."""
    records = _records(decoded(data))
    columns = _columns(next(records, []))
    shape = _shape(columns, file_format)
    reader = _TableReader(roll, columns, Reading(shape))
    for row, fields in enumerate(records, start=2):
        if row > MAX_ROWS + 1:
            raise FileRefused(f"The file has more than {MAX_ROWS:,} rows: split it by term and import the parts.")
        if any(fields):
            reader.take(row, fields)
    reader.settle()
    return reader.reading


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


def decoded(data: bytes) -> str:
    """The file's text. FileRefused for what is too large, not text, or not UTF-8, saying how to save it again."""
    if len(data) > MAX_BYTES:
        raise FileRefused(f"The file is larger than {MAX_BYTES // 1024**2} MB: split it by term and import the parts.")
    if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise FileRefused(
            "This is a workbook or an archive, not a CSV file: open it, save the sheet as “CSV UTF-8” and import that."
        )
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileRefused("The file is in UTF-16: save it again as “CSV UTF-8” and import that.")
    if b"\0" in data:
        raise FileRefused(
            f"Row {_line(data, data.index(0))} holds a NUL byte, so this is not a CSV file: export the register again."
        )
    if endless := re.search(rb"[^\r\n]{%d}" % MAX_LINE, data):
        raise FileRefused(
            f"Row {_line(data, endless.start())} has more than {MAX_LINE:,} characters, so this is not a register: export it again."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"Row {_line(data, error.start)} holds a character that is not UTF-8 (the file may be in Windows-1252): "
            "save it again as “CSV UTF-8” and import that."
        ) from None


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

    reader = csv.reader(lines(), strict=True)
    try:
        for record in reader:
            lines_of_row = 0
            yield [value.strip() for value in record]
    except csv.Error as error:
        raise FileRefused(f"Row {reader.line_num} cannot be read as CSV ({error}): export the register again.") from None


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Position of each column by its name, without capitals, spaces and underscores."""
    if not any(header):
        raise FileRefused(
            "The file is empty or has no header: its first row must name the columns, such as upn,date,session,code."
        )
    if len(header) > MAX_COLUMNS:
        raise FileRefused(f"The header names {len(header):,} columns; a register file has at most {MAX_COLUMNS}.")
    names = [re.sub(r"[\W_]", "", name.lower()) for name in header]
    names = [_ALIASES.get(name, name) for name in names]
    for name in filter(None, names):
        if names.count(name) > 1:
            raise FileRefused(f"The header names column {shown(name)} twice: leave one of them out.")
    return {name: position for position, name in enumerate(names) if name}


def _shape(columns: Mapping[str, int], wanted: str | None) -> str:
    """ "long" or "weeks", as the header shows it. FileRefused where it is neither, or not what was asked for."""
    found = "weeks" if "weekbeginning" in columns else "long"
    if wanted not in (None, found):
        raise FileRefused(f"The header is not that of format “{wanted}” but looks like “{found}”: choose that format.")
    needed = ("weekbeginning",) if found == "weeks" else _LONG
    missing = [name for name in needed if name not in columns]
    if not {"upn", "admissionno"} & set(columns):
        missing.insert(0, "upn")
    if found == "weeks" and not set(_CELLS) & set(columns):
        missing.append("monam … fripm")
    if missing:
        hint = " (the columns are separated by semicolons or tabs: save the file with commas)" if len(columns) == 1 else ""
        raise FileRefused(
            f"The header has no column {', '.join(missing)}{hint}. A register file begins with upn,date,session,code"
            " or with UPN,WeekBeginning,MonAM,…,FriPM."
        )
    return found


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
        half = session.upper()
        if half not in SESSIONS:
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

    def __init__(self, roll: Roll, columns: Mapping[str, int], reading: Reading) -> None:
        super().__init__(roll, reading)
        self.columns = columns
        self.width = 1 + max(columns.values())
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
