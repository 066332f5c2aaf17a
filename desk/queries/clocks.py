"""Statutory clocks as the pages show them: the running ones by day, and one clock with its register, calls, visits and return."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from casework.clock_evidence import Contacts, Record, Return, Tally
from casework.clock_kinds import ClockKind, kinds
from casework.clocks import the_return
from casework.models import Clock
from desk.queries.roll import Place
from letters.returns import Sheet
from schools.models import School

CLOSED_SHOWN = 28
"""Days for which a clock that was sent or not needed stays on the list."""


def clocks_due(schools: Collection[School], on: dt.date) -> list[Clock]:
    """The running clocks of the schools, those due first, first. One statement."""
    running = Clock.objects.filter(school__in=schools, state__in=Clock.RUNNING, opened_on__lte=on)
    return list(running.select_related("pupil", "school", "owner").order_by("due_on", "pk"))


@dataclass(frozen=True)
class ClockLine:
    """A running clock. ``late``: school days since it was due."""

    clock: Clock
    late: int
    is_today: bool


def clock_lines(schools: Collection[School], places: dict[int, Place], on: dt.date) -> list[ClockLine]:
    """One statement."""
    return [
        ClockLine(clock, places[clock.school_id].age(clock.due_on) if clock.due_on < on else 0, clock.due_on == on)
        for clock in clocks_due(schools, on)
    ]


def closed_lately(schools: Collection[School], on: dt.date) -> list[Clock]:
    """Clocks sent or found not to be needed in the last four weeks, newest first. One statement."""
    closed = Clock.objects.filter(school__in=schools, closed_at__date__gte=on - dt.timedelta(days=CLOSED_SHOWN))
    return list(closed.select_related("pupil", "school", "closed_by").order_by("-closed_at"))


def termly(school: School, on: dt.date) -> list[Clock]:
    """The school's running clocks of the termly list, by name. One statement."""
    running = Clock.objects.filter(school=school, kind=Clock.Kind.TERMLY, state__in=Clock.RUNNING, opened_on__lte=on)
    return list(running.select_related("pupil", "school").order_by("pupil__last_name", "pupil__first_name", "pk"))


@dataclass(frozen=True)
class ClockPage:
    clock: Clock
    kind: ClockKind
    told: Return
    tally: Tally
    contacts: Contacts


def clock_page(clock: Clock, on: dt.date) -> ClockPage:
    """A clock with its evidence on today's register. A constant number of statements."""
    record = Record(clock.school, [clock], on)
    told = the_return(clock, on) if clock.state == Clock.State.SENT else record.make(clock)
    return ClockPage(clock, kinds()[clock.kind], told, record.tally(clock), record.contacts(clock))


def sheet_of(clock: Clock, told: Return) -> Sheet:
    """The return as a file is made from it."""
    return Sheet(
        title=told.title,
        school=clock.school.name,
        about=f"{clock.pupil.first_name} {clock.pupil.last_name}",
        lines=told.lines,
        source=kinds()[clock.kind].source,
        gaps=told.gaps,
        sent_on=clock.sent_on,
    )
