"""How figures, dates, marks and stages read on the staff's pages."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from attendance.codes import CODES, Meaning
from desk.words import stage_label
from letters.phrases import count
from letters.phrases import percent as exact_percent
from schools.models import PupilFlag

register = template.Library()
register.filter(stage_label)

GRAVE_FLAGS = {PupilFlag.Kind.CHILD_PROTECTION, PupilFlag.Kind.SOCIAL_WORKER, PupilFlag.Kind.LOOKED_AFTER}


@register.simple_tag
def percent(part: int | None, whole: int | None) -> str:
    """ "88.7%", always with a decimal so that columns align; a dash where nothing was possible."""
    if not whole or part is None:
        return "–"
    text = exact_percent(part, whole)
    return text if "." in text else text.replace("%", ".0%")


@register.filter
def short_day(date: dt.date | None) -> str:
    """Fri 21 Nov."""
    return f"{date:%a} {date.day} {date:%b}" if date else ""


@register.filter
def long_day(date: dt.date | None) -> str:
    """Friday 21 November."""
    return f"{date:%A} {date.day} {date:%B}" if date else ""


@register.filter(expects_localtime=True)
def clock_time(moment: dt.datetime | dt.time | None) -> str:
    """8.50: hours and minutes with a full stop, in local time."""
    return f"{moment.hour}.{moment.minute:02}" if moment else ""


@register.filter
def counted(number: int, nouns: str) -> str:
    """``{{ 3|counted:"letter,letters" }}`` is "3 letters"."""
    one, many = nouns.split(",")
    return f"{number:,} {one if number == 1 else many}"


@register.filter
def mark_class(code: str) -> str:
    """The look of a session's mark by its meaning; an unknown or empty code looks like no mark."""
    if code == "L":
        return "mark mark--late"
    if code == "N":
        return "mark mark--no-reason"
    known = CODES.get(code)
    looks = {
        Meaning.ATTENDING: "mark--in",
        Meaning.AUTHORISED: "mark--authorised",
        Meaning.UNAUTHORISED: "mark--unauthorised",
        Meaning.NOT_POSSIBLE: "mark--not-possible",
        Meaning.NOT_COLLECTED: "mark--not-possible",
    }
    return f"mark {looks.get(known.meaning, 'mark--unmarked')}" if known else "mark mark--unmarked"


@register.filter
def mark_letter(code: str) -> str:
    """What stands in the cell: nothing for a plain present mark, since being in school needs no letter."""
    return "" if code in {"/", "\\", ""} else code


@register.filter
def mark_words(code: str) -> str:
    """The code's meaning in words, for the cell's title; "no mark" where there is none."""
    known = CODES.get(code)
    return known.description if known else "no mark"


@register.filter
def flag_chip(flag: PupilFlag | str) -> SafeString:
    """A flag that changes how to act, as an outlined chip; the gravest with a firmer edge."""
    kind = flag.kind if isinstance(flag, PupilFlag) else flag
    look = "chip chip--grave" if kind in GRAVE_FLAGS else "chip"
    return format_html('<span class="{}">{}</span>', look, PupilFlag.Kind(kind).label)


@register.filter
def signed(change: float | None) -> SafeString:
    """ "+0.4" or "−1.9": percentage points; a fall of a point and more stands in wine, nothing where it is unknown."""
    if change is None:
        return mark_safe("–")
    size = f"{abs(change):.1f}"
    if size == "0.0":
        return mark_safe("0.0")
    if change > 0:
        return format_html("+{}", size)
    return format_html('<span class="{}">−{}</span>', "bad" if change <= -1 else "", size)


@register.filter
def points(change: float | None) -> str:
    """ "0.6 points higher", "3.8 points lower", "the same": a difference between two percentages, to one decimal."""
    if change is None:
        return ""
    size = round(abs(change), 1)
    if not size:
        return "the same"
    return f"{size} {'point' if size == 1 else 'points'} {'higher' if change > 0 else 'lower'}"


@register.filter
def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """ "6 minutes ago", "3 hours ago", or the day where it was another one."""
    local, here = timezone.localtime(moment), timezone.localtime(now)
    if local.date() != here.date():
        return f"on {local:%A} {local.day} {local:%B}"
    minutes = int((here - local).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    return f"{count(minutes, 'minute')} ago" if minutes < 60 else f"{count(minutes // 60, 'hour')} ago"
