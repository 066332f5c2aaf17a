"""How days and times read in the sentences of this room."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone


def day(date: dt.date) -> str:
    """Tuesday 9 December."""
    return f"{date:%A} {date.day} {date:%B}"


def time_of(moment: dt.datetime) -> str:
    """4.10pm, in local time."""
    local = timezone.localtime(moment)
    minutes = f".{local.minute:02}" if local.minute else ""
    return f"{local.hour % 12 or 12}{minutes}{'am' if local.hour < 12 else 'pm'}"


def day_and_time(moment: dt.datetime) -> str:
    """Tuesday 9 December at 4.10pm, in local time."""
    return f"{day(timezone.localtime(moment).date())} at {time_of(moment)}"


def local_day(moment: dt.datetime) -> dt.date:
    """The date that the moment has here."""
    return timezone.localtime(moment).date()
