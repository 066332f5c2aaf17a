"""The tracking sheet of a year: for each half term the figure and its patterns, what gave concern, what was done and what came of it.

``goldington``, appendix 4. Everything is read from the record; nothing is typed a second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from attendance.queries import school_matrix
from casework.models import PlanReview
from casework.plans import target_words, title_of
from casework.queries.plans import plans_of
from casework.queries.support import support_of
from escalation.engine.register import Register, counted_characters, field
from escalation.models import Case, Event, Period, StageRecord
from escalation.services import COMPLETING, KIND_WORDS, OUTCOME_WORDS
from schools.models import Enrolment, HalfTerm
from schools.queries import school_days
from schools.schooldays import SchoolDays

WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays")
PATTERN_FROM = 4
"""Sessions missed in a half term from which a pattern is looked for."""
MOSTLY = 0.5
"""Share of them on one weekday, or in one half of the day, that is called one."""
LATE_FROM = 3
TALKS = ("conversation", "call", "meeting", "clinic")


@dataclass(frozen=True, slots=True)
class HalfTermLine:
    """One half term. ``concern``, ``done`` and ``outcome``: lines with their day."""

    name: str
    starts: dt.date
    ends: dt.date
    attended: int
    possible: int
    patterns: tuple[str, ...]
    concern: tuple[str, ...]
    done: tuple[str, ...]
    outcome: tuple[str, ...]
    has_begun: bool


def tracking_sheet(case: Case, on: dt.date) -> list[HalfTermLine]:
    """The half terms of the case's year, in order. About fourteen statements, however much happened."""
    half_terms = HalfTerm.objects.filter(academic_year__school=case.school_id, academic_year__start_year=case.year)
    days = school_days(case.school, [case.year])
    enrolments = Enrolment.objects.filter(school=case.school_id, pupil=case.pupil_id).values_list("pk", flat=True)
    enrolled, marks = school_matrix(case.school, [case.year], enrolment_ids=list(enrolments), days=days)
    register = Register(days, marks[-1:])
    concern, done, outcome = _concern(case), _done(case), _outcome(case)
    return [
        HalfTermLine(
            name=half_term.name,
            starts=half_term.starts,
            ends=half_term.ends,
            **_figures(register, half_term, on),
            concern=_within(concern, half_term),
            done=_within(done, half_term),
            outcome=_within(outcome, half_term),
            has_begun=half_term.starts <= on,
        )
        for half_term in half_terms.order_by("starts")
    ]


Dated = list[tuple[dt.date, str]]


def _within(lines: Dated, half_term: HalfTerm) -> tuple[str, ...]:
    """Those of the half term, with the weekend after it."""
    until = half_term.ends + dt.timedelta(days=2)
    found = sorted(line for line in lines if half_term.starts <= line[0] <= until)
    return tuple(f"{_short(on)}: {words}" for on, words in found)


def _short(on: dt.date) -> str:
    return f"{on.day} {on:%b}"


def _figures(register: Register, half_term: HalfTerm, on: dt.date) -> dict:
    days = register.days
    start, stop = days.first_on_or_after(half_term.starts), days.first_after(min(half_term.ends, on))
    if not register.pupils or stop <= start:
        return {"attended": 0, "possible": 0, "patterns": ()}
    words = register.words(start, stop, np.array([0]))
    late = int(field(words, "late")[0])
    patterns = [*_patterns(days, register.marks[0], start, stop), *([f"Late {late} times"] if late >= LATE_FROM else [])]
    return {
        "attended": int(field(words, "attended")[0]),
        "possible": int(field(words, "possible")[0]),
        "patterns": tuple(patterns),
    }


def _patterns(days: SchoolDays, marks: np.ndarray, start: int, stop: int) -> Iterable[str]:
    missed = counted_characters("missed", ())[marks[2 * start : 2 * stop]].reshape(-1, 2)
    total = int(missed.sum())
    if total < PATTERN_FROM:
        return
    weekdays = np.array([day.weekday() for day in days.dates[start:stop]])
    by_weekday = [int(missed[weekdays == number].sum()) for number in range(5)]
    most = int(np.argmax(by_weekday))
    if by_weekday[most] >= MOSTLY * total:
        yield f"Mostly {WEEKDAYS[most]}: {by_weekday[most]} of {total} sessions missed"
    mornings = int(missed[:, 0].sum())
    for name, part in (("mornings", mornings), ("afternoons", total - mornings)):
        if part > 1.5 * MOSTLY * total:
            yield f"Mostly {name}: {part} of {total} sessions missed"


def _concern(case: Case) -> Dated:
    records = StageRecord.objects.filter(case=case).exclude(
        state__in=(StageRecord.State.WITHDRAWN, StageRecord.State.PASSED_OVER)
    )
    return [(record.proposed_on, f"stage {record.stage}, {record.name}") for record in records]


def _done(case: Case) -> Dated:
    talks = Event.objects.filter(case=case, kind__in=TALKS, outcome__in=COMPLETING)
    lines = [(event.on, f"{KIND_WORDS.get(event.kind, event.kind)}, {OUTCOME_WORDS[event.outcome]}") for event in talks]
    lines += [(tried.on, f"{tried.what}, {tried.outcome.lower()}") for tried in support_of([case.pk]).get(case.pk, [])]
    return lines + [(plan.in_force_on, f"{title_of(plan)}, {target_words(plan)}") for plan in plans_of(case) if plan.in_force_on]


def _outcome(case: Case) -> Dated:
    lines = [
        (
            period.ends_on,
            f"{period.weeks} weeks, {period.attended} of {period.possible} sessions: {period.get_outcome_display().lower()}",
        )
        for period in Period.objects.filter(case=case).exclude(outcome="")
    ]
    reviews = PlanReview.objects.filter(plan__case=case)
    lines += [(review.on, f"reviewed: {review.get_decision_display().lower()}") for review in reviews]
    met = Event.objects.filter(case=case, kind="recovery")
    return lines + [(event.on, event.text.split(". ")[0].rstrip(".")) for event in met]
