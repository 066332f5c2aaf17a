"""Statutory clocks as the pages show them: the running ones by day, and one clock with its register, calls, visits and return."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.urls import reverse

from casework.clock_evidence import Contacts, Record, Return, Tally
from casework.clock_kinds import ClockKind, kinds
from casework.clocks import the_return
from casework.models import Clock, ImprovementNotice, PenaltyRequest
from desk.queries.due import Due
from desk.queries.roll import Place
from desk.queries.todo import Reader
from letters.returns import Sheet
from schools.access import Scope
from schools.models import Pupil, Role, School

CLOSED_SHOWN = 28
"""Days for which a clock that was sent or not needed stays on the list."""


def clocks_due(schools: Collection[School], on: dt.date) -> list[Clock]:
    """The running clocks of the schools, those due first, first. One statement."""
    running = Clock.objects.filter(school__in=schools, state__in=Clock.RUNNING, opened_on__lte=on)
    return list(running.select_related("pupil", "school", "owner").order_by("due_on", "pk"))


def pupil_clocks(pupil: Pupil, school: School) -> list[Clock]:
    """The running clocks of one pupil at a school. One statement."""
    return list(Clock.objects.filter(pupil=pupil, school=school, state__in=Clock.RUNNING).select_related("owner"))


def statutory_context(scope: Scope, pupil: Pupil, school: School) -> dict[str, object]:
    """What ``desk/pupil_statutory.html`` wants beside the pupil and the school. One statement."""
    acts = ("see_penalties", "see_clocks", "record_clock")
    return {"clocks": pupil_clocks(pupil, school), **{f"may_{act}": not scope.refusal(act, school) for act in acts}}


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


def clock_due(reader: Reader) -> list[Due]:
    """What returns and notices ask of somebody, for Today: running clocks, notices to improve that end or have ended, and requests that
    the authority has not answered. Three statements."""
    return [
        *(_due_clock(reader, clock) for clock in clocks_due(reader.schools, reader.on)),
        *(_due_chance(reader, notice) for notice in _chances(reader)),
        *(_due_answer(reader, asked) for asked in _unanswered(reader)),
    ]


def _chances(reader: Reader) -> list[ImprovementNotice]:
    states = (ImprovementNotice.State.RUNNING, ImprovementNotice.State.ENDED)
    return list(ImprovementNotice.objects.filter(school__in=reader.schools, state__in=states).select_related("pupil"))


def _unanswered(reader: Reader) -> list[PenaltyRequest]:
    waiting = PenaltyRequest.objects.filter(ground__school__in=reader.schools, state=PenaltyRequest.State.REQUESTED)
    return list(waiting.select_related("ground__pupil"))


def _late(reader: Reader, school: int, on: dt.date) -> int:
    return reader.places[school].age(on) if on < reader.on else 0


def _due_clock(reader: Reader, clock: Clock) -> Due:
    about = reader.about(clock.pupil, clock.school_id)
    owner = reader.owner(clock.school_id, clock.role, about.line, clock.owner)
    late = _late(reader, clock.school_id, clock.due_on)
    return Due(clock.due_on, late, clock.get_kind_display(), about, owner, "Open", address=reverse("desk:clock", args=[clock.pk]))


def _due_chance(reader: Reader, notice: ImprovementNotice) -> Due:
    about = reader.about(notice.pupil, notice.school_id)
    owner = reader.owner(notice.school_id, Role.ATTENDANCE_LEAD, about.line)
    has_ended = notice.state == ImprovementNotice.State.ENDED
    title = f"Notice to improve ended: {notice.get_outcome_display().lower()}" if has_ended else "Notice to improve ends"
    late = _late(reader, notice.school_id, notice.ends_on) if has_ended else 0
    return Due(notice.ends_on, late, title, about, owner, "Open", address=reverse("desk:improvement", args=[notice.pk]))


def _due_answer(reader: Reader, asked: PenaltyRequest) -> Due:
    ground = asked.ground
    about, on = reader.about(ground.pupil, ground.school_id), asked.answer_due_on or ground.counted_on
    owner = reader.owner(ground.school_id, Role.ATTENDANCE_LEAD, about.line, asked.sent_by)
    late = _late(reader, ground.school_id, on)
    title = "Ask the authority about a penalty notice"
    return Due(on, late, title, about, owner, "Open", address=reverse("desk:penalty-ground", args=[ground.pk]))
