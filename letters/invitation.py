"""A meeting as an iCalendar file (RFC 5545), so that a parent or a member of staff can put it into a calendar."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
_OCTETS = 75
"""Octets of a content line at most (RFC 5545, section 3.1)."""


def meeting_ics(
    *,
    uid: str,
    title: str,
    place: str,
    starts: dt.datetime,
    minutes: int,
    now: dt.datetime,
    sequence: int = 0,
    cancelled: bool = False,
) -> str:
    """One event. ``starts`` and ``now`` are aware; ``uid`` stays the same when a meeting is moved, ``sequence`` rises.

    The title should say no more than a stranger may read over a shoulder.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Handrail//Meetings//EN",
        f"METHOD:{'CANCEL' if cancelled else 'PUBLISH'}",
        "BEGIN:VEVENT",
        f"UID:{_text(uid)}",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(starts)}",
        f"DTEND:{_utc(starts + dt.timedelta(minutes=minutes))}",
        f"SEQUENCE:{sequence}",
        f"STATUS:{'CANCELLED' if cancelled else 'CONFIRMED'}",
        f"SUMMARY:{_text(title)}",
        f"LOCATION:{_text(place)}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def local(date: dt.date, time: dt.time) -> dt.datetime:
    """A school's wall-clock time as an aware one."""
    return dt.datetime.combine(date, time, tzinfo=LONDON)


def _utc(moment: dt.datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("A meeting's time needs its zone: build it with letters.invitation.local.")
    return moment.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", " ".join(value.split()))


def _folded(line: str) -> str:
    """``line`` broken before its 76th octet, never inside a character; each further line begins with a space."""
    pieces, piece = [], ""
    for character in line:
        if len((piece + character).encode()) > _OCTETS:
            pieces.append(piece)
            piece = " "
        piece += character
    return "\r\n".join([*pieces, piece])
