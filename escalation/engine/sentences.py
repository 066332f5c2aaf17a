"""Reasons as sentences that a parent and a head teacher can read: what was counted, over which dates, and where the stage begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from escalation.engine.conditions import COUNTS, PERCENTAGES
from escalation.engine.reasons import Reason, rounded_ratio

_MISSED = {
    "missed": "missed",
    "authorised": "missed with authorisation",
    "unauthorised": "missed without authorisation",
    "attended": "attended",
    "late": "late",
}
_CASE = {
    "done": "Stage {0} is done.",
    "plan_ended": "The plan or period of stage {0} has ended.",
    "target_missed": "The plan or period of stage {0} ended with its target missed.",
    "target_met": "The plan or period of stage {0} ended with its target met.",
    "watch": "The watch rule “{0}” holds.",
}


def sentence(reason: Reason, subject: str) -> str:
    """The reason, for ``subject`` ("stage 3", "persistent absence").

    For example "8 of 58 sessions missed this half term (3 Nov – 12 Dec); stage 3 begins at 8."
    """
    if reason.on_the_case:
        return _on_the_case(reason)
    where = window_in_words(reason.window) if reason.window else ""
    dates = f" ({span_of_dates(reason.start, reason.end)})" if reason.start and reason.end else ""
    counted = " ".join(part for part in (_counted(reason), where) if part)
    return f"{counted}{dates}; {subject} begins {threshold_in_words(reason.op, reason.threshold, reason.measure)}."


def _on_the_case(reason: Reason) -> str:
    if reason.measure != "no_improvement_since":
        return _CASE[reason.measure].format(reason.window)
    if reason.before is None or reason.ratio_of is None or reason.start is None:
        return f"No improvement since stage {reason.window}."
    since, then = figure(rounded_ratio(reason.numerator or 0, reason.ratio_of)), figure(rounded_ratio(*reason.before))
    return (
        f"No improvement since stage {reason.window}: {since} % of {reason.ratio_of} sessions attended since "
        f"{short_date(reason.start)}, against {then} % of the year up to then."
    )


def _counted(reason: Reason) -> str:
    number, codes = reason.numerator or 0, coded(reason.codes)
    if reason.measure in _MISSED:
        what = f"coded {codes}" if codes else _MISSED[reason.measure]
        return f"{number} of {plural(reason.denominator or 0, 'session')} {what}"
    if reason.measure == "possible":
        return plural(number, "possible session")
    if reason.measure == "percent":
        return f"Attendance {figure(reason.value)} % ({reason.numerator} of {reason.ratio_of} sessions)"
    return _other_measures(reason, number, codes)


def _other_measures(reason: Reason, number: int, codes: str) -> str:
    if reason.measure == "days_absent":
        return f"{plural(number, 'school day')} missed in full"
    if reason.measure == "days_with":
        return f"{plural(number, 'school day')} with a session coded {codes}"
    if reason.measure in ("run_of_days", "run_of_sessions"):
        what = "school day" if reason.measure == "run_of_days" else "session"
        return f"{plural(number, what)} in a row missed" + (f" (coded {codes})" if codes else "")
    if reason.measure == "age_of_mark":
        return f"A session still coded {codes} after {plural(number, 'school day')}"
    if reason.measure == "best_possible":
        return f"At best {figure(reason.value)} % is still possible this year"
    value = reason.value or 0
    return f"Attendance {'fell' if value < 0 else 'rose'} by {figure(abs(value))} percentage points this week"


def window_in_words(window: str) -> str:
    """A window's text ("since: 4") as a phrase ("since stage 4 was done")."""
    kind, _, detail = window.partition(": ")
    return _WINDOWS[kind].format(detail, "" if detail == "1" else "s")


_WINDOWS = {
    "half_term": "this half term",
    "any_half_term": "in one half term",
    "term": "this term",
    "year": "this year",
    "previous_year": "last year",
    "monitoring": "in the present plan or period",
    "weeks": "in {0} week{1}",
    "school_weeks": "in {0} school week{1}",
    "school_days": "in {0} school day{1}",
    "since": "since stage {0} was done",
    "from_half_term_of": "since the half term of stage {0} began",
}


def threshold_in_words(op: str, threshold: int | float | None, measure: str) -> str:
    """ "at 8", "above 16", "below 90 %", "at 90 % or less"."""
    amount = figure(threshold) + (" %" if measure in PERCENTAGES else "")
    less = "fewer" if measure in COUNTS else "less"
    return {
        "at_least": f"at {amount}",
        "more_than": f"above {amount}",
        "below": f"below {amount}",
        "at_most": f"at {amount} or {less}",
    }[op]


def span_of_dates(start: dt.date, end: dt.date) -> str:
    """ "3 Nov – 12 Dec"; the years are given where they differ."""
    if start == end:
        return short_date(start)
    if start.year != end.year:
        return f"{short_date(start)} {start.year} – {short_date(end)} {end.year}"
    return f"{short_date(start)} – {short_date(end)}"


def short_date(date: dt.date) -> str:
    return f"{date.day} {_MONTHS[date.month - 1]}"


def long_date(date: dt.date) -> str:
    """ "Friday 5 December"; in English, whatever the machine's language."""
    return f"{_WEEKDAYS[date.weekday()]} {date.day} {_LONG_MONTHS[date.month - 1]}"


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONG_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTHS = tuple(month if len(month) < 5 else month[:3] for month in _LONG_MONTHS)


def coded(codes: Sequence[str]) -> str:
    """ "G, O or U"."""
    return f"{', '.join(codes[:-1])} or {codes[-1]}" if len(codes) > 1 else "".join(codes)


def figure(number: int | float | None) -> str:
    """Without zeros that say nothing: 90, 97.5, 89.66."""
    return f"{number:.2f}".rstrip("0").rstrip(".") if isinstance(number, float) else str(number)


def plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
