"""What the last half term's registers will say, school by school, so that the scripted staff can do on each real day what belongs to it.

The demo's registers are settled before its nights begin. A school that keeps its register in its MIS has them in its rows from the start;
one that takes them here has its last days empty until the staff take them. Plain records.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from schools.schooldays import SchoolDays

DAYS_TAKEN_HERE = 2
"""School days before today whose registers are taken in the browser, where a school does so; and today's."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pupil (by enrolment) was away on a day, as it became known later."""

    enrolment: int
    about: dt.date
    code: str


@dataclass
class Foreseen:
    """One school. ``unknown``: whose absence had no reason on a day; ``learned``: the reasons by the day on which they were told;
    ``to_take``: {(day, session): {enrolment: character}} of the registers that are taken here."""

    unknown: dict[dt.date, set[int]] = field(default_factory=lambda: defaultdict(set))
    learned: dict[dt.date, set[Reason]] = field(default_factory=lambda: defaultdict(set))
    to_take: dict[tuple[dt.date, str], dict[int, str]] = field(default_factory=lambda: defaultdict(dict))


def half_term_begins(days: SchoolDays, today: dt.date) -> dt.date:
    """First day of the half term that holds ``today`` or ended last."""
    day = days.last_on_or_before(today) or 0
    return days.dates[int(np.argmax(days.half_term == days.half_term[day]))]


def taken_from(days: SchoolDays, today: dt.date) -> int:
    """Number of the first school day whose registers are taken here."""
    return max(days.first_on_or_after(today) - DAYS_TAKEN_HERE, 0)
