"""Compulsory school age: plain Python, no database.

Law: Education Act 1996, section 8. It begins on the prescribed day (31 December, 31 March, 31 August) on or after the fifth birthday and
ends on the last Friday in June of the school year in which the child turns 16.
"""

from __future__ import annotations

import datetime as dt
import functools

_PRESCRIBED = ((3, 31), (8, 31), (12, 31))


@functools.lru_cache(maxsize=16_384)
def begins(date_of_birth: dt.date) -> dt.date:
    """The prescribed day from which the child is of compulsory school age."""
    fifth = _birthday(date_of_birth, 5)
    days = [dt.date(year, month, day) for year in (fifth.year, fifth.year + 1) for month, day in _PRESCRIBED]
    return next(day for day in days if day >= fifth)


@functools.lru_cache(maxsize=16_384)
def ends(date_of_birth: dt.date) -> dt.date:
    """The last Friday in June of the school year (September to August) in which the child turns 16."""
    sixteenth = _birthday(date_of_birth, 16)
    year = sixteenth.year + (sixteenth.month >= 9)
    last_of_june = dt.date(year, 6, 30)
    return last_of_june - dt.timedelta(days=(last_of_june.weekday() - 4) % 7)


def is_compulsory(date_of_birth: dt.date, on: dt.date) -> bool:
    return begins(date_of_birth) <= on <= ends(date_of_birth)


def _birthday(date_of_birth: dt.date, age: int) -> dt.date:
    """The day on which that age is reached; of a child born on 29 February, 1 March in other years."""
    try:
        return date_of_birth.replace(year=date_of_birth.year + age)
    except ValueError:
        return dt.date(date_of_birth.year + age, 3, 1)
