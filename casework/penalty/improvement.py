"""Notices to improve: the seven things that each must hold, its length under the local code, and the test at its end. Plain Python.

Source: Working together to improve school attendance, chapter 6; local codes of conduct.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from attendance.codes import CODES, Meaning
from casework.penalty.counter import Mark
from casework.penalty.parameters import NoticeToImprove
from schools.rules import Refused
from schools.schooldays import SchoolDays

SEVEN = {
    "record": "The attendance record and the offences",
    "duty": "Why attendance matters, and the duty of section 7",
    "support": "The support given so far",
    "further": "Further support on offer",
    "warning": "A clear warning of a penalty notice or prosecution",
    "timeframe": "A clear time to improve",
    "improvement": "What counts as improvement, and when we may act earlier",
}
"""What a notice to improve must contain."""
FROM_THE_LETTER = ("record", "duty", "warning")
"""Those that the letter states by itself; the others are filled in."""
SCHOOL_DAYS_A_WEEK = 5


@dataclass(frozen=True, slots=True)
class Result:
    """The test of a period: sessions possible, attended and unauthorised in it; ``outcome`` "met", "missed" or "no sessions"."""

    possible: int
    attended: int
    unauthorised: int
    outcome: str

    @property
    def sentence(self) -> str:
        if self.outcome == "no sessions":
            return "There was no possible session in the time."
        return f"{self.attended} of {self.possible} sessions attended, {self.unauthorised} unauthorised."


def last_day(days: SchoolDays, starts: dt.date, length: int) -> dt.date:
    """The ``length``-th school day from ``starts`` on, that day counted where it is one. Refused where the calendar ends before."""
    number = days.first_on_or_after(starts) + length - 1
    if number >= len(days):
        raise Refused(
            "The school’s calendar ends before this notice would: set up next year’s terms first, or choose a shorter time."
        )
    return days.dates[number]


def length_in_school_days(given: int, times: NoticeToImprove) -> int:
    """``given`` school days, within what the local code allows. Refused outside it, with the limits."""
    factor = SCHOOL_DAYS_A_WEEK if times.unit == "weeks" else 1
    least, most = times.shortest * factor, times.longest * factor
    if not least <= given <= most:
        raise Refused(f"The time to improve is {least} to {most} school days under the local code: choose one within it.")
    return given


def usual_length(times: NoticeToImprove) -> int:
    """The local code's own length, in school days."""
    return times.length * (SCHOOL_DAYS_A_WEEK if times.unit == "weeks" else 1)


def tested(marks: Iterable[Mark], starts: dt.date, ends: dt.date, allowed: int) -> Result:
    """The sessions from ``starts`` to ``ends``, both included, against ``allowed`` unauthorised ones."""
    meanings = [CODES[mark.code].meaning for mark in marks if starts <= mark.date <= ends and mark.code in CODES]
    attended, unauthorised = meanings.count(Meaning.ATTENDING), meanings.count(Meaning.UNAUTHORISED)
    possible = attended + unauthorised + meanings.count(Meaning.AUTHORISED)
    outcome = "no sessions" if not possible else "met" if unauthorised <= allowed else "missed"
    return Result(possible, attended, unauthorised, outcome)


def missing_of_seven(contents: dict[str, str]) -> list[str]:
    """The names of the seven things that say nothing yet."""
    return [name for key, name in SEVEN.items() if not contents.get(key, "").strip()]
