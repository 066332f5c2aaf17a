"""When a register opens and closes, and what follows: late or after closing, open for too long. Plain Python, no clock, no database.

Guidance: the Department asks that a register does not stay open for longer than 30 minutes; who arrives before it closes is L, who arrives
after is U (Working together to improve school attendance; Regulations 2024, regulation 10). A school may have several afternoons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from schools.models import RegisterTime

LONGEST = 30
"""Minutes for which a register may stay open."""
AHEAD = dt.timedelta(minutes=10)
"""So long before it opens a register may be begun by whoever takes it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A session's register time on its day, in local time."""

    opens: dt.datetime
    closes: dt.datetime
    label: str = ""

    @property
    def minutes(self) -> int:
        return minutes_between(self.opens, self.closes)

    @property
    def too_long(self) -> str:
        """A sentence where the school's own times leave the register open for longer than is asked; otherwise empty."""
        if self.minutes <= LONGEST:
            return ""
        return (
            f"The school's times leave this register open for {self.minutes} minutes, from {clock(self.opens)} to {clock(self.closes)}: "
            f"national guidance asks for {LONGEST} at most."
        )


def opening_of(
    times: Iterable[RegisterTime], session: str, year_groups: Collection[int], date: dt.date, zone: dt.tzinfo
) -> Opening | None:
    """The time that is in force for a form: the one that names its years before one for all; None where the school has entered none."""
    fitting = [time for time in times if time.session == session and _is_for(time, year_groups)]
    found = min(fitting, key=lambda time: (not time.year_groups, time.opens), default=None)
    if found is None:
        return None
    opens, closes = (dt.datetime.combine(date, moment, tzinfo=zone) for moment in (found.opens, found.closes))
    return Opening(opens, closes, found.label)


def _is_for(time: RegisterTime, year_groups: Collection[int]) -> bool:
    return not time.year_groups or bool(set(time.year_groups) & set(year_groups))


def minutes_between(start: dt.datetime, end: dt.datetime) -> int:
    """Whole minutes, rounded down."""
    return int((end - start).total_seconds() // 60)


def clock(moment: dt.datetime) -> str:
    """8.50, as the pages write it."""
    return f"{moment.hour}.{moment.minute:02}"


def stayed_open(opened_at: dt.datetime, until: dt.datetime) -> str:
    """A sentence where a register was open for longer than is asked; otherwise empty."""
    minutes = minutes_between(opened_at, until)
    if minutes <= LONGEST:
        return ""
    return f"Open for {minutes} minutes: national guidance asks for {LONGEST} at most."


def why_not_late(code: str, opening: Opening | None, minutes: int | None, now: dt.datetime) -> str:
    """Whether L or U agrees with when the pupil came: minutes after opening where they are given, otherwise the clock, on the day itself.

    An empty string where it does, or where nothing can be told; otherwise the sentence that names the right code.
    """
    if opening is None or code not in ("L", "U"):
        return ""
    if minutes is not None:
        return _by_minutes(code, opening, minutes)
    if code == "L" and opening.closes < now and now.date() == opening.closes.date():
        return (
            f"The register closed at {clock(opening.closes)}: who comes now is U. For a pupil who came before, give the minutes late "
            f"({opening.minutes} at most)."
        )
    return ""


def _by_minutes(code: str, opening: Opening, minutes: int) -> str:
    after_closing = minutes > opening.minutes
    if after_closing == (code == "U"):
        return ""
    came = clock(opening.opens + dt.timedelta(minutes=minutes))
    right, when = ("U", "after") if after_closing else ("L", "before")
    return f"{minutes} minutes late is {came}, {when} the register closed at {clock(opening.closes)}: the code is {right}."
