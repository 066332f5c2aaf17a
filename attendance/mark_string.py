"""Marks as one string from a date on, as a common transfer file holds them: reading and writing it. Plain Python, no database.

The string has two places a day, and either 10 a week (Monday to Friday) or 14 (every day). The Department's paper does not say how the
two-character codes of 2024 stand in it, so three ways are read: one character each (as in a register row), every mark padded to two
characters, and two-character codes simply written out between the others. A string is used only where exactly one reading fits: whole
weeks, nothing on a weekend, ``/`` in mornings and ``\\`` in afternoons only, and no year longer than a register row. Anything else is
refused with a sentence, since a string that is read one place off would put every absence on a wrong day.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attendance.codes import BY_CHARACTER, CODES, NO_MARK, Meaning
from attendance.grid import SESSIONS, WEEKS
from schools.rules import Refused

SLOTS_A_WEEK = (10, 14)
CLOSED = "#"
_EMPTY = frozenset(" -.")
_INDENT = re.compile(r"^\s*[\r\n]\s*|\s*[\r\n]\s*$|\t")
_TOKENS = re.compile(r"C[12]|J1|Y[1-7]|.", re.DOTALL)


class Totals(NamedTuple):
    """Sessions of a year."""

    possible: int
    attended: int
    authorised: int
    unauthorised: int


@dataclass(frozen=True, slots=True)
class Marks:
    """``characters``: one a session from ``starts`` on, as in a register row; "." is no mark."""

    starts: dt.date
    slots_a_week: int
    characters: str

    def sessions(self) -> Iterator[tuple[dt.date, str, str]]:
        """(date, "AM" or "PM", code) of every session that has a mark, in order."""
        for place, character in enumerate(self.characters):
            if character != NO_MARK:
                yield _day(self.starts, self.slots_a_week, place // 2), SESSIONS[place % 2], BY_CHARACTER[character].code

    @property
    def totals(self) -> Totals:
        return totals_of(BY_CHARACTER[character].code for character in self.characters if character != NO_MARK)


def totals_of(codes: Iterable[str]) -> Totals:
    """The sessions that these codes count as."""
    meanings = [CODES[code].meaning for code in codes]
    attended, authorised, unauthorised = (
        meanings.count(meaning) for meaning in (Meaning.ATTENDING, Meaning.AUTHORISED, Meaning.UNAUTHORISED)
    )
    return Totals(attended + authorised + unauthorised, attended, authorised, unauthorised)


def read_marks(text: str, starts: dt.date, *, slots_a_week: int | None = None, totals: Totals | None = None) -> Marks:
    """The marks of a string. ``slots_a_week`` 10 or 14; None: told from the string. Refused with a sentence where no one reading fits.

    ``totals``, as the file gives them, decide between two readings that both fit.
    """
    text = _INDENT.sub("", text)
    ways = _ways(text)
    widths = (slots_a_week,) if slots_a_week else SLOTS_A_WEEK
    readings = [marks for way in ways if (marks := _fitting(way, starts, widths))]
    if len(readings) > 1 and totals:
        readings = [marks for marks in readings if marks.totals == totals] or readings
    if len(readings) > 1:
        raise Refused("The marks can be read in more than one way.")
    if not readings:
        raise Refused(_why_none(text, ways, starts, widths))
    return readings[0]


def _fitting(characters: str, starts: dt.date, widths: Sequence[int]) -> Marks | None:
    """The reading that fits. Where both numbers of places do, 14 has the say: its weekends are empty, which ten a week never leave."""
    fits = [marks for slots in widths for marks in [Marks(starts, slots, characters)] if not _fault(marks)]
    return fits[-1] if fits else None


def _why_none(text: str, ways: Sequence[str], starts: dt.date, widths: Sequence[int]) -> str:
    """The sentence that says most about a string that cannot be used."""
    if not ways:
        unknown = next((mark for mark in text if mark not in _EMPTY and mark not in BY_CHARACTER), text[:1])
        return f"The marks hold {unknown!a}, which is no attendance code."
    faults = [_fault(Marks(starts, slots, ways[0])) for slots in widths]
    not_length = [fault for fault in faults if "whole number" not in fault]
    if not_length:
        return not_length[0]
    return f"{len(ways[0])} marks are not a whole number of weeks of {' or '.join(map(str, widths))}."


def _ways(text: str) -> list[str]:
    """The string's marks by each way in which it can be meant, one character a session; none where a mark is unknown in all of them.

    Where a two-character code stands as such, alone in its place or between single ones, that settles how the string is written.
    """
    single, written_out = list(text), _TOKENS.findall(text)
    padded = [text[place : place + 2].strip() for place in range(0, len(text), 2)]
    in_pairs = _characters(padded) if len(text) % 2 == 0 else None
    if in_pairs and any(mark in CODES and len(mark) == 2 for mark in padded):
        return [in_pairs]
    if any(len(mark) == 2 for mark in written_out) and not any(mark.isdigit() for mark in written_out):
        single = written_out
    return list(dict.fromkeys(way for way in (_characters(single), in_pairs) if way is not None))


def _characters(marks: Iterable[str]) -> str | None:
    """One character a mark; None where one is unknown."""
    found = [_character(mark) for mark in marks]
    return None if None in found else "".join(filter(None, found))


def _character(mark: str) -> str | None:
    if set(mark) <= _EMPTY:
        return NO_MARK
    if mark in CODES:
        return CODES[mark].character
    return mark if mark in BY_CHARACTER else None


def _fault(marks: Marks) -> str:
    """Why the reading cannot be right, or an empty string."""
    characters, slots = marks.characters, marks.slots_a_week
    count = len(characters)
    if not characters.strip(NO_MARK):
        return "The marks are empty."
    if count % slots:
        return f"{count} marks are not a whole number of weeks of {slots}."
    if count // slots > WEEKS:
        return f"{count} marks are more than a year of weeks of {slots}."
    if slots == 10 and marks.starts.weekday() > 4:
        return f"The marks begin on a {marks.starts:%A}, but have no places for weekends."
    for place, character in enumerate(characters):
        if character == "/" and place % 2 or character == "\\" and not place % 2:
            return f"Mark {place + 1} is “{character}” in the wrong half of the day, so the marks are out of step."
        if slots == 14 and character not in (NO_MARK, CLOSED) and _day(marks.starts, 14, place // 2).weekday() > 4:
            return f"Mark {place + 1} would fall on a weekend."
    return ""


def _day(starts: dt.date, slots_a_week: int, number: int) -> dt.date:
    """The date of a string's day; with ten places a week Saturdays and Sundays are passed over."""
    if slots_a_week == 14:
        return starts + dt.timedelta(days=number)
    weeks, weekday = divmod(starts.weekday() + number, 5)
    return starts + dt.timedelta(days=7 * weeks + weekday - starts.weekday())


def write_marks(
    codes: Mapping[tuple[dt.date, str], str], first: dt.date, last: dt.date, *, slots_a_week: int = 10
) -> tuple[dt.date, str]:
    """(the first day, the string) for whole weeks from the Monday of ``first`` to the week of ``last``.

    ``codes``: the national code, or "#" for a day without school, by (date, session). One character a mark; where a code has two, every
    mark of the string is padded to two, so that nobody needs to know our characters to read it.
    """
    monday = first - dt.timedelta(days=first.weekday())
    days = ((last - monday).days // 7 + 1) * (slots_a_week // 2)
    dates = [_day(monday, slots_a_week, number) for number in range(days)]
    marks = [codes.get((date, session), "") for date in dates for session in SESSIONS]
    width = 2 if any(len(code) == 2 for code in marks) else 1
    return monday, "".join(
        (code or "-" * width if date_is_week else "#").ljust(width) for code, date_is_week in _weekdays(marks, dates)
    )


def _weekdays(marks: list[str], dates: list[dt.date]) -> Iterator[tuple[str, bool]]:
    """Each mark with whether its day is a weekday."""
    for place, code in enumerate(marks):
        yield code, dates[place // 2].weekday() < 5
