"""When a family may be disturbed: weekdays, inside the school's own window, in school time."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

SCHOOL_TIME = ZoneInfo("Europe/London")
SATURDAY = 5


def next_opening(moment: dt.datetime, opens: dt.time, closes: dt.time) -> dt.datetime:
    """``moment`` itself where texts may leave then; otherwise the next weekday's opening."""
    local = moment.astimezone(SCHOOL_TIME)
    if local.weekday() < SATURDAY and opens <= local.time() < closes:
        return moment
    day = local.date() if local.time() < opens else local.date() + dt.timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day += dt.timedelta(days=1)
    return dt.datetime.combine(day, opens, SCHOOL_TIME)


def closing(day: dt.date, closes: dt.time) -> dt.datetime:
    """The end of a day's window."""
    return dt.datetime.combine(day, closes, SCHOOL_TIME)
