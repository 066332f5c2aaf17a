"""A stretch of school sessions from a day to a day, and its words: plain Python, no database, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from attendance.grid import SESSIONS
from schools.schooldays import SchoolDays

HALF_WORDS = {"AM": "morning", "PM": "afternoon"}
Session = tuple[dt.date, str]
"""A school day and "AM" or "PM"."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a session to a session, both included. Days on which the school is closed may lie in it."""

    first_day: dt.date
    first_session: str
    last_day: dt.date
    last_session: str

    @classmethod
    def of_days(cls, first_day: dt.date, last_day: dt.date) -> Span:
        return cls(first_day, "AM", last_day, "PM")

    def holds(self, session: Session) -> bool:
        return self._first <= _place(session) <= self._last

    def lies_in(self, other: Span) -> bool:
        return other.holds((self.first_day, self.first_session)) and other.holds((self.last_day, self.last_session))

    def meets(self, other: Span) -> bool:
        return self._first <= other._last and other._first <= self._last

    @property
    def _first(self) -> tuple[dt.date, int]:
        return _place((self.first_day, self.first_session))

    @property
    def _last(self) -> tuple[dt.date, int]:
        return _place((self.last_day, self.last_session))

    @property
    def starts_in_words(self) -> str:
        """As a letter says it: "Monday 8 December", "the afternoon of Monday 8 December"."""
        half = "the afternoon of " if self.first_session == "PM" else ""
        return f"{half}{self.first_day:%A} {self.first_day.day} {self.first_day:%B}"

    @property
    def ends_in_words(self) -> str:
        """As a letter says it: "10 December 2025", "the morning of 10 December 2025"."""
        half = "the morning of " if self.last_session == "AM" else ""
        return f"{half}{in_full(self.last_day)}"

    @property
    def in_words(self) -> str:
        """ "8 to 10 December 2025", "9 December 2025, afternoon"."""
        if self.first_day == self.last_day:
            half = f", {HALF_WORDS[self.first_session]}" if self.first_session == self.last_session else ""
            return in_full(self.first_day) + half
        first = str(self.first_day.day)
        if (self.first_day.year, self.first_day.month) != (self.last_day.year, self.last_day.month):
            first += f" {self.first_day:%B}"
        if self.first_day.year != self.last_day.year:
            first += f" {self.first_day.year}"
        first += " (afternoon)" if self.first_session == "PM" else ""
        return f"{first} to {in_full(self.last_day)}{' (morning)' if self.last_session == 'AM' else ''}"


def sessions_in(days: SchoolDays, span: Span) -> list[Session]:
    """The sessions of the span on which the school is open, in order."""
    start, stop = days.first_on_or_after(span.first_day), days.first_after(span.last_day)
    every = [(date, session) for date in days.dates[start:stop] for session in SESSIONS]
    return [session for session in every if span.holds(session)]


def day_back(days: SchoolDays, span: Span) -> dt.date | None:
    """The school day on which the pupil is expected again: the last day itself where only its morning is granted."""
    if span.last_session == "AM" and days.index(span.last_day) is not None:
        return span.last_day
    number = days.first_after(span.last_day)
    return days.dates[number] if number < len(days) else None


def weekly_sessions(days: SchoolDays, pattern: Collection[int], starts: dt.date, ends: dt.date) -> list[Session]:
    """The sessions of a weekly pattern (0 is Monday morning, 9 is Friday afternoon) on school days from a day to a day."""
    every = sessions_in(days, Span.of_days(starts, ends))
    return [(date, session) for date, session in every if date.weekday() * 2 + SESSIONS.index(session) in pattern]


def in_full(date: dt.date) -> str:
    """ "8 December 2025"."""
    return f"{date.day} {date:%B %Y}"


def _place(session: Session) -> tuple[dt.date, int]:
    return session[0], SESSIONS.index(session[1])
