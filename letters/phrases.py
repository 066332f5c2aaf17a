"""How figures, dates and lists read in a letter: pure functions from values to plain English."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

from letters.facts import Contact, Figures, LateMark, Session

CONTACT_PHRASES: dict[str, str] = {
    "letter": "wrote to you",
    "message": "sent you a message",
    "call": "rang you",
    "conversation": "spoke with you",
    "meeting": "met with you",
    "meeting_missed": "asked you to a meeting",
    "visit": "came to your home",
    "clinic": "met with {child} in school",
    "plan": "began a support plan",
    "contract": "began an attendance contract",
    "early_help": "offered you early help",
    "referral": "asked the local authority for help",
}
TALKS = ("call", "conversation", "meeting", "visit")
"""The kinds after which a letter may say "when we spoke"."""


def day_month(date: dt.date) -> str:
    """``3 September``."""
    return f"{date.day} {date:%B}"


def full_date(date: dt.date) -> str:
    """``3 September 2025``."""
    return f"{date.day} {date:%B} {date.year}"


def weekday_date(date: dt.date) -> str:
    """``Wednesday 3 September``."""
    return f"{date:%A} {date.day} {date:%B}"


def clock(time: dt.time) -> str:
    """``4.10pm``, ``9am``, ``12 noon``."""
    if (time.hour, time.minute) == (12, 0):
        return "12 noon"
    hour = time.hour % 12 or 12
    minutes = f".{time.minute:02d}" if time.minute else ""
    return f"{hour}{minutes}{'am' if time.hour < 12 else 'pm'}"


def percent(part: int, whole: int) -> str:
    """One decimal, half up; more where rounding would lift the figure to a whole percent that it does not reach (89.96%, never 90.0%).

    Whole percents stand without decimals. An empty string where ``whole`` is 0.
    """
    if whole <= 0:
        return ""
    if 100 * part % whole == 0:
        return f"{100 * part // whole}%"
    exact = Decimal(100 * part) / Decimal(whole)
    places = 1
    while int(rounded := round_half_up(exact, places)) > int(exact):
        places += 1
    return f"{rounded}%"


def round_half_up(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def percent_of(value: Decimal | int) -> str:
    """A target or threshold as it was set: ``95%``, ``97.5%``."""
    number = Decimal(value)
    return f"{number.normalize():f}%"


def count(number: int, noun: str) -> str:
    """``1 session``, ``12 sessions``."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def days(sessions: int) -> str:
    """Sessions as school days: ``half a day``, ``1 day``, ``8½ days``."""
    if sessions == 1:
        return "half a day"
    whole, half = divmod(sessions, 2)
    return f"{whole}{'½' if half else ''} {'day' if sessions == 2 else 'days'}"


def joined(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = [item for item in items if item] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def attended_percent(figures: Figures | None) -> str:
    return percent(figures.attended, figures.possible) if figures else ""


def missed_percent(figures: Figures) -> str:
    return percent(figures.missed, figures.possible)


def session_lines(sessions: Sequence[Session]) -> list[str]:
    """One line a day, in order: ``Monday 3 November, morning and afternoon``."""
    halves = {"AM": "morning", "PM": "afternoon"}
    in_order = sorted(sessions, key=lambda session: (session.on, session.half))
    return [
        f"{weekday_date(date)}, {joined(halves[session.half] for session in of_day)}"
        for date, of_day in groupby(in_order, key=lambda session: session.on)
    ]


def late_lines(marks: Sequence[LateMark]) -> list[str]:
    """``Monday 3 November, 12 minutes late``."""
    return [
        f"{weekday_date(mark.on)}, {count(mark.minutes, 'minute') + ' late' if mark.minutes else 'late'}"
        for mark in sorted(marks, key=lambda mark: mark.on)
    ]


def contact_lines(contacts: Sequence[Contact], child: str) -> list[str]:
    """``7 October: we wrote to you.``, oldest first; a contact of an unknown kind without its own words is left out."""
    lines = []
    for contact in sorted(contacts, key=lambda contact: contact.on):
        phrase = contact.what or CONTACT_PHRASES.get(contact.kind, "").format(child=child)
        if phrase:
            lines.append(f"{day_month(contact.on)}: we {phrase.removeprefix('we ').rstrip('.')}.")
    return lines


def last_contact(contacts: Sequence[Contact], kinds: tuple[str, ...], key: str = "") -> dt.date | None:
    """The latest day of a contact of one of ``kinds`` (and of the letter ``key``), or None where none is on record."""
    return max((contact.on for contact in contacts if contact.kind in kinds and (not key or contact.key == key)), default=None)
